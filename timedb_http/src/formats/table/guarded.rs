//! Calls of libraries that read what a client sent, and rely on some of it before they check it: where one panics, the
//! table is damaged, and nothing else.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a call gives, or what is wrong with the table.
pub(super) fn guarded<T, E: std::fmt::Display>(
    read: impl FnOnce() -> Result<T, E>,
) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(read) => read.map_err(|error| error.to_string()),
        Err(_) => Err("it is damaged".to_owned()),
    }
}
