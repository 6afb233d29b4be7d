//! Uploads as they are read: their series, no more of them and no longer ones than one upload may have; their columns,
//! however they arrived, and what is removed from them or completed before they are stored; and what distinguishes one
//! upload from another (`fingerprint`).

mod fingerprint;

pub use fingerprint::{AboutBatch, fingerprint};

use crate::error::{Result, uuid_text};
use crate::labels::Labels;
use crate::limits::Call;
use timedb_wire::NO_KNOWN_TIME;

/// A series as a writer names it.
#[derive(Debug, Clone)]
pub enum SeriesRef {
    /// By its id: it must exist.
    Id {
        /// The id.
        id: [u8; 16],
        /// The unit of the values that come for it; its own unless given.
        unit: Option<String>,
    },
    /// By name and labels: created when it does not exist.
    Named(NamedSeries),
}

impl SeriesRef {
    /// The unit that the writer gives.
    pub fn unit(&self) -> Option<&str> {
        match self {
            Self::Id { unit, .. } => unit.as_deref(),
            Self::Named(named) => named.unit.as_deref(),
        }
    }

    /// How many bytes its texts take.
    fn bytes(&self) -> usize {
        let unit = self.unit().map_or(0, str::len);
        match self {
            Self::Id { .. } => unit,
            Self::Named(named) => {
                let description = named.description.as_ref().map_or(0, String::len);
                unit + named.name.len() + named.labels.bytes() + description
            }
        }
    }
}

/// Name, labels, the unit of the values (and of a new series), and for a new series a description.
#[derive(Debug, Clone, Default)]
pub struct NamedSeries {
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: Labels,
    /// The unit of the values that come for it.
    pub unit: Option<String>,
    /// What it is about.
    pub description: Option<String>,
}

/// How messages name it: by name where it has one.
impl std::fmt::Display for SeriesRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Named(named) => write!(f, "\"{}\"", named.name),
            Self::Id { id, .. } => f.write_str(&uuid_text(id)),
        }
    }
}

/// Series in the order in which they were named.
#[derive(Default)]
pub struct SeriesList {
    series: Vec<SeriesRef>,
    bytes: usize,
    /// What brings them.
    call: Call,
}

impl SeriesList {
    /// A list for about so many series.
    ///
    /// # Errors
    /// 54000 for more than the call may have.
    pub fn with_capacity(series: usize, call: Call) -> Result<Self> {
        call.check_series(series)?;
        Ok(Self {
            series: Vec::with_capacity(series),
            bytes: 0,
            call,
        })
    }

    /// Adds one and returns its place.
    ///
    /// # Errors
    /// 54000 for one too many.
    pub fn push(&mut self, series: SeriesRef) -> Result<u32> {
        timedb_segment::pause();
        self.call.check_series(self.series.len() + 1)?;
        self.bytes += series.bytes();
        self.call.check_series_bytes(self.bytes)?;
        self.series.push(series);
        Ok(self.series.len() as u32 - 1)
    }

    /// The series.
    pub fn into_vec(self) -> Vec<SeriesRef> {
        self.series
    }
}

/// The columns of an upload, however they came in.
pub struct UploadColumns {
    /// The series, each named once.
    pub series: Vec<SeriesRef>,
    /// For each point, its place in `series`.
    pub series_index: Vec<u32>,
    /// Unix microseconds, like all instants here.
    pub valid_time: Vec<i64>,
    /// [`NO_END`](timedb_segment::NO_END) for a point without; None if none has one.
    pub valid_time_end: Option<Vec<i64>>,
    /// 0.0 where null.
    pub value: Vec<f64>,
    /// Which values are null; None if none is.
    pub nulls: Option<Vec<bool>>,
    /// When each value was known; [`NO_KNOWN_TIME`] where the batch says it. None if it says it of all.
    pub known_time: Option<Vec<i64>>,
}

impl UploadColumns {
    /// Keeps the points at the positions that `keep` accepts.
    pub fn retain(&mut self, keep: impl Fn(usize) -> bool) {
        fn pick<'a, T: 'a>(
            columns: impl IntoIterator<Item = &'a mut Vec<T>>,
            keep: &impl Fn(usize) -> bool,
        ) {
            for column in columns {
                let mut places = 0..;
                column.retain(|_| places.next().is_some_and(keep));
            }
        }
        pick([&mut self.series_index], &keep);
        pick([&mut self.valid_time], &keep);
        pick([&mut self.value], &keep);
        pick(&mut self.valid_time_end, &keep);
        pick(&mut self.nulls, &keep);
        pick(&mut self.known_time, &keep);
    }

    /// Gives the points that say no known_time of their own that of the batch. A column that says nothing
    /// else goes.
    pub fn complete_known_time(&mut self, of_batch: i64) {
        let Some(known) = &mut self.known_time else {
            return;
        };
        for one in known.iter_mut().filter(|one| **one == NO_KNOWN_TIME) {
            *one = of_batch;
        }
        if known.iter().all(|&one| one == of_batch) {
            self.known_time = None;
        }
    }
}
