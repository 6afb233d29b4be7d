//! What SQL asks about names.

use crate::pg::text::check_name;
use pgrx::prelude::*;

/// SQL `timedb._is_printable(name)`.
#[pg_extern(sql = false)]
fn _is_printable(name: &str) -> bool {
    check_name(name, "").is_ok()
}
