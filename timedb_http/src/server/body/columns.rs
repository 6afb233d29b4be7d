//! The rows of an upload as columns, and their packed form, version 1 (little-endian), which
//! `timedb._upload_packed` takes.

use std::{borrow::Cow, hash::BuildHasher};

use hashbrown::{DefaultHashBuilder, HashTable};
use uuid::Uuid;

use super::declared::Declared;

/// A point without an end.
const NO_END: i64 = i64::MIN;
/// A point that says no known_time: it has that of the batch.
const NO_KNOWN_TIME: i64 = i64::MIN;

/// One series as an upload names it.
struct Entry<'a> {
    value_key: Cow<'a, str>,
    series_id: Option<Uuid>,
    /// The first row of it.
    row: u32,
}

/// One row, converted.
pub(crate) struct Row<'a> {
    pub value_key: Cow<'a, str>,
    pub series_id: Option<Uuid>,
    pub valid_time: i64,
    pub valid_time_end: Option<i64>,
    pub value: Option<f64>,
    /// That of the batch unless the row has one.
    pub known_time: Option<i64>,
}

/// Points by column, with a dictionary of (value_key, series_id).
#[derive(Default)]
pub(crate) struct Columns<'a> {
    entries: Vec<Entry<'a>>,
    places: HashTable<u32>,
    hasher: DefaultHashBuilder,
    series_index: Vec<u32>,
    valid_time: Vec<i64>,
    valid_time_end: Vec<i64>,
    value: Vec<f64>,
    nulls: Vec<u8>,
    known_time: Vec<i64>,
    any_end: bool,
    any_null: bool,
    any_known: bool,
}

impl<'a> Columns<'a> {
    /// Room for about this many rows.
    pub(crate) fn with_capacity(rows: usize) -> Self {
        Self {
            series_index: Vec::with_capacity(rows),
            valid_time: Vec::with_capacity(rows),
            valid_time_end: Vec::with_capacity(rows),
            value: Vec::with_capacity(rows),
            nulls: Vec::with_capacity(rows.div_ceil(8)),
            known_time: Vec::with_capacity(rows),
            ..Self::default()
        }
    }

    /// The value_keys in dictionary order, with repetitions where one came with several ids.
    pub(crate) fn value_keys(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.value_key.as_ref())
    }

    /// The first row of each series, in dictionary order.
    pub(crate) fn first_rows(&self) -> impl Iterator<Item = u32> {
        self.entries.iter().map(|entry| entry.row)
    }

    pub(crate) fn push(&mut self, row: Row<'a>) {
        let at = self.valid_time.len();
        let place = self.place(row.value_key, row.series_id);
        self.series_index.push(place);
        self.valid_time.push(row.valid_time);
        self.any_end |= row.valid_time_end.is_some();
        self.valid_time_end
            .push(row.valid_time_end.unwrap_or(NO_END));
        self.any_known |= row.known_time.is_some();
        self.known_time
            .push(row.known_time.unwrap_or(NO_KNOWN_TIME));
        self.value.push(row.value.unwrap_or(0.0));
        if at.is_multiple_of(8) {
            self.nulls.push(0);
        }
        if row.value.is_none() {
            self.any_null = true;
            self.nulls[at / 8] |= 1 << (at % 8);
        }
    }

    fn place(&mut self, value_key: Cow<'a, str>, series_id: Option<Uuid>) -> u32 {
        let same = |entry: &Entry<'_>| entry.value_key == value_key && entry.series_id == series_id;
        // Rows stand in runs of a series, or in turns; both are found without hashing.
        if let Some(&last) = self.series_index.last() {
            for guess in [last, last + 1, 0] {
                if self.entries.get(guess as usize).is_some_and(same) {
                    return guess;
                }
            }
        }
        let hash = self.hasher.hash_one((value_key.as_ref(), series_id));
        let entries = &self.entries;
        if let Some(&place) = self
            .places
            .find(hash, |&place| same(&entries[place as usize]))
        {
            return place;
        }
        // A body is smaller than 4 GiB, so are its series.
        let place = self.entries.len() as u32;
        self.entries.push(Entry {
            value_key,
            series_id,
            row: self.series_index.len() as u32,
        });
        let (entries, hasher) = (&self.entries, &self.hasher);
        self.places.insert_unique(hash, place, |&place| {
            let entry = &entries[place as usize];
            hasher.hash_one((entry.value_key.as_ref(), entry.series_id))
        });
        place
    }

    /// The packed form; `declared` tells what an upload says of a handle.
    pub(crate) fn pack<'d>(&self, declared: impl Fn(&str) -> Option<&'d Declared>) -> Vec<u8> {
        let points = self.valid_time.len();
        let mut out = Vec::with_capacity(64 + self.entries.len() * 64 + points * 37);
        let flags =
            u8::from(self.any_end) | u8::from(self.any_null) << 1 | u8::from(self.any_known) << 2;
        out.extend_from_slice(&[1, flags, 0, 0]);
        put_u32(points, &mut out);
        put_u32(self.entries.len(), &mut out);
        for entry in &self.entries {
            put_series(entry, declared(&entry.value_key), &mut out);
        }
        out.extend(self.series_index.iter().flat_map(|x| x.to_le_bytes()));
        out.extend(self.valid_time.iter().flat_map(|x| x.to_le_bytes()));
        if self.any_end {
            out.extend(self.valid_time_end.iter().flat_map(|x| x.to_le_bytes()));
        }
        out.extend(self.value.iter().flat_map(|x| x.to_le_bytes()));
        if self.any_null {
            out.extend_from_slice(&self.nulls);
        }
        if self.any_known {
            out.extend(self.known_time.iter().flat_map(|x| x.to_le_bytes()));
        }
        out
    }
}

/// One series: by its id, with the unit of its values if there is one, or by name.
fn put_series(entry: &Entry<'_>, declared: Option<&Declared>, out: &mut Vec<u8>) {
    let text = |of: fn(&Declared) -> &Option<String>| {
        let text = declared.and_then(|declared| of(declared).as_deref());
        text.unwrap_or_default()
    };
    let unit = text(|declared| &declared.unit);
    match entry.series_id {
        Some(id) if unit.is_empty() => {
            out.push(1);
            out.extend_from_slice(id.as_bytes());
        }
        Some(id) => {
            out.push(2);
            out.extend_from_slice(id.as_bytes());
            put_str(unit, out);
        }
        None => {
            let name = declared.and_then(|declared| declared.name.as_deref());
            out.push(0);
            put_str(name.unwrap_or(&entry.value_key), out);
            put_str(text(|declared| &declared.labels), out);
            put_str(unit, out);
            put_str(text(|declared| &declared.description), out);
        }
    }
}

fn put_u32(number: usize, out: &mut Vec<u8>) {
    let number = u32::try_from(number).expect("a body is smaller than 4 GiB");
    out.extend_from_slice(&number.to_le_bytes());
}

fn put_str(text: &str, out: &mut Vec<u8>) {
    put_u32(text.len(), out);
    out.extend_from_slice(text.as_bytes());
}
