//! The functions about the store and the library themselves.

use crate::pg::durability::commit_as_writer;
use crate::pg::error::entry;
use pgrx::prelude::*;

/// SQL `timedb._commit_as_writer()`.
#[pg_extern(sql = false)]
fn _commit_as_writer() {
    entry(|| {
        commit_as_writer();
        Ok(())
    });
}

/// Panics. Not declared in SQL: the tests do that, as superuser, to see what a client learns of a panic.
#[pg_extern(sql = false)]
fn panic_at(index: i32) -> i32 {
    let none: &[i32] = &[];
    entry(|| Ok(none[index as usize]))
}

/// SQL `timedb.version()`.
#[pg_extern(sql = false)]
fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
