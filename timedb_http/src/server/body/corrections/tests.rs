//! What a body of corrections becomes, and what is said of one that is wrong.

use super::*;

const ID: &str = "00000000-0000-0000-0000-000000000001";

fn read_corrections(body: &[u8]) -> Result<String, ApiError> {
    super::read_corrections(body, TimeUnit::named("s"))
}

fn one(fields: &str) -> Result<String, ApiError> {
    let body = format!(r#"{{"updates":[{{"series_id":"{ID}","valid_time":0{fields}}}]}}"#);
    read_corrections(body.as_bytes())
}

fn error(body: &str) -> Value {
    let refused = read_corrections(body.as_bytes()).unwrap_err();
    assert_eq!(refused.status(), 422, "{body}");
    refused.detail()[0].clone()
}

#[test]
fn fields_are_normalised_and_what_is_left_out_stays_out() {
    let head = format!(r#"[{{"series_id":"{ID}","valid_time":"1970-01-01T00:00:00+00:00""#);
    for (fields, expected) in [
        ("", ""),
        (r#","value":"1.5""#, r#","value":1.5"#),
        (r#","value":null"#, r#","value":null"#),
        (r#","known_time":null,"batch_id":null,"tenant_id":null"#, ""),
        (
            r#","knowledge_time":"2025-01-01","valid_time_end":null"#,
            r#","valid_time_end":null,"knowledge_time":"2025-01-01T00:00:00+00:00""#,
        ),
        (
            r#","tags":["A\u00e9", ""],"annotation":"\"x\"","metadata":{"a": null}"#,
            r#","annotation":"\"x\"","tags":["Aé",""],"metadata":{"a": null}"#,
        ),
        (
            r#","tags":null,"annotation":null,"metadata":null"#,
            r#","annotation":null,"tags":null,"metadata":null"#,
        ),
    ] {
        assert_eq!(
            one(fields).unwrap(),
            format!("{head}{expected}}}]"),
            "{fields}"
        );
    }
    assert_eq!(read_corrections(br#"{"updates": [ ]}"#).unwrap(), "[]");
}

#[test]
fn what_is_wrong_is_named() {
    for (fields, kind, place) in [
        (r#","value":"much""#, "float_parsing", json!(["value"])),
        (r#","value":[1]"#, "float_type", json!(["value"])),
        (r#","value":true"#, "float_type", json!(["value"])),
        (r#","value":1e999"#, "finite_number", json!(["value"])),
        (r#","annotation":7"#, "string_type", json!(["annotation"])),
        (r#","tags":"a""#, "list_type", json!(["tags"])),
        (r#","tags":["a",7]"#, "string_type", json!(["tags", 1])),
        (r#","metadata":[]"#, "dict_type", json!(["metadata"])),
        (r#","batch_id":7"#, "string_type", json!(["batch_id"])),
        (
            r#","known_time":"x""#,
            "datetime_from_date_parsing",
            json!(["known_time"]),
        ),
        (
            r#","valid_time_end":false"#,
            "datetime_type",
            json!(["valid_time_end"]),
        ),
        (
            r#","annotation":"\u0000""#,
            "string_pattern_mismatch",
            json!(["annotation"]),
        ),
    ] {
        let body = format!(r#"{{"updates":[{{"series_id":"{ID}","valid_time":0{fields}}}]}}"#);
        let mut loc = vec![json!("body"), json!("updates"), json!(0)];
        loc.extend(place.as_array().unwrap().iter().cloned());
        let error = error(&body);
        assert_eq!(
            (&error["type"], &error["loc"]),
            (&json!(kind), &json!(loc)),
            "{fields}"
        );
    }
    for (body, kind, loc) in [
        ("{}", "missing", json!(["body", "updates"])),
        (r#"{"updates":{}}"#, "list_type", json!(["body", "updates"])),
        (
            r#"{"updates":null}"#,
            "list_type",
            json!(["body", "updates"]),
        ),
        (
            r#"{"updates":[7]}"#,
            "model_attributes_type",
            json!(["body", "updates", 0]),
        ),
        (
            r#"{"updates":[{}]}"#,
            "missing",
            json!(["body", "updates", 0, "series_id"]),
        ),
        (
            r#"{"updates":[{"series_id":null}]}"#,
            "missing",
            json!(["body", "updates", 0, "valid_time"]),
        ),
    ] {
        let error = error(body);
        assert_eq!(
            (&error["type"], &error["loc"]),
            (&json!(kind), &loc),
            "{body}"
        );
    }
}

#[test]
fn a_text_that_is_no_uuid_is_told_in_the_sentence_that_clients_know() {
    for (name, text) in [("batch_id", "x"), ("tenant_id", "7")] {
        let refused = one(&format!(r#","{name}":"{text}""#)).unwrap_err();
        assert_eq!(refused.status(), 400);
        assert_eq!(
            *refused.detail(),
            format!("Invalid UUID format: updates[0].{name} is \"{text}\"")
        );
    }
    // What can't be read at all comes first.
    let refused = one(r#","batch_id":"x","value":[]"#).unwrap_err();
    assert_eq!(refused.status(), 422);
}
