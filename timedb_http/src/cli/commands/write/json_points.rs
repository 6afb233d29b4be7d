//! Points as JSON: an object on each line, or an array of objects.

use std::fmt;
use std::io::{BufRead, Read};

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::cutter::Cutter;
use super::record::{InputParts, PointField};

/// A line has no more bytes than this.
const LINE_BYTES: u64 = 4 << 20;

pub fn read_lines(
    mut input: Box<dyn BufRead + Send>,
    cutter: &mut Cutter<'_>,
) -> Result<(), String> {
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut limited = input.by_ref().take(LINE_BYTES);
        let read = limited.read_until(b'\n', &mut line);
        read.map_err(|error| cutter.damaged(&format!("it cannot be read: {error}")))?;
        if line.is_empty() {
            return Ok(());
        }
        if line.len() as u64 == LINE_BYTES {
            return Err(cutter.damaged("the line is too long"));
        }
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        let row: Result<JsonRow, _> = serde_json::from_slice(text);
        cutter.row(row.map(|row| row.0).map_err(|error| told(text, &error)))?;
    }
}

/// What is wrong with a line; in place of a number there is often a word of other languages.
fn told(line: &[u8], error: &serde_json::Error) -> String {
    let rest = line.get(error.column().saturating_sub(1)..);
    let rest = rest.unwrap_or_default();
    match ["NaN", "Infinity"]
        .iter()
        .find(|word| rest.starts_with(word.as_bytes()))
    {
        Some(word) => format!("{word} is not a number in JSON; a missing value is null"),
        None => error.to_string(),
    }
}

pub fn read_array(input: Box<dyn BufRead + Send>, cutter: &mut Cutter<'_>) -> Result<(), String> {
    let mut problem = None;
    let mut reader = serde_json::Deserializer::from_reader(input);
    let rows = RowArray {
        cutter,
        problem: &mut problem,
    };
    let read = rows.deserialize(&mut reader).and_then(|()| reader.end());
    match (problem, read) {
        (Some(problem), _) => Err(problem),
        (None, Err(error)) => Err(cutter.damaged(&error.to_string())),
        (None, Ok(())) => Ok(()),
    }
}

/// The array, whose rows are taken one by one.
struct RowArray<'a, 'b> {
    cutter: &'a mut Cutter<'b>,
    /// What is wrong with a row, which is no fault of the JSON.
    problem: &'a mut Option<String>,
}

impl<'de> DeserializeSeed<'de> for RowArray<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for RowArray<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of points")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        while let Some(row) = rows.next_element::<JsonRow>()? {
            if let Err(problem) = self.cutter.row(Ok(row.0)) {
                *self.problem = Some(problem);
                return Err(A::Error::custom("a row is wrong"));
            }
        }
        Ok(())
    }
}

/// An object with the columns of a point.
struct JsonRow(InputParts);

impl<'de> Deserialize<'de> for JsonRow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RowVisitor;
        impl<'de> Visitor<'de> for RowVisitor {
            type Value = JsonRow;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with the columns of a point")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<JsonRow, A::Error> {
                let mut parts = InputParts::default();
                let mut seen = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    let field = PointField::named(&name).map_err(A::Error::custom)?;
                    if field != PointField::Ignored && seen.contains(&field) {
                        let twice = format!("the member \"{name}\" is there twice");
                        return Err(A::Error::custom(twice));
                    }
                    seen.push(field);
                    let value: Value = map.next_value()?;
                    set(&mut parts, field, &name, value).map_err(A::Error::custom)?;
                }
                Ok(JsonRow(parts))
            }
        }
        deserializer.deserialize_map(RowVisitor)
    }
}

fn set(parts: &mut InputParts, field: PointField, name: &str, value: Value) -> Result<(), String> {
    match (field, value) {
        (PointField::Ignored, _) | (_, Value::Null) => Ok(()),
        (PointField::Value, Value::Number(number)) => {
            parts.value = number.as_f64();
            Ok(())
        }
        (PointField::Labels, labels @ Value::Object(_)) => {
            let labels = serde_json::from_value(labels);
            parts.labels = Some(labels.map_err(|_| "labels: an object of texts is wanted")?);
            Ok(())
        }
        (_, Value::String(text)) => parts.set_text(field, &text),
        (_, other) => Err(format!("{name}: {other} is not what belongs there")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_named() {
        let wrong = |line: &str| {
            let read: Result<JsonRow, _> = serde_json::from_slice(line.as_bytes());
            told(line.as_bytes(), &read.err().expect(line))
        };
        for word in ["NaN", "Infinity", "-Infinity"] {
            let told = wrong(&format!(r#"{{"name":"a","value":{word}}}"#));
            assert!(told.contains("is not a number in JSON"), "{told}");
        }
        assert!(wrong(r#"{"value":1e999}"#).contains("number out of range"));
    }
}
