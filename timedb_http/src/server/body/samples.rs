//! Values as the protocols of metrics bring them: by series, each point once, with what could not be taken. From here on
//! they go the way of an upload.

use std::{
    collections::{BTreeMap, HashMap, HashSet, hash_map::Entry},
    hash::RandomState,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use axum::http::StatusCode;
use indexmap::IndexSet;

use super::upload::{AboutUpload, Upload};
use crate::{
    formats::columns::{Columns, Row},
    server::error::ApiError,
};

/// A value in a body is a few bytes, and in memory, with a series of its own, a few hundred.
pub(super) const MOST_VALUES: usize = 250_000;
/// As many as an upload may have.
const MOST_SERIES: usize = 100_000;
/// A line says its tags once, and each of its fields is a series that has them all.
const MOST_SERIES_BYTES: usize = 16 << 20;
/// So many series are left out one after the other because the database refuses them; with one more all are.
const MOST_REFUSED: usize = 20;
/// So many faults are told, and of what they are about so many characters.
const MOST_TOLD: usize = 10;
const LONGEST_TOLD: usize = 200;

/// What a request brings.
pub(crate) struct Samples {
    workflow_id: &'static str,
    /// When it came, in microseconds.
    pub now: i64,
    /// Name, and labels as JSON; no text where there are none.
    series: IndexSet<(String, Arc<str>), RandomState>,
    series_bytes: usize,
    /// Which row has the point of a series at a time.
    rows_of: HashMap<(usize, i64), usize>,
    rows: Vec<SampleRow>,
    is_too_large: bool,
    refused: HashSet<usize>,
    told: Vec<String>,
    left_out: usize,
}

struct SampleRow {
    series: usize,
    time: i64,
    value: Option<f64>,
}

/// An upload of samples.
pub(crate) struct SampleUpload {
    pub upload: Upload,
    /// Which of the samples' series each of the upload's is.
    pub places: Vec<usize>,
}

/// What was not taken.
pub(crate) struct LeftOut<'a> {
    /// The first faults.
    pub told: &'a [String],
    pub count: usize,
    /// There was something else, which was taken.
    pub is_partial: bool,
}

impl Samples {
    pub(super) fn new(workflow_id: &'static str) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let micros = since.map_or(0, |since| since.as_micros());
        Self {
            workflow_id,
            now: i64::try_from(micros).unwrap_or(i64::MAX),
            series: IndexSet::default(),
            series_bytes: 0,
            rows_of: HashMap::new(),
            rows: Vec::new(),
            is_too_large: false,
            refused: HashSet::new(),
            told: Vec::new(),
            left_out: 0,
        }
    }

    /// Adds a value; of two for the same point the last one counts. What is too much is not kept, and told by
    /// [`Samples::check_size`].
    pub(super) fn add(&mut self, name: String, labels: &Arc<str>, time: i64, value: Option<f64>) {
        let bytes = name.len() + labels.len();
        let named = (name, Arc::clone(labels));
        let series = match self.series.get_index_of(&named) {
            Some(place) => place,
            None => {
                self.series_bytes += bytes;
                self.is_too_large |=
                    self.series_bytes > MOST_SERIES_BYTES || self.series.len() == MOST_SERIES;
                if self.is_too_large {
                    return;
                }
                self.series.insert_full(named).0
            }
        };
        match self.rows_of.entry((series, time)) {
            Entry::Vacant(_) if self.rows.len() == MOST_VALUES => self.is_too_large = true,
            Entry::Vacant(free) => {
                free.insert(self.rows.len());
                self.rows.push(SampleRow {
                    series,
                    time,
                    value,
                });
            }
            Entry::Occupied(taken) => {
                if let Some(row) = self.rows.get_mut(*taken.get()) {
                    row.value = value;
                }
            }
        }
    }

