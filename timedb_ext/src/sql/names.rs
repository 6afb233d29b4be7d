//! What SQL asks about names.

use pgrx::prelude::*;
use timedb_rules::text::check_name;

/// SQL `timedb._is_printable(name)`.
#[pg_extern(sql = false)]
fn _is_printable(name: &str) -> bool {
    check_name(name, "").is_ok()
}
