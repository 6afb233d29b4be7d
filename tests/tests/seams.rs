//! The seams between the library and PostgreSQL, attacked by whoever can send SQL in the session, own another
//! database, or change the tables: nothing of the library's is found by its name, held across calls where SQL
//! reaches it, or taken for something because it was that a moment ago.

#[path = "seams/abandoned.rs"]
mod abandoned;
#[path = "seams/between_fetches.rs"]
mod between_fetches;
#[path = "seams/fakes.rs"]
mod fakes;
#[path = "seams/locks.rs"]
mod locks;
#[path = "seams/other_types.rs"]
mod other_types;
#[path = "seams/panics.rs"]
mod panics;
#[path = "seams/store.rs"]
mod store;
#[path = "seams/unsafe_code.rs"]
mod unsafe_code;