    /// Whether there was more than one request may bring; to be asked now and then, before it has cost much time.
    ///
    /// # Errors
    /// 413.
    pub(super) fn check_size(&self) -> Result<(), ApiError> {
        if !self.is_too_large {
            return Ok(());
        }
        let told = format!(
            "The request has more than {MOST_VALUES} values, {MOST_SERIES} series or {} MiB of their names and labels: \
             send it in several parts.",
            MOST_SERIES_BYTES >> 20
        );
        Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, told))
    }

    /// Takes note of something that can't be taken.
    pub(super) fn leave_out(&mut self, text: &str, tell: impl FnOnce(&str) -> String) {
        self.left_out += 1;
        if self.told.len() < MOST_TOLD {
            let text: String = text.chars().take(LONGEST_TOLD).collect();
            self.told.push(tell(&text));
        }
    }

    /// Leaves out a series, because the database says so; false if there were too many already.
    pub(crate) fn refuse(&mut self, place: usize, sentence: &str) -> bool {
        if self.refused.len() == MOST_REFUSED || !self.refused.insert(place) {
            return false;
        }
        let name = self.series.get_index(place).map(|(name, _)| name.clone());
        let tell = |name: &str| format!("unable to store '{name}': {sentence}");
        self.leave_out(&name.unwrap_or_default(), tell);
        true
    }

    pub(crate) fn left_out(&self) -> Option<LeftOut<'_>> {
        (self.left_out > 0).then_some(LeftOut {
            told: &self.told,
            count: self.left_out,
            is_partial: self.kept().next().is_some(),
        })
    }

    /// About how many bytes they are.
    pub(crate) fn size(&self) -> usize {
        self.rows.len() * size_of::<SampleRow>() + self.series_bytes
    }

    fn kept(&self) -> impl Iterator<Item = &SampleRow> {
        let rows = self.rows.iter();
        rows.filter(|row| !self.refused.contains(&row.series))
    }

    /// What is to be stored, if that is anything. What is stored already is left out, so that a request that is sent again
    /// stores nothing.
    pub(crate) fn upload(&self) -> Option<SampleUpload> {
        let mut columns = Columns::with_capacity(self.rows.len());
        let (mut places, mut seen) = (Vec::new(), HashSet::new());
        for row in self.kept() {
            let Some((name, labels)) = self.series.get_index(row.series) else {
                continue;
            };
            if seen.insert(row.series) {
                places.push(row.series);
            }
            columns.push(Row {
                value_key: name.as_str().into(),
                series_id: None,
                valid_time: row.time,
                valid_time_end: None,
                value: row.value,
                known_time: None,
                labels: (!labels.is_empty()).then(|| labels.as_ref().into()),
                unit: None,
            });
        }
        let about = AboutUpload {
            workflow_id: Some(self.workflow_id.to_owned()),
            batch_start_time: self.now,
            skip_unchanged: true,
            ..AboutUpload::default()
        };
        (!places.is_empty()).then(|| SampleUpload {
            upload: Upload::of_rows(about, &columns, HashMap::new()),
            places,
        })
    }
}

/// Labels as [`Samples`] take them.
///
/// # Errors
/// What is wrong with them.
pub(super) fn sample_labels<'a>(
    pairs: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<Arc<str>, &'static str> {
    let mut labels = BTreeMap::new();
    for (label, value) in pairs {
        check_text(label)?;
        check_text(value)?;
        if labels.insert(label, value).is_some() {
            return Err("a label is given twice");
        }
    }
    match labels.is_empty() {
        true => Ok("".into()),
        false => serde_json::to_string(&labels)
            .map(Arc::from)
            .map_err(|_| "the labels can't be written as JSON"),
    }
}

/// Checks for the one character that a text in the database can't have, which would refuse the whole request.
pub(super) fn check_text(text: &str) -> Result<(), &'static str> {
    match text.contains('\0') {
        true => Err("a NUL character can't be stored"),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_series_is_left_out_and_the_places_of_the_others_stay() {
        let mut samples = Samples::new("x");
        let none = sample_labels([].into_iter()).unwrap();
        for name in ["a", "b", "c"] {
            samples.add(name.to_owned(), &none, 0, Some(1.0));
        }
        assert!(samples.refuse(1, "told"));
        assert!(!samples.refuse(1, "told"));
        let SampleUpload { upload, places } = samples.upload().unwrap();
        assert_eq!(places, [0, 2]);
        assert_eq!(upload.value_keys, ["a", "c"]);
        let left_out = samples.left_out().unwrap();
        assert_eq!(left_out.told, ["unable to store 'b': told"]);
        assert!(left_out.is_partial);
        assert!(samples.refuse(0, "told") && samples.refuse(2, "told"));
        assert!(samples.upload().is_none());
    }

    #[test]
    fn labels_are_in_order_and_once() {
        let labels = |pairs: &[(&'static str, &'static str)]| sample_labels(pairs.iter().copied());
        assert_eq!(
            labels(&[("b", "1"), ("a", "\"")]).as_deref(),
            Ok(r#"{"a":"\"","b":"1"}"#)
        );
        assert_eq!(labels(&[]).as_deref(), Ok(""));
        assert!(labels(&[("a", "1"), ("a", "1")]).is_err());
        assert!(labels(&[("a", "\0")]).is_err());
    }

    #[test]
    fn series_take_a_bounded_memory() {
        let mut samples = Samples::new("x");
        let long = sample_labels([("a", "x".repeat(1 << 20).as_str())].into_iter()).unwrap();
        for n in 0..1000 {
            samples.add(n.to_string(), &long, 0, None);
        }
        assert!(samples.series.len() < 17);
        let error = samples.check_size().unwrap_err();
        assert_eq!(error.status(), 413);
    }
}
