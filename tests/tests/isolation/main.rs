//! Nobody gets anything of another tenant: whatever is asked, in whatever way, by whoever can send SQL, owns the
//! database, or changes the tables.

mod attacks;
mod owner_traps;
mod seams;
mod tenants;
