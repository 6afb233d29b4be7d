//! The body of an upload in lines of JSON, each a row. As with a body of JSON, a fast reader takes what is valid, and a
//! line that it gives up on is read by the slow one, which finds the words.

use memchr::memchr_iter;
use serde::de::Deserializer;
use serde_json::{Value, json, value::RawValue};

use super::{
    fast::{BYTES_PER_ROW, RowVisitor},
    fields::{Errors, read_object},
    slow,
};
use crate::formats::{
    columns::{Columns, Row},
    scalar::Problem,
};
use crate::server::{error::FieldError, instant::TimeUnit};

/// Reads the rows, or says what is wrong with them.
pub(super) fn read(body: &[u8], unit: Option<TimeUnit>) -> Result<Columns<'_>, Vec<FieldError>> {
    let mut columns = Columns::with_capacity(body.len() / BYTES_PER_ROW);
    let mut errors = Errors::default();
    let (mut row, mut begin) = (0, 0);
    for end in memchr_iter(b'\n', body).chain([body.len()]) {
        let line = body.get(begin..end).unwrap_or_default();
        begin = end + 1;
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        if errors.is_full() {
            break;
        }
        let read = quickly(line, unit).or_else(|| slowly(line, row, unit, &mut errors));
        if let Some(read) = read {
            columns.push(read);
        }
        row += 1;
    }
    errors.finish(Some(columns))
}

fn quickly(line: &[u8], unit: Option<TimeUnit>) -> Option<Row<'_>> {
    let mut json = serde_json::Deserializer::from_slice(line);
    let line = RowVisitor {
        unit,
        is_line: true,
    };
    let row = json.deserialize_any(line).ok()?;
    json.end().ok()?;
    Some(row)
}

fn slowly<'a>(
    line: &'a [u8],
    row: usize,
    unit: Option<TimeUnit>,
    errors: &mut Errors,
) -> Option<Row<'a>> {
    if let Ok(raw) = serde_json::from_slice::<&RawValue>(line) {
        return slow::read_line(raw, row, unit, errors);
    }
    match read_object(line) {
        Err(wrong) => errors.add(wrong.into_iter().map(|error| error.in_row(row))),
        Ok(_) => errors.add([FieldError::new(
            "json_invalid",
            [json!("body"), json!(row)],
            Problem::no_object().msg,
            Value::Null,
        )]),
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "00000000-0000-0000-0000-0000000000ff";

    fn packed(line: &str, row: Option<Row<'_>>) -> Option<Vec<u8>> {
        let mut columns = Columns::default();
        columns.push(row?);
        let labels: Vec<_> = columns.labels().map(|of| of.map(str::to_owned)).collect();
        assert_eq!(labels.len(), 1, "{line}");
        Some(columns.pack(|_| None))
    }

    fn both(line: &str) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
        let unit = Some(TimeUnit::Seconds);
        let mut errors = Errors::default();
        let quick = packed(line, quickly(line.as_bytes(), unit));
        let slow = packed(line, slowly(line.as_bytes(), 0, unit, &mut errors));
        (quick, errors.finish(slow).ok())
    }

    #[test]
    fn what_is_valid_is_read_quickly_and_the_same() {
        let id = format!(r#""series_id":"{ID}""#);
        for fields in [
            r#""name":"a""#,
            r#""value_key":"\u0061\"""#,
            r#""name":null,"value_key":"a","labels":null,"unit":null"#,
            r#""name":"a","labels":{"b": "c","d":"\u0065"},"unit":"kW""#,
            &id,
            &format!(r#"{id},"name":"a""#),
            r#""name":"a","valid_time_end":7,"known_time":3,"knowledge_time":3"#,
            r#""name":"a","value":"2.5""#,
            r#""name":"a","value":null"#,
            r#""name":"a","value":12345678901234567890"#,
        ] {
            for line in [
                format!(r#"{{"valid_time":5,{fields}}}"#),
                format!("  {{ {fields} , \"valid_time\" : \"2025-01-01T00:00:00Z\" }}\r"),
            ] {
                let (quick, slow) = both(&line);
                assert!(quick.is_some(), "{line}");
                assert_eq!(quick, slow, "{line}");
            }
        }
    }

    #[test]
    fn what_is_not_is_left_to_the_slow_reader_which_refuses_it() {
        for line in [
            r#"{"name":"a"}"#,
            r#"{"valid_time":5}"#,
            r#"{"valid_time":5,"name":"a","value_key":"a"}"#,
            r#"{"valid_time":5,"name":1}"#,
            r#"{"valid_time":5,"name":"a","labels":[]}"#,
            r#"{"valid_time":5,"name":"a","labels":"{}"}"#,
            r#"{"valid_time":5,"name":"a","unit":" "}"#,
            r#"{"valid_time":5,"name":"a","value":1e999}"#,
            r#"{"valid_time":5,"name":"a","value":NaN}"#,
            r#"{"valid_time":5,"name":"a","value":true}"#,
            r#"{"valid_time":5,"name":"a","known_time":1,"knowledge_time":2}"#,
            r#"{"valid_time":5,"name":"a","vlaue":1}"#,
            r#"{"valid_time":5,"name":"a"} {}"#,
            r#"[5,"a"]"#,
            "5",
        ] {
            assert_eq!(both(line), (None, None), "{line}");
        }
    }
}
