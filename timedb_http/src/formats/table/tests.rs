//! Tables of every kind: what is read of them, what is refused and where, and tables that are damaged or lie.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, DictionaryArray, FixedSizeBinaryArray, Float32Array, Float64Array, Int32Array,
    Int64Array, RecordBatch, StringArray, TimestampMillisecondArray, TimestampNanosecondArray,
    types::Int32Type,
};
use arrow_ipc::writer::StreamWriter;
use bytes::Bytes;
use parquet::{arrow::ArrowWriter, basic::Compression, file::properties::WriterProperties};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{TableFormat, read_table, unpacked_size};
use crate::{
    formats::columns::{Columns, Row},
    server::instant::TimeUnit,
};

fn arrow(batch: &RecordBatch) -> Bytes {
    let mut stream = StreamWriter::try_new(Vec::new(), batch.schema_ref()).expect("a stream");
    stream.write(batch).expect("a batch");
    stream.finish().expect("an end");
    stream.into_inner().expect("bytes").into()
}

fn parquet(batch: &RecordBatch) -> Bytes {
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY);
    let mut file =
        ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties.build())).expect("a file");
    file.write(batch).expect("a batch");
    file.into_inner().expect("bytes").into()
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).expect("a batch")
}

fn names(keys: &[Option<i32>]) -> ArrayRef {
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["wind", "lo,ad"]));
    let keys = Int32Array::from(keys.to_vec());
    Arc::new(DictionaryArray::<Int32Type>::new(keys, texts))
}

fn read(format: TableFormat, table: &Bytes) -> Result<Vec<u8>, Value> {
    read_in(format, table, None)
}

/// The packed form of a table, or what is wrong with it: kind, row, column.
fn read_in(format: TableFormat, table: &Bytes, unit: Option<TimeUnit>) -> Result<Vec<u8>, Value> {
    let read = read_table(format, table, unit);
    read.map(|columns| columns.pack(|_| None))
        .map_err(|troubles| {
            let told = troubles
                .iter()
                .map(|trouble| json!([trouble.problem.kind, trouble.row, trouble.column]));
            told.collect()
        })
}

