//! How deep JSON is nested, counted by hand.

use timedb_wire::json::nesting;

#[test]
fn lists_and_objects_count_and_texts_do_not() {
    for (json, levels) in [
        ("1", 0),
        ("[]", 1),
        ("{\"a\": {}, \"b\": {}}", 2),
        ("{\"a\": [[1], {\"b\": [2]}]}", 4),
        (r#"{"[[[": "{{{"}"#, 1),
        (r#"{"\"[": "\\", "a": [1]}"#, 2),
        ("]]][", 1),
    ] {
        assert_eq!(nesting(json), levels, "{json}");
    }
    assert_eq!(nesting(&"[".repeat(100_000)), 100_000);
}
