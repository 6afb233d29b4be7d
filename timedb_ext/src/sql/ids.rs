//! Ids.

use pgrx::Uuid;
use pgrx::prelude::*;

/// SQL `timedb._uuid7()`.
#[pg_extern(sql = false)]
fn _uuid7() -> Uuid {
    Uuid::from_bytes(uuid::Uuid::now_v7().into_bytes())
}
