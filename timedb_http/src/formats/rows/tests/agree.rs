//! Every format says the same of the same rows, in the columns that its head promises.

use std::io::Cursor;

use arrow_array::{
    Array, ArrayRef, RecordBatch,
    cast::AsArray,
    types::{Float64Type, Int32Type, Int64Type, TimestampMicrosecondType},
};
use arrow_ipc::reader::StreamReader;
use arrow_schema::DataType;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};

use super::{
    super::{FormatName, Layout, Mode, format, write_ordered},
    NEW_YEAR, Point, pack, point,
};
use crate::server::instant;

/// Points of two series with whatever a mode's rows may have, as chunks.
fn chunks(flags: u8) -> Vec<Vec<u8>> {
    let a = vec![
        Point {
            end: Some(NEW_YEAR + 1_000_000),
            ..point(NEW_YEAR, 20.0)
        },
        Point {
            value: None,
            known: NEW_YEAR,
            ..point(NEW_YEAR + 500_000, 0.0)
        },
    ];
    let b = vec![point(NEW_YEAR, -1e-9), point(NEW_YEAR + 2_000_000, 1e300)];
    vec![
        pack(
            &[(1, "wind, \"north\"\r\n", "{\"site\": \"a b\"}", a)],
            flags,
        ),
        pack(&[(2, "", "{}", b)], flags),
    ]
}

fn written(chunks: &[Vec<u8>], layout: &Layout, name: FormatName) -> Vec<u8> {
    let packed = chunks.iter().map(Vec::as_slice);
    write_ordered(packed, layout, format(name)).expect("sound chunks")
}

/// One cell as JSON has it: times as microseconds, documents as values.
fn cell(column: &ArrayRef, row: usize) -> Value {
    if column.is_null(row) {
        return Value::Null;
    }
    match column.data_type() {
        DataType::Timestamp(..) => {
            json!(column.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        DataType::Float64 => json!(column.as_primitive::<Float64Type>().value(row)),
        DataType::Int64 => json!(column.as_primitive::<Int64Type>().value(row)),
        DataType::Boolean => json!(column.as_boolean().value(row)),
        DataType::Utf8 => json!(column.as_string::<i32>().value(row)),
        _ => {
            let texts = column.as_dictionary::<Int32Type>();
            let mut all: Vec<_> = texts.values().as_string::<i32>().iter().collect();
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), texts.values().len(), "a text is there twice");
            let key = texts.keys().value(row) as usize;
            json!(texts.values().as_string::<i32>().value(key))
        }
    }
}

fn rows_of(batches: &[RecordBatch]) -> Vec<Value> {
    let mut rows = Vec::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            let names = batch.schema_ref().fields().iter();
            let cells = names.zip(batch.columns());
            rows.push(
                cells
                    .map(|(field, column)| (field.name().clone(), cell(column, row)))
                    .collect(),
            );
        }
    }
    rows
}

/// JSON rows in the terms of a table: every column, documents as texts, times as microseconds.
fn rows_of_json(rows: &Value, names: &[String]) -> Vec<Value> {
    let of_row = |row: &Value| {
        let cells = names.iter().map(|name| {
            let value = &row[name];
            let is_time =
                name.ends_with("_time") && name != "lead_time" || name == "valid_time_end";
            let value = match value {
                Value::String(text) if is_time => json!(instant::parse(text).expect("a time")),
                Value::Object(_) | Value::Array(_) => json!(value.to_string()),
                value => value.clone(),
            };
            (name.clone(), value)
        });
        cells.collect()
    };
    rows.as_array()
        .expect("a list")
        .iter()
        .map(of_row)
        .collect()
}

