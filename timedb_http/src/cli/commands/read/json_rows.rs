//! Points as JSON objects: one on each line, or as an array. What is missing is null.

use std::io::{self, Write};

use serde_json::{Value, json, value::RawValue};
use timedb_wire::Chunk;

use super::row::{RowSink, Times, id, note, rows};
use crate::cli::failure::Failure;

pub struct JsonLines {
    out: Box<dyn Write>,
    is_array: bool,
    is_first: bool,
    times: Times,
}

impl JsonLines {
    pub fn new(mut out: Box<dyn Write>, is_array: bool) -> Result<Self, Failure> {
        if is_array {
            out.write_all(b"[")?;
        }
        Ok(Self {
            out,
            is_array,
            is_first: true,
            times: Times::new(),
        })
    }

    fn time(&mut self, time: Option<i64>) -> Value {
        time.map_or(Value::Null, |time| self.times.text(time).into())
    }

    /// Appends a member; values of JSON that the database has written stay as they are.
    fn put(&mut self, name: &str, value: &Value) -> Result<(), Failure> {
        write!(self.out, ",\"{name}\":{value}")?;
        Ok(())
    }

    fn put_raw(&mut self, name: &str, text: Option<&str>) -> Result<(), Failure> {
        let value = text.unwrap_or("null");
        let value: &RawValue = serde_json::from_str(value).map_err(io::Error::from)?;
        write!(self.out, ",\"{name}\":{}", value.get())?;
        Ok(())
    }
}

impl RowSink for JsonLines {
    fn take(&mut self, chunk: &Chunk<'_>) -> Result<(), Failure> {
        for (at, series) in rows(chunk) {
            if self.is_array && !self.is_first {
                self.out.write_all(b",\n")?;
            }
            self.is_first = false;
            write!(self.out, "{{\"series_id\":\"{}\"", id(series.id))?;
            self.put("name", &series.name.into())?;
            self.put("unit", &series.unit.into())?;
            self.put_raw("labels", Some(series.labels))?;
            let valid = self.time(Some(chunk.valid_time.at(at)));
            self.put("valid_time", &valid)?;
            let end = self.time(chunk.end(at));
            self.put("valid_time_end", &end)?;
            self.put("value", &json!(chunk.value(at)))?;
            if let Some(known) = &chunk.known_time {
                let known = self.time(Some(known.at(at)));
                self.put("known_time", &known)?;
            }
            if let Some(versions) = &chunk.versions {
                let change = self.time(Some(versions.change_time.at(at)));
                self.put("change_time", &change)?;
                self.put("batch_id", &id(versions.batch(at)).into())?;
                self.put("changed_by", &json!(versions.changed_by(at).map(id)))?;
                let note = note(chunk, at);
                let tags = note.map(|note| &note.tags).filter(|tags| !tags.is_empty());
                self.put("annotation", &json!(note.and_then(|note| note.annotation)))?;
                self.put("tags", &json!(tags))?;
                self.put_raw("metadata", note.and_then(|note| note.metadata))?;
            }
            self.out.write_all(b"}")?;
            if !self.is_array {
                self.out.write_all(b"\n")?;
            }
        }
        Ok(())
    }

    fn end(mut self: Box<Self>) -> Result<(), Failure> {
        if self.is_array {
            self.out.write_all(b"]\n")?;
        }
        Ok(self.out.flush()?)
    }
}
