//! Objects that the database stores as they are.

use serde_json::value::RawValue;
use timedb_wire::json::{MAX_NESTING, nesting};

use super::scalar::Problem;

/// Whether a value is an object that the database keeps as it is.
pub(super) fn kept_object(raw: &RawValue) -> Result<(), Problem> {
    if !raw.get().starts_with('{') {
        return Err(Problem::new(
            "dict_type",
            "Input should be a valid dictionary",
        ));
    }
    match nesting(raw.get()) {
        levels if levels > MAX_NESTING => {
            let told = format!(
                "Value error, lists and objects may be nested at most {MAX_NESTING} levels deep, not {levels}"
            );
            Err(Problem::new("value_error", &told))
        }
        _ => Ok(()),
    }
}
