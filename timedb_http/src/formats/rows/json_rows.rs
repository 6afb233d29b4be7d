//! Rows as compact JSON: `{"count":N,"data":[...]}`, or with the count at the end if it was not known before. What a
//! series' rows share is rendered once; the previous instant is kept, because in time order neighbours often share it.

use timedb_wire::{AggregateValue, NO_KNOWN_TIME, Series, Versions};
use uuid::Uuid;

use super::{
    chunk::Chunk,
    format::{Format, Onward, RowFormat, Shared, Unwritten},
    layout::Mode,
    list::JsonList,
};
use crate::server::{
    instant::{Formatter, Precision},
    json,
};

pub(super) static JSON: Format = Format {
    content_type: "application/json",
    rows_per_piece: 2048,
    needs_all: false,
    rows: |layout, precision| {
        Box::new(JsonRows {
            list: JsonList::default(),
            objects: JsonObjects::new(layout.mode, precision),
        })
    },
};

struct JsonRows {
    list: JsonList,
    objects: JsonObjects,
}

/// Rows as JSON objects.
pub(super) struct JsonObjects {
    mode: Mode,
    formatter: Formatter,
    last: i64,
    last_text: Vec<u8>,
    numbers: zmij::Buffer,
}

impl JsonObjects {
    pub(super) fn new(mode: Mode, precision: Precision) -> Self {
        Self {
            mode,
            formatter: Formatter::new(precision),
            last: i64::MIN,
            last_text: Vec::with_capacity(32),
            numbers: zmij::Buffer::new(),
        }
    }

    fn number(&mut self, number: Option<f64>, out: &mut Vec<u8>) {
        match number {
            Some(number) if number.is_finite() => {
                out.extend_from_slice(self.numbers.format_finite(number).as_bytes());
            }
            // JSON has no other numbers, and the store accepts none.
            _ => out.extend_from_slice(b"null"),
        }
    }

    fn valid_time(&mut self, micros: i64, out: &mut Vec<u8>) {
        if micros != self.last || self.last_text.is_empty() {
            self.last = micros;
            self.last_text.clear();
            self.formatter.write(micros, &mut self.last_text);
        }
        out.extend_from_slice(&self.last_text);
    }

    /// Appends the object of a row.
    pub(super) fn write(
        &mut self,
        chunk: &Chunk<'_>,
        index: usize,
        series: &Shared,
        out: &mut Vec<u8>,
    ) {
        let columns = &chunk.columns;
        let valid_time = columns.valid_time.at(index);
        out.push(b'{');
        let known_time = columns.known_time.map(|known_time| known_time.at(index));
        match known_time {
            Some(NO_KNOWN_TIME) => out.extend_from_slice(b"\"known_time\":null,"),
            Some(known_time) => {
                out.extend_from_slice(b"\"known_time\":\"");
                self.formatter.write(known_time, out);
                out.extend_from_slice(b"\",");
            }
            None => {}
        }
        if let Some(versions) = &columns.versions {
            out.extend_from_slice(b"\"change_time\":\"");
            self.formatter.write(versions.change_time.at(index), out);
            out.extend_from_slice(b"\",");
        }
        out.extend_from_slice(b"\"valid_time\":\"");
        self.valid_time(valid_time, out);
        if let Some(end) = columns.end(index) {
            out.extend_from_slice(b"\",\"valid_time_end\":\"");
            self.formatter.write(end, out);
        }
        out.extend_from_slice(&series.before);
        match &chunk.aggregates {
            None => {
                out.extend_from_slice(b",\"value\":");
                self.number(columns.value(index), out);
            }
            Some(aggregates) => {
                for (member, column) in aggregates {
                    out.extend_from_slice(member);
                    match column.at(index) {
                        AggregateValue::Number(number) => self.number(number, out),
                        AggregateValue::Count(count) => {
                            out.extend_from_slice(itoa::Buffer::new().format(count).as_bytes());
                        }
                    }
                }
            }
        }
        out.extend_from_slice(&series.after);
        if self.mode == Mode::Points {
            json::write_member("found", known_time != Some(NO_KNOWN_TIME), out);
        }
        if let (Mode::Overlapping, Some(known_time)) = (self.mode, known_time) {
            let lead = valid_time.wrapping_sub(known_time);
            out.extend_from_slice(b",\"lead_time\":");
            out.extend_from_slice(self.numbers.format_finite(lead as f64 / 1e6).as_bytes());
        }
        if let Some(versions) = &columns.versions {
            write_version(versions, index, out);
            out.extend_from_slice(chunk.note(versions.note(index)));
        }
        out.push(b'}');
    }

    pub(super) fn shared(&self, series: &Series<'_>) -> Shared {
        let mut before = b"\",\"series_id\":".to_vec();
        write_id(series.id, &mut before);
        let mut after = Vec::with_capacity(64);
        json::write_member("name", series.name, &mut after);
        json::write_member("unit", series.unit, &mut after);
        json::write_name("labels", &mut after);
        json::write_compact(series.labels, &mut after);
        Shared {
            before,
            after,
            number: 0,
        }
    }
}

impl RowFormat for JsonRows {
    fn open(&mut self, count: Option<usize>, out: &mut Vec<u8>) -> Result<(), Unwritten> {
        self.list.open(count, out);
        Ok(())
    }

    fn row(&mut self, chunk: &Chunk<'_>, index: usize, series: &Shared, out: &mut Vec<u8>) {
        self.list.next_row(out);
        self.objects.write(chunk, index, series, out);
    }

    fn shared(&mut self, series: &Series<'_>) -> Shared {
        self.objects.shared(series)
    }

    fn close(&mut self, onward: Option<Onward<'_>>, out: &mut Vec<u8>) -> Result<(), Unwritten> {
        self.list.end_of_data(out);
        if let Some(onward) = onward {
            onward.write_members(out);
        }
        out.push(b'}');
        Ok(())
    }
}

/// Who wrote a version in which batch.
fn write_version(versions: &Versions<'_>, index: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"batch_id\":");
    write_id(versions.batch(index), out);
    out.extend_from_slice(b",\"value_id\":");
    let value_id = versions.value_id.at(index);
    out.extend_from_slice(itoa::Buffer::new().format(value_id).as_bytes());
    out.extend_from_slice(b",\"changed_by\":");
    match versions.changed_by(index) {
        Some(user) => write_id(user, out),
        None => out.extend_from_slice(b"null"),
    }
}

fn write_id(id: &[u8; 16], out: &mut Vec<u8>) {
    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
    let id = Uuid::from_bytes_ref(id).hyphenated();
    out.push(b'"');
    out.extend_from_slice(id.encode_lower(&mut text).as_bytes());
    out.push(b'"');
}
