//! When keys were last used.

use crate::identity::key_use;
use crate::pg::error::entry;
use pgrx::prelude::*;

/// SQL `timedb.report_key_use()`.
#[pg_extern(sql = false)]
fn report_key_use() -> bool {
    entry(key_use::report)
}