/// The packed form of two rows that many tables below say.
fn two_rows() -> Vec<u8> {
    let mut columns = Columns::default();
    for (name, value) in [("wind", Some(1.5)), ("lo,ad", None)] {
        columns.push(Row {
            value_key: name.into(),
            series_id: None,
            valid_time: 1_500_000,
            valid_time_end: None,
            value,
            known_time: None,
            labels: Some(r#"{"site":"a"}"#.into()),
            unit: None,
        });
    }
    columns.pack(|_| None)
}

fn labels() -> ArrayRef {
    Arc::new(StringArray::from(vec![r#"{"site":"a"}"#; 2]))
}

#[test]
fn columns_of_many_types_say_the_same() {
    let millis = TimestampMillisecondArray::from(vec![1500, 1500]);
    let nanos = TimestampNanosecondArray::from(vec![1_500_000_999, 1_500_000_000]);
    let values = || Arc::new(Float64Array::from(vec![Some(1.5), None])) as ArrayRef;
    let tables = [
        batch(vec![
            ("valid_time", Arc::new(millis.clone())),
            ("value", values()),
            ("name", names(&[Some(0), Some(1)])),
            ("labels", labels()),
        ]),
        batch(vec![
            ("labels", labels()),
            (
                "value_key",
                Arc::new(StringArray::from(vec!["wind", "lo,ad"])),
            ),
            ("value", Arc::new(Float32Array::from(vec![Some(1.5), None]))),
            ("valid_time", Arc::new(nanos.with_timezone("Europe/Oslo"))),
        ]),
        batch(vec![
            (
                "valid_time",
                Arc::new(StringArray::from(vec!["1970-01-01T00:00:01.5Z"; 2])),
            ),
            ("name", names(&[Some(0), Some(1)])),
            ("labels", labels()),
            (
                "value",
                Arc::new(StringArray::from(vec![Some("1.5"), None])),
            ),
        ]),
    ];
    for table in &tables {
        assert_eq!(read(TableFormat::Arrow, &arrow(table)), Ok(two_rows()));
        assert_eq!(read(TableFormat::Parquet, &parquet(table)), Ok(two_rows()));
    }
    let numbers = batch(vec![
        ("valid_time", Arc::new(Int64Array::from(vec![1500, 1500]))),
        ("name", names(&[Some(0), Some(1)])),
        ("labels", labels()),
        ("value", values()),
    ]);
    let unit = TimeUnit::named("ms");
    assert_eq!(
        read_in(TableFormat::Arrow, &arrow(&numbers), unit),
        Ok(two_rows())
    );
    let refused = read(TableFormat::Arrow, &arrow(&numbers));
    assert_eq!(refused, Err(json!([["datetime_type", null, "valid_time"]])));
    let text = "labels,valid_time,name,value\r\n\
                \"{\"\"site\"\":\"\"a\"\"}\",1970-01-01T00:00:01.5Z,wind,1.5\n\
                \"{\"\"site\"\":\"\"a\"\"}\",1970-01-01 00:00:01.5,\"lo,ad\",";
    assert_eq!(
        read(TableFormat::Csv, &Bytes::from_static(text.as_bytes())),
        Ok(two_rows())
    );
}

#[test]
fn an_id_stands_for_a_name() {
    let ids = FixedSizeBinaryArray::try_from_iter([[7_u8; 16]].iter()).expect("ids");
    let times = || Arc::new(TimestampMillisecondArray::from(vec![0])) as ArrayRef;
    let of_bytes = batch(vec![("valid_time", times()), ("series_id", Arc::new(ids))]);
    let text = "07070707-0707-0707-0707-070707070707";
    let of_text = batch(vec![
        ("valid_time", times()),
        ("series_id", Arc::new(StringArray::from(vec![text]))),
    ]);
    let csv = Bytes::from(format!("series_id,valid_time\n{text},1970-01-01\n"));
    let read_all = [
        read(TableFormat::Arrow, &arrow(&of_bytes)),
        read(TableFormat::Parquet, &parquet(&of_text)),
        read(TableFormat::Csv, &csv),
    ];
    assert!(read_all[0].is_ok(), "{:?}", read_all[0]);
    assert!(read_all.iter().all(|read| *read == read_all[0]));
}

#[test]
fn what_is_wrong_is_told_with_row_and_column() {
    for (text, told) in [
        ("", json!([["missing", null, null]])),
        ("name,value\n", json!([["missing", null, "valid_time"]])),
        ("valid_time,value\n", json!([["missing", null, "name"]])),
        (
            "valid_time,name,vale\n",
            json!([["extra_forbidden", null, "vale"]]),
        ),
        (
            "valid_time,name,value_key\n",
            json!([["value_error", null, "value_key"]]),
        ),
        (
            "valid_time,name,value,unit\n2025-01-01,a,1,\nsoon,a,warm,\n,a,1,\n2025-01-01,,2, \n2025-01-01,a\n",
            json!([
                ["datetime_from_date_parsing", 1, "valid_time"],
                ["float_parsing", 1, "value"],
                ["missing", 2, "valid_time"],
                ["missing", 3, "name"],
                ["value_error", 3, "unit"],
                ["csv_invalid", 4, null],
            ]),
        ),
        (
            "valid_time,name,value,labels,series_id\n2025-01-01,a,NaN,,\n2025-01-01,a,1e999,[],7\n",
            json!([
                ["finite_number", 0, "value"],
                ["finite_number", 1, "value"],
                ["uuid_parsing", 1, "series_id"],
                ["dict_type", 1, "labels"],
            ]),
        ),
    ] {
        assert_eq!(
            read(TableFormat::Csv, &Bytes::from(text)),
            Err(told),
            "{text}"
        );
    }
    let times = TimestampMillisecondArray::from(vec![Some(0), None, Some(i64::MAX)]);
    let table = batch(vec![
        ("valid_time", Arc::new(times)),
        ("name", names(&[None, Some(0), Some(1)])),
        (
            "value",
            Arc::new(Float64Array::from(vec![1.0, f64::NAN, f64::INFINITY])),
        ),
    ]);
    let told = json!([
        ["missing", 0, "name"],
        ["finite_number", 1, "value"],
        ["datetime_from_date_parsing", 2, "valid_time"],
        ["finite_number", 2, "value"],
    ]);
    assert_eq!(read(TableFormat::Arrow, &arrow(&table)), Err(told.clone()));
    assert_eq!(read(TableFormat::Parquet, &parquet(&table)), Err(told));
    let table = batch(vec![
        ("valid_time", Arc::new(Float64Array::from(vec![1.0]))),
        ("name", Arc::new(Int64Array::from(vec![1]))),
        ("value", Arc::new(Int64Array::from(vec![(1 << 53) + 1]))),
    ]);
    let told = json!([
        ["datetime_type", null, "valid_time"],
        ["string_type", null, "name"]
    ]);
    assert_eq!(read(TableFormat::Arrow, &arrow(&table)), Err(told));
    let table = batch(vec![
        (
            "valid_time",
            Arc::new(TimestampMillisecondArray::from(vec![0, 0])),
        ),
        ("name", names(&[Some(0), Some(0)])),
        (
            "value",
            Arc::new(Int64Array::from(vec![1 << 60, (1 << 53) + 1])),
        ),
    ]);
    let told = json!([["value_error", 1, "value"]]);
    assert_eq!(read(TableFormat::Arrow, &arrow(&table)), Err(told));
}

#[test]
fn a_quote_that_is_not_closed_is_refused_where_it_is() {
    let csv = |rows: &str| {
        let table = Bytes::from(format!("valid_time,value,name\n{rows}"));
        read(TableFormat::Csv, &table)
    };
    for sound in [
        "2025-01-01,1,\"a\"",
        "2025-01-01,1,\"a\"\r\n\r\n",
        "2025-01-01,1,a\"b",
        "",
    ] {
        assert!(csv(sound).is_ok(), "{sound}");
    }
    for open in [
        "2025-01-01,1,\"a\n2025-01-02,1,b\n",
        "2025-01-01,1,\"a",
        "2025-01-01,1,\"a\"\"\n",
        "2025-01-01,1,\"",
    ] {
        let told = json!([["csv_invalid", 0, null]]);
        assert_eq!(csv(open), Err(told), "{open}");
    }
}

#[test]
fn a_table_of_many_columns_or_a_long_record_is_refused() {
    let wide = Bytes::from(",".repeat(1 << 20));
    assert_eq!(
        read(TableFormat::Csv, &wide),
        Err(json!([["csv_invalid", null, null]]))
    );
    let long = Bytes::from(format!(
        "valid_time,name\n2025-01-01,\"{}",
        "a".repeat(2 << 20)
    ));
    assert_eq!(
        read(TableFormat::Csv, &long),
        Err(json!([["csv_invalid", 0, null]]))
    );
    let columns: Vec<_> = (0..65).map(|n| format!("c{n}")).collect();
    let array = || Arc::new(Int32Array::from(vec![1])) as ArrayRef;
    let wide = batch(
        columns
            .iter()
            .map(|name| (name.as_str(), array()))
            .collect(),
    );
    assert_eq!(
        read(TableFormat::Arrow, &arrow(&wide)),
        Err(json!([["arrow_invalid", null, null]]))
    );
    assert_eq!(
        read(TableFormat::Parquet, &parquet(&wide)),
        Err(json!([["too_long", null, null]]))
    );
}

fn sample() -> RecordBatch {
    batch(vec![
        (
            "valid_time",
            Arc::new(TimestampMillisecondArray::from(vec![1500, 1500])),
        ),
        ("value", Arc::new(Float64Array::from(vec![Some(1.5), None]))),
        ("name", names(&[Some(0), Some(1)])),
        ("labels", labels()),
    ])
}

#[test]
fn what_a_file_takes_unpacked_is_known_before_it_is_read() {
    let rows = 200_000;
    let times = TimestampMillisecondArray::from(vec![0; rows]);
    let names = StringArray::from(vec!["wind"; rows]);
    let file = parquet(&batch(vec![
        ("valid_time", Arc::new(times)),
        ("name", Arc::new(names)),
    ]));
    assert!(file.len() < 10_000, "{}", file.len());
    let size = unpacked_size(&file).expect("a file");
    assert!(size >= 48 * rows, "{size}");
    assert_eq!(unpacked_size(&Bytes::from_static(b"PAR1PAR1PAR1")), None);
}

#[test]
fn a_file_of_groups_in_groups_is_refused_before_it_is_followed() {
    let elements = 1_000_000_u32;
    let mut footer = vec![0x15, 0x02, 0x19, 0xfc];
    let mut length = elements;
    while length >= 0x80 {
        footer.push(length as u8 | 0x80);
        length >>= 7;
    }
    footer.push(length as u8);
    for _ in 0..elements {
        footer.extend(b"\x48\x01a\x15\x02\x00");
    }
    footer.extend([0x16, 0, 0x19, 0x0c, 0]);
    footer.truncate(4 << 20);
    let size = (footer.len() as u32).to_le_bytes();
    let file = [&b"PAR1"[..], &footer, &size, b"PAR1"].concat();
    let told = Err(json!([["parquet_invalid", null, null]]));
    assert_eq!(read(TableFormat::Parquet, &file.into()), told);
}

#[test]
fn a_table_that_is_cut_off_is_refused_at_every_length() {
    let (stream, file) = (arrow(&sample()), parquet(&sample()));
    // Without the mark at its end a stream is complete all the same.
    for end in 0..stream.len() - 8 {
        let cut = stream.slice(..end);
        if let Ok(packed) = read(TableFormat::Arrow, &cut) {
            assert_ne!(packed, two_rows(), "{end}");
        }
    }
    for end in 0..file.len() {
        assert!(
            read(TableFormat::Parquet, &file.slice(..end)).is_err(),
            "{end}"
        );
    }
}

#[test]
fn any_byte_may_be_another_one() {
    let (stream, file) = (arrow(&sample()), parquet(&sample()));
    for (format, table) in [(TableFormat::Arrow, stream), (TableFormat::Parquet, file)] {
        for at in 0..table.len() {
            for mask in [1, 0x80, 0xff] {
                let mut damaged = table.to_vec();
                damaged[at] ^= mask;
                // Whatever it says now: it is answered, and takes no memory that is not there.
                let _told = read(format, &damaged.into());
            }
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for format in [TableFormat::Csv, TableFormat::Arrow, TableFormat::Parquet] {
            let _told = read(format, &bytes.clone().into());
            let framed = [&b"PAR1"[..], &bytes, b"PAR1"].concat();
            let _told = read(format, &framed.into());
        }
    }
}
