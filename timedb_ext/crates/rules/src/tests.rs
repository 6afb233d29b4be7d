//! The rules by themselves: what each accepts, and that none of them panics.

mod corrections;
mod cursors;
mod names;
mod points;
mod uploads;
