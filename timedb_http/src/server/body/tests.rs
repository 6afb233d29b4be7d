//! Both readers against each other, and the error list in pydantic's form.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    fast,
    fields::{Errors, read_object},
    read_new_series, read_series_change, slow,
    upload::Upload,
};
use crate::formats::columns::SeriesFields;
use crate::server::{error::FieldError, instant::TimeUnit};

/// Numbers of these bodies are seconds.
const SECONDS: Option<TimeUnit> = Some(TimeUnit::Seconds);

fn read_upload(body: &[u8]) -> Result<Upload, Vec<FieldError>> {
    super::read_upload(body, SECONDS)
}

fn errors_of(body: &str) -> Value {
    json!(read_upload(body.as_bytes()).unwrap_err())
}

/// What the slow reader makes of a body that it accepts.
fn slowly(body: &str) -> Option<Vec<u8>> {
    let members = read_object(body.as_bytes()).ok()?;
    let mut errors = Errors::default();
    let columns = slow::read_rows(members.get("value_rows")?, SECONDS, &mut errors);
    errors.finish(Some(columns.pack(|_| None))).ok()
}

/// A sound body that has lost its rows has none.
fn without_rows(body: &str) -> Option<Vec<u8>> {
    let members = read_object(body.as_bytes()).ok()?;
    let none = members.get("value_rows").is_none();
    none.then(|| crate::formats::columns::Columns::default().pack(|_| None))
}

fn quickly(body: &str) -> Option<Vec<u8>> {
    fast::read(body.as_bytes(), SECONDS).map(|(_, columns)| columns.pack(|_| None))
}

#[test]
fn the_packed_form_is_version_1() {
    let upload = read_upload(
        br#"{"batch_start_time":"2025-01-01T00:00:00Z","value_rows":[
            {"valid_time":1,"value_key":"a","value":20.5},
            {"valid_time":"1970-01-01T00:00:02Z","value_key":"b","value":null,"valid_time_end":3,
             "series_id":"00000000-0000-0000-0000-0000000000ff"}],
            "series_descriptions":{"a":"d"}}"#,
    )
    .unwrap();
    let mut expected = vec![1, 0b11, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0];
    expected.extend([
        0, 1, 0, 0, 0, b'a', 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, b'd',
    ]);
    expected.push(1);
    expected.extend([0; 15]);
    expected.push(0xff);
    expected.extend([0, 0, 0, 0, 1, 0, 0, 0]);
    expected.extend(1_000_000i64.to_le_bytes());
    expected.extend(2_000_000i64.to_le_bytes());
    expected.extend(i64::MIN.to_le_bytes());
    expected.extend(3_000_000i64.to_le_bytes());
    expected.extend(20.5f64.to_le_bytes());
    expected.extend(0f64.to_le_bytes());
    expected.push(0b10);
    assert_eq!(upload.packed, expected);
    assert_eq!(upload.value_keys, ["a", "b"]);
    assert_eq!(upload.workflow_id, "api-workflow");
}