#[test]
fn all_formats_have_the_same_rows() {
    for (mode, flags) in [
        (Mode::Flat, 3),
        (Mode::Overlapping, 7),
        (Mode::Relative, 7),
        (Mode::Last, 7),
        (Mode::Points, 7),
        (Mode::Versions, 31),
    ] {
        let (chunks, layout) = (chunks(flags), Layout::from(mode));
        let of_json: Value =
            serde_json::from_slice(&written(&chunks, &layout, FormatName::Json)).expect("JSON");
        let arrow = written(&chunks, &layout, FormatName::Arrow);
        let arrow = StreamReader::try_new(Cursor::new(arrow), None).expect("a stream");
        let names: Vec<String> = arrow
            .schema()
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect();
        let expected = rows_of_json(&of_json["data"], &names);
        for row in of_json["data"].as_array().expect("a list") {
            for name in row.as_object().expect("a row").keys() {
                assert!(names.contains(name), "{mode:?} has no column {name}");
            }
        }
        let batches: Vec<_> = arrow.collect::<Result<_, _>>().expect("batches");
        assert_eq!(rows_of(&batches), expected, "{mode:?}");

        let file = written(&chunks, &layout, FormatName::Parquet);
        let file = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(file));
        let batches = file.and_then(|file| file.build()).expect("a file");
        let batches: Vec<_> = batches.collect::<Result<_, _>>().expect("batches");
        assert_eq!(rows_of(&batches), expected, "{mode:?}");

        let lines =
            String::from_utf8(written(&chunks, &layout, FormatName::Ndjson)).expect("UTF-8");
        let lines: Vec<Value> = lines
            .lines()
            .map(|line| serde_json::from_str(line).expect(line))
            .collect();
        assert_eq!(json!(lines), of_json["data"], "{mode:?}");

        let columns: Value =
            serde_json::from_slice(&written(&chunks, &layout, FormatName::JsonColumns))
                .expect("JSON");
        assert_eq!(columns["count"], of_json["count"]);
        let data = columns["data"].as_object().expect("columns");
        assert_eq!(data.keys().cloned().collect::<Vec<_>>(), names);
        let rows = (0..expected.len()).map(|row| {
            names
                .iter()
                .map(|name| (name.clone(), data[name][row].clone()))
                .collect::<Value>()
        });
        assert_eq!(rows_of_json(&rows.collect(), &names), expected, "{mode:?}");
    }
}

#[test]
fn csv_has_a_line_of_names_and_quotes_what_needs_it() {
    let text = written(&chunks(31), &Mode::Versions.into(), FormatName::Csv);
    let text = String::from_utf8(text).expect("UTF-8");
    let lines: Vec<_> = text.split("\r\n2").collect();
    assert!(
        lines[0]
            .starts_with("known_time,change_time,valid_time,valid_time_end,series_id,value,name,")
    );
    assert!(text.contains(r#",20.0,"wind, ""north"""#), "{text}");
    assert!(text.contains(r#","{""site"":""a b""}","#), "{text}");
    // An empty name is no missing name, and a missing value is nothing.
    assert!(text.contains(r#",-1e-9,"",dimensionless,{},"#), "{text}");
    assert!(text.contains("000000000001,,\"wind"), "{text}");
    assert!(
        text.contains(r#","checked ""twice""","[""a"",""b""]","{""k"":1}""#),
        "{text}"
    );
}

#[test]
fn an_answer_without_rows_has_its_columns() {
    let layout = Layout::from(Mode::Flat);
    let text = |name| String::from_utf8(written(&[], &layout, name)).expect("UTF-8");
    assert_eq!(
        text(FormatName::Csv),
        "valid_time,valid_time_end,series_id,value,name,unit,labels\r\n"
    );
    assert_eq!(text(FormatName::Ndjson), "");
    assert_eq!(
        text(FormatName::JsonColumns),
        r#"{"count":0,"data":{"valid_time":[],"valid_time_end":[],"series_id":[],"value":[],"name":[],"unit":[],"labels":[]}}"#
    );
    let arrow = Cursor::new(written(&[], &layout, FormatName::Arrow));
    let arrow = StreamReader::try_new(arrow, None).expect("a stream");
    assert_eq!((arrow.schema().fields().len(), arrow.count()), (7, 0));
    let file = bytes::Bytes::from(written(&[], &layout, FormatName::Parquet));
    let file = ParquetRecordBatchReaderBuilder::try_new(file).expect("a file");
    assert_eq!(file.metadata().file_metadata().num_rows(), 0);
}
