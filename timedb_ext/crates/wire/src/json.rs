//! What both sides must agree on where JSON travels: the fields of an update, and how deep an object may be nested.

/// How deep the lists and objects of a stored JSON object may be nested: a deeper one could be stored, but could
/// not be read again with a smaller stack.
pub const MAX_NESTING: usize = 64;

/// What an update may say. Another field is refused: what is ignored is lost without a word.
pub const UPDATE_FIELDS: [&str; 11] = [
    "series_id",
    "valid_time",
    "valid_time_end",
    "known_time",
    "knowledge_time",
    "batch_id",
    "tenant_id",
    "value",
    "annotation",
    "tags",
    "metadata",
];

/// How deep the lists and objects of a JSON text are nested.
pub fn nesting(json: &str) -> usize {
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
