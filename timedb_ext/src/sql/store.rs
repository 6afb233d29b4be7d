//! The functions about the store and the library themselves, and what declarations in SQL call: ids, checks of names.

use crate::pg::durability::commit_as_writer;
use crate::pg::error::{entry, shielded};
use pgrx::Uuid;
use pgrx::prelude::*;
use timedb_rules::text::check_name;

/// SQL `timedb_internal._commit_as_writer()`.
#[pg_extern(sql = false)]
fn _commit_as_writer() {
    shielded(commit_as_writer);
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

/// SQL `timedb.built_for()`: the release whose headers the library was compiled with, in the form of
/// `server_version_num`.
#[pg_extern(sql = false)]
fn built_for() -> i32 {
    pgrx::pg_sys::PG_VERSION_NUM.cast_signed()
}

/// SQL `timedb_internal._uuid7()`.
#[pg_extern(sql = false)]
fn _uuid7() -> Uuid {
    Uuid::from_bytes(uuid::Uuid::now_v7().into_bytes())
}

/// SQL `timedb_internal._is_printable(name)`.
#[pg_extern(sql = false)]
fn _is_printable(name: &str) -> bool {
    check_name(name, "").is_ok()
}
