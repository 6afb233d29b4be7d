//! Objects that the database keeps as they are.

use serde_json::value::RawValue;

use super::scalar::Problem;

/// Deepest that the lists and objects of an object that is kept may stand in each other; the database says the same.
const MAX_NESTING: usize = 64;

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
                "Value error, lists and objects may stand in each other at most {MAX_NESTING} levels deep, not {levels}"
            );
            Err(Problem::new("value_error", &told))
        }
        _ => Ok(()),
    }
}

/// How deep the lists and objects of a JSON text stand in each other.
fn nesting(json: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}
