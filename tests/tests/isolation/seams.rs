//! The seams between the library and PostgreSQL, attacked by whoever can send SQL in the session, own another
//! database, or change the tables: nothing of the library's is found by its name, held across calls where SQL
//! reaches it, or taken for something because it was that a moment ago.

mod abandoned;
mod between_fetches;
mod fakes;
mod locks;
mod other_types;
mod panics;
mod store;
mod unsafe_code;