#[test]
fn a_row_may_say_when_it_was_known() {
    let upload = read_upload(
        br#"{"batch_start_time":0,"known_time":9,"value_rows":[
            {"valid_time":1,"value_key":"a","value":1,"known_time":5},
            {"valid_time":1,"value_key":"a","value":1,"known_time":null},
            {"valid_time":1,"value_key":"a","value":1,"knowledge_time":"1970-01-01T00:00:06Z"},
            {"valid_time":1,"value_key":"a","value":1,"known_time":7,"knowledge_time":7}]}"#,
    )
    .unwrap();
    assert_eq!(upload.packed[1], 4);
    let known = &upload.packed[upload.packed.len() - 32..];
    let expected = [5_000_000i64, i64::MIN, 6_000_000, 7_000_000];
    assert_eq!(known, expected.map(i64::to_le_bytes).as_flattened());
    assert_eq!(upload.known_time, Some(9_000_000));
    let row = |fields: &str| {
        errors_of(&format!(
            r#"{{"batch_start_time":0,"value_rows":[{{"valid_time":0,"value_key":"a",{fields}}}]}}"#
        ))
    };
    let place = |name: &str| json!(["body", "value_rows", 0, name]);
    let differ = row(r#""known_time":1,"knowledge_time":2"#);
    assert_eq!(differ[0]["type"], "value_error");
    assert_eq!(differ[0]["loc"], place("knowledge_time"));
    assert_eq!(row(r#""known_time":true"#)[0]["loc"], place("known_time"));
}

#[test]
fn a_handle_stands_for_what_the_upload_says() {
    let upload = read_upload(
        br#"{"batch_start_time":0,"series":{
            "h":{"name":"n","labels":{"l": "v"},"unit":"u"},"i":{"unit":"u"},"unused":{"name":"m"}},
            "value_rows":[{"valid_time":0,"value_key":"h","value":1},
                {"valid_time":0,"value_key":"i","series_id":"00000000-0000-0000-0000-0000000000ff","value":1}],
            "series_descriptions":{"h":"d"}}"#,
    )
    .unwrap();
    let text = |text: &[u8]| [&(text.len() as u32).to_le_bytes()[..], text].concat();
    let named = [text(b"n"), text(br#"{"l": "v"}"#), text(b"u"), text(b"d")].concat();
    let mut expected = vec![1, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 0];
    expected.extend(named);
    expected.push(2);
    expected.extend([0; 15]);
    expected.push(0xff);
    expected.extend(text(b"u"));
    assert_eq!(upload.packed[..expected.len()], expected);
    assert_eq!(upload.value_keys, ["h", "i"]);
}

#[test]
fn a_change_tells_null_from_absent_where_that_matters() {
    let change = |body: &str| read_series_change(body.as_bytes()).unwrap();
    assert_eq!(change("{}"), SeriesFields::default());
    let bare = r#"{"name":null,"labels":null,"unit":null,"series_id":7}"#;
    assert_eq!(change(bare), SeriesFields::default());
    assert_eq!(
        change(r#"{"description":null}"#).description.as_deref(),
        Some("")
    );
    let all = change(r#"{"name":"n","labels":{"l": "v"},"unit":"u","description":"d"}"#);
    assert_eq!(all.labels.as_deref(), Some(r#"{"l": "v"}"#));
    assert_eq!(all.name.as_deref(), Some("n"));
    for (body, kind) in [
        (r#"{"name":7}"#, "string_type"),
        (r#"{"labels":"x"}"#, "dict_type"),
        (r#"{"description":{}}"#, "string_type"),
        ("", "missing"),
    ] {
        assert_eq!(
            read_series_change(body.as_bytes()).unwrap_err()[0].kind,
            kind
        );
    }
}

#[test]
fn a_key_with_and_without_an_id_is_two_series() {
    let id = "00000000-0000-0000-0000-000000000001";
    let body = format!(
        r#"{{"batch_start_time":0,"value_rows":[
        {{"valid_time":1,"value_key":"a","value":1}},
        {{"valid_time":1,"value_key":"a","value":1,"series_id":"{id}"}},
        {{"valid_time":2,"value_key":"a","value":1,"series_id":null}}]}}"#
    );
    let upload = read_upload(body.as_bytes()).unwrap();
    assert_eq!(upload.value_keys, ["a", "a"]);
}

#[test]
fn a_missing_field_is_named() {
    assert_eq!(
        errors_of("{}"),
        json!([{"type":"missing","loc":["body","batch_start_time"],"msg":"Field required","input":{}}])
    );
    assert_eq!(errors_of("")[0]["loc"], json!(["body"]));
    assert_eq!(errors_of("[]")[0]["type"], "model_attributes_type");
    let row = r#"{"batch_start_time":0,"value_rows":[{"value":1}]}"#;
    let missing = |name: &str| json!({"type":"missing","loc":["body","value_rows",0,name],"msg":"Field required","input":{"value":1}});
    assert_eq!(
        errors_of(row),
        json!([missing("valid_time"), missing("value_key")])
    );
}

#[test]
fn a_bad_value_is_named_with_its_row() {
    let body = |value: &str| {
        format!(
            r#"{{"batch_start_time":0,"value_rows":[{{"valid_time":0,"value_key":"a","value":{value}}}]}}"#
        )
    };
    for (value, kind) in [
        (r#""warm""#, "float_parsing"),
        ("1e999", "finite_number"),
        ("-1e999", "finite_number"),
        (r#""NaN""#, "finite_number"),
        (r#""inf""#, "finite_number"),
        ("[]", "float_type"),
        ("true", "float_type"),
        ("false", "float_type"),
    ] {
        let errors = errors_of(&body(value));
        assert_eq!(errors[0]["type"], kind, "{value}");
        let place = json!(["body", "value_rows", 0, "value"]);
        assert_eq!(errors[0]["loc"], place, "{value}");
    }
    for value in ["NaN", "Infinity", "-Infinity"] {
        let errors = errors_of(&body(value));
        assert_eq!(errors[0]["type"], "json_invalid");
        let reason = errors[0]["ctx"]["error"].as_str().unwrap();
        assert!(reason.starts_with(value), "{reason}");
    }
    for value in [
        r#""1.5""#,
        r#"" 2 ""#,
        "null",
        "-0.0",
        "12345678901234567890",
    ] {
        assert!(read_upload(body(value).as_bytes()).is_ok(), "{value}");
    }
}

#[test]
fn other_fields_are_checked_by_name() {
    for (field, kind) in [
        (r#""batch_params":[1]"#, "dict_type"),
        (r#""workflow_id":7"#, "string_type"),
        (r#""workflow_id":"a\u0000b""#, "string_pattern_mismatch"),
        (r#""workflow_id":"\ud800""#, "string_unicode"),
        (r#""known_time":"infinity""#, "datetime_from_date_parsing"),
        (r#""known_time":true"#, "datetime_type"),
        (r#""knowledge_time":true"#, "datetime_type"),
        (r#""known_time":1,"knowledge_time":2"#, "value_error"),
        (r#""batch_id":"7""#, "uuid_parsing"),
        (r#""batch_id":7"#, "uuid_type"),
        (r#""skip_unchanged":"true""#, "bool_type"),
        (r#""skip_unchanged":1"#, "bool_type"),
        (r#""value_rows":null"#, "list_type"),
        (r#""value_rows":[3]"#, "model_attributes_type"),
        (r#""series_descriptions":{"a":1}"#, "string_type"),
        (r#""series":[]"#, "dict_type"),
        (r#""series":{"a":"b"}"#, "dict_type"),
        (r#""series":{"a":{"labels":"b"}}"#, "dict_type"),
        (r#""series":{"a":{"unit":1}}"#, "string_type"),
        (r#""series":{"a":{"name":"\ud800"}}"#, "string_unicode"),
        (r#""series_descriptions":{"\ud800":"x"}"#, "string_unicode"),
    ] {
        let errors = errors_of(&format!(r#"{{"batch_start_time":0,{field}}}"#));
        assert_eq!(errors[0]["type"], kind, "{field}");
    }
    let nul = r#"{"batch_start_time":0,"value_rows":[{"valid_time":0,"value_key":"a\u0000"}]}"#;
    assert_eq!(errors_of(nul)[0]["loc"][3], "value_key");
}

#[test]
fn a_time_known_goes_by_either_name() {
    for (fields, known) in [
        (r#""known_time":1"#, Some(1_000_000)),
        (r#""knowledge_time":1"#, Some(1_000_000)),
        (r#""known_time":null,"knowledge_time":1"#, Some(1_000_000)),
        (
            r#""known_time":1,"knowledge_time":"1970-01-01T00:00:01Z""#,
            Some(1_000_000),
        ),
        (r#""knowledge_time":null"#, None),
    ] {
        let body = format!(r#"{{"batch_start_time":0,{fields}}}"#);
        assert_eq!(
            read_upload(body.as_bytes()).unwrap().known_time,
            known,
            "{fields}"
        );
    }
}

#[test]
fn numbers_are_times_where_the_request_says_what_they_count() {
    let rows =
        r#""value_rows":[{"valid_time":1500,"value_key":"k","valid_time_end":2000.5,"value":1}]"#;
    let start = r#""batch_start_time":1000"#;
    let read = |body: &str, unit| super::read_upload(body.as_bytes(), unit);
    let micros = |micros: i64| micros.to_le_bytes();
    for (body, in_query) in [
        (format!(r#"{{"time_unit":"ms",{start},{rows}}}"#), None),
        (format!(r#"{{{rows},{start},"time_unit":"ms"}}"#), None),
        (format!(r#"{{{rows},{start}}}"#), TimeUnit::named("ms")),
        (
            format!(r#"{{{rows},{start},"time_unit":"ms"}}"#),
            TimeUnit::named("ms"),
        ),
        (
            format!(r#"{{"time_unit":null,{rows},{start}}}"#),
            TimeUnit::named("ms"),
        ),
    ] {
        let upload = read(&body, in_query).unwrap();
        assert_eq!(upload.batch_start_time, 1_000_000, "{body}");
        let times = &upload.packed[upload.packed.len() - 24..];
        assert_eq!(times[..8], micros(1_500_000), "{body}");
        assert_eq!(times[8..16], micros(2_000_500), "{body}");
    }
    let kinds = |body: &str, in_query| -> Vec<(String, Value)> {
        let errors = read(body, in_query).unwrap_err();
        let of = |error: FieldError| (error.kind.to_owned(), json!(error.loc));
        errors.into_iter().map(of).collect()
    };
    let wrong = kinds(&format!("{{{start},{rows}}}"), None);
    let datetime = |place: Value| ("datetime_type".to_owned(), place);
    assert_eq!(
        wrong,
        [
            datetime(json!(["body", "value_rows", 0, "valid_time"])),
            datetime(json!(["body", "value_rows", 0, "valid_time_end"])),
            datetime(json!(["body", "batch_start_time"])),
        ]
    );
    let of_unit = |kind: &str| vec![(kind.to_owned(), json!(["body", "time_unit"]))];
    for unit in [r#""m""#, r#""S""#, "1", r#""""#, "{}"] {
        let body = format!(r#"{{"time_unit":{unit},{start},{rows}}}"#);
        assert_eq!(kinds(&body, None), of_unit("literal_error"), "{body}");
    }
    let body = format!(r#"{{"time_unit":"s",{start},{rows}}}"#);
    assert_eq!(kinds(&body, TimeUnit::named("ms")), of_unit("value_error"));
    // The last of two counts, as everywhere in JSON.
    let body = format!(r#"{{"time_unit":"s",{start},{rows},"time_unit":"ms"}}"#);
    assert_eq!(read(&body, None).unwrap().batch_start_time, 1_000_000);
}

#[test]
fn what_is_not_said_of_a_retry_is_none() {
    for body in [
        r#"{"batch_start_time":0}"#,
        r#"{"batch_start_time":0,"batch_id":null,"skip_unchanged":null}"#,
    ] {
        let upload = read_upload(body.as_bytes()).unwrap();
        assert_eq!((upload.batch_id, upload.skip_unchanged), (None, false));
    }
    let body = r#"{"batch_start_time":0,"batch_id":"00000000-0000-0000-0000-0000000000FF","skip_unchanged":true}"#;
    let upload = read_upload(body.as_bytes()).unwrap();
    assert_eq!(upload.batch_id.map(|id| id.as_u128()), Some(255));
    assert!(upload.skip_unchanged);
}

#[test]
fn broken_json_is_named_with_its_offset() {
    let errors = errors_of("{\"a\": 1,\n x}");
    assert_eq!(errors[0]["type"], "json_invalid");
    assert_eq!(errors[0]["loc"], json!(["body", 10]));
    assert_eq!(errors_of("{\"a\"")[0]["type"], "json_invalid");
    assert_eq!(errors_of("{} {}")[0]["type"], "json_invalid");
    let not_utf8 = read_upload(b"{\"a\": \"\xff\"}").unwrap_err();
    assert_eq!(not_utf8[0].kind, "json_invalid");
}

#[test]
fn an_error_list_ends() {
    let rows = vec!["{}"; 5000].join(",");
    let body = format!(r#"{{"batch_start_time":0,"value_rows":[{rows}]}}"#);
    assert_eq!(errors_of(&body).as_array().unwrap().len(), 100);
}

#[test]
fn a_series_needs_a_name() {
    let series = read_new_series(br#"{"name":"t","labels":{"a": "b"},"unit":null}"#).unwrap();
    assert_eq!(series.name.as_deref(), Some("t"));
    assert_eq!(series.labels.as_deref(), Some(r#"{"a": "b"}"#));
    assert_eq!(series.unit, None);
    for (body, kind) in [
        ("{}", "missing"),
        (r#"{"name":null}"#, "string_type"),
        (r#"{"name":"t","labels":"x"}"#, "dict_type"),
    ] {
        assert_eq!(read_new_series(body.as_bytes()).unwrap_err()[0].kind, kind);
    }
}

/// A JSON value of any kind, so that rows are right, odd and wrong.
fn any_value() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => any::<f64>().prop_map(|x| json!(x).to_string()),
        2 => any::<i64>().prop_map(|x| x.to_string()),
        2 => "[a-c]{1,2}".prop_map(|x| json!(x).to_string()),
        2 => Just(r#""2025-01-01T00:00:00Z""#.to_owned()),
        2 => Just(r#""00000000-0000-0000-0000-000000000001""#.to_owned()),
        3 => Just("null".to_owned()),
        1 => Just("[1,{}]".to_owned()),
        1 => Just("1e400".to_owned()),
    ]
}

proptest! {
    #[test]
    fn both_readers_agree(rows in proptest::collection::vec((any_value(), any_value(), any_value(), any_value()), 0..6)) {
        let rows: Vec<String> = rows.into_iter().map(|(end, value, id, known)| {
            format!(r#"{{"valid_time":0,"value_key":"k","valid_time_end":{end},"value":{value},"series_id":{id},"known_time":{known},"knowledge_time":{end}}}"#)
        }).collect();
        let body = format!(r#"{{"value_rows":[{}]}}"#, rows.join(","));
        prop_assert_eq!(quickly(&body), slowly(&body));
    }

    #[test]
    fn a_mangled_body_is_read_alike_or_not_at_all(at in 0usize..140, with in "[\\[\\]{}:,\"\\\\0-9a-z \\-]{0,2}") {
        let mut body = r#"{"value_rows": [{"valid_time":0,"value_key":"k\u00e9","value":-1.5e0},{"value_key":"b","valid_time":"2025-01-01"}] }"#.to_owned();
        let at = at.min(body.len() - 1);
        body.replace_range(at..=at, &with);
        prop_assert_eq!(quickly(&body), slowly(&body).or_else(|| without_rows(&body)), "{}", body);
    }

    #[test]
    fn numbers_arrive_bit_for_bit(number in any::<f64>().prop_filter("finite", |x| x.is_finite())) {
        let body = format!(r#"{{"value_rows":[{{"valid_time":0,"value_key":"k","value":{}}}]}}"#, json!(number));
        let packed = quickly(&body).unwrap();
        prop_assert_eq!(&packed[packed.len() - 8..], &number.to_le_bytes());
    }
}
