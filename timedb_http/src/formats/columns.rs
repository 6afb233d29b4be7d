//! The rows of an upload as columns, and their packed form, which `timedb_internal._upload_packed` takes.

use std::{borrow::Cow, hash::BuildHasher};

use hashbrown::{DefaultHashBuilder, HashTable};
use timedb_wire::{Bitmap, NO_END, NO_KNOWN_TIME, SeriesName};
use uuid::Uuid;

/// One series as an upload names it.
struct Entry<'a> {
    value_key: Cow<'a, str>,
    series_id: Option<Uuid>,
    labels: Option<Cow<'a, str>>,
    unit: Option<Cow<'a, str>>,
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
    /// JSON text of an object, where rows say it of their series.
    pub labels: Option<Cow<'a, str>>,
    pub unit: Option<Cow<'a, str>>,
}

/// What is said of a series; `None` where nothing is.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct SeriesFields {
    /// In an upload the handle itself unless given.
    pub name: Option<String>,
    /// JSON text of an object.
    pub labels: Option<String>,
    pub unit: Option<String>,
    /// In a change an empty one takes away what is.
    pub description: Option<String>,
}

fn owned(text: &str) -> Cow<'static, str> {
    Cow::Owned(text.to_owned())
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
    nulls: Bitmap,
    known_time: Vec<i64>,
    any_end: bool,
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
            nulls: Bitmap::with_capacity(rows),
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

    /// Adds a row whose texts live as long as the columns.
    pub(crate) fn push(&mut self, row: Row<'a>) {
        let place = match self.find(&row) {
            Ok(place) => place,
            Err(hash) => {
                let entry = Entry {
                    value_key: row.value_key,
                    series_id: row.series_id,
                    labels: row.labels,
                    unit: row.unit,
                    row: self.series_index.len() as u32,
                };
                self.insert(hash, entry)
            }
        };
        let numbers = (row.valid_time, row.valid_time_end, row.known_time);
        self.add(place, numbers, row.value);
    }

    /// Adds a row whose texts are copied where they are new.
    pub(crate) fn push_copied(&mut self, row: &Row<'_>) {
        let place = match self.find(row) {
            Ok(place) => place,
            Err(hash) => {
                let entry = Entry {
                    value_key: owned(&row.value_key),
                    series_id: row.series_id,
                    labels: row.labels.as_deref().map(owned),
                    unit: row.unit.as_deref().map(owned),
                    row: self.series_index.len() as u32,
                };
                self.insert(hash, entry)
            }
        };
        let numbers = (row.valid_time, row.valid_time_end, row.known_time);
        self.add(place, numbers, row.value);
    }

    fn add(
        &mut self,
        place: u32,
        (valid_time, valid_time_end, known_time): (i64, Option<i64>, Option<i64>),
        value: Option<f64>,
    ) {
        self.series_index.push(place);
        self.valid_time.push(valid_time);
        self.any_end |= valid_time_end.is_some();
        self.valid_time_end.push(valid_time_end.unwrap_or(NO_END));
        self.any_known |= known_time.is_some();
        self.known_time.push(known_time.unwrap_or(NO_KNOWN_TIME));
        self.value.push(value.unwrap_or(0.0));
        self.nulls.push(value.is_none());
    }

    /// The place of a row's series, or the hash of what is not there yet.
    fn find(&self, row: &Row<'_>) -> Result<u32, u64> {
        let same = |entry: &Entry<'_>| {
            entry.value_key == row.value_key
                && entry.series_id == row.series_id
                && entry.labels == row.labels
                && entry.unit == row.unit
        };
        // Rows come in runs of one series, or in turns; both are found without hashing.
        if let Some(&last) = self.series_index.last() {
            for guess in [last, last + 1, 0] {
                if self.entries.get(guess as usize).is_some_and(same) {
                    return Ok(guess);
                }
            }
        }
        let hash = self.hasher.hash_one((
            row.value_key.as_ref(),
            row.series_id,
            row.labels.as_deref(),
            row.unit.as_deref(),
        ));
        let entries = &self.entries;
        let place = self
            .places
            .find(hash, |&place| same(&entries[place as usize]));
        place.copied().ok_or(hash)
    }

    fn insert(&mut self, hash: u64, entry: Entry<'a>) -> u32 {
        // A body is smaller than 4 GiB, so are its series.
        let place = self.entries.len() as u32;
        self.entries.push(entry);
        let (entries, hasher) = (&self.entries, &self.hasher);
        self.places.insert_unique(hash, place, |&place| {
            let entry = &entries[place as usize];
            hasher.hash_one((
                entry.value_key.as_ref(),
                entry.series_id,
                entry.labels.as_deref(),
                entry.unit.as_deref(),
            ))
        });
        place
    }

    /// The labels of each series, in dictionary order, where rows say them.
    pub(crate) fn labels(&self) -> impl Iterator<Item = Option<&str>> {
        self.entries.iter().map(|entry| entry.labels.as_deref())
    }

    /// The packed form; `declared` returns what an upload says about a handle.
    pub(crate) fn pack<'d>(&self, declared: impl Fn(&str) -> Option<&'d SeriesFields>) -> Vec<u8> {
        let upload = timedb_wire::Upload {
            series_index: &self.series_index,
            valid_time: &self.valid_time,
            valid_time_end: self.any_end.then_some(&self.valid_time_end),
            value: &self.value,
            nulls: self.nulls.any().then_some(&self.nulls),
            known_time: self.any_known.then_some(&self.known_time),
        };
        let series = self.entries.iter();
        upload.encode(series.map(|entry| series_name(entry, declared(&entry.value_key))))
    }
}

/// One series: by its id, with the unit of its values if there is one, or by name.
fn series_name<'a>(entry: &'a Entry<'_>, declared: Option<&'a SeriesFields>) -> SeriesName<'a> {
    let text = |of: fn(&SeriesFields) -> &Option<String>| {
        let text = declared.and_then(|declared| of(declared).as_deref());
        text.unwrap_or_default()
    };
    let unit = match &entry.unit {
        Some(unit) => unit,
        None => text(|declared| &declared.unit),
    };
    match entry.series_id {
        Some(id) => SeriesName::Id {
            id: id.into_bytes(),
            unit,
        },
        None => {
            let name = declared.and_then(|declared| declared.name.as_deref());
            SeriesName::Named {
                name: name.unwrap_or(&entry.value_key),
                labels: match &entry.labels {
                    Some(labels) => labels,
                    None => text(|declared| &declared.labels),
                },
                unit,
                description: text(|declared| &declared.description),
            }
        }
    }
}
