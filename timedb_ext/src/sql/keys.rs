//! New keys, imported keys, and when keys were last used. They are administered in SQL.

use crate::identity::{key_use, new_key};
use crate::pg::error::entry;
use pgrx::prelude::*;

/// SQL `timedb_internal._generate_key()`.
#[pg_extern(sql = false)]
fn _generate_key() -> String {
    entry(new_key::generate)
}

/// SQL `timedb_internal._bring_key(key)`. NULL is not a key either.
#[pg_extern(sql = false)]
fn _bring_key(key: Option<&str>) -> Option<String> {
    let brought = new_key::bring(key.unwrap_or_default());
    brought.err().map(|problem| problem.to_string())
}

/// SQL `timedb_internal._take_key()`.
#[pg_extern(sql = false)]
fn _take_key() -> TableIterator<'static, (Vec<u8>, String, bool)> {
    let kept = entry(new_key::take);
    TableIterator::once((kept.hash.to_vec(), kept.prefix, kept.legacy))
}

/// SQL `timedb.check_key(key)`. NULL is not a key either.
#[pg_extern(sql = false)]
fn check_key(key: Option<&str>) -> TableIterator<'static, (Option<&'static str>, Option<String>)> {
    TableIterator::once(match timedb_key::check(key.unwrap_or_default()) {
        Ok(format) => (Some(format.name()), None),
        Err(problem) => (None, Some(problem.to_string())),
    })
}

/// SQL `timedb.report_key_use()`.
#[pg_extern(sql = false)]
fn report_key_use() -> bool {
    entry(key_use::report)
}
