//! Series as a writer names them, and the list of them while an upload is being read: no more of them, and no longer
//! ones, than one upload may have.

use crate::error::{Result, uuid_text};
use crate::labels::Labels;
use crate::limits::{self, MAX_SERIES_BYTES, too_many};

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
}

impl SeriesList {
    /// A list for about so many series.
    ///
    /// # Errors
    /// 54000 for more than an upload may have.
    pub fn with_capacity(series: usize) -> Result<Self> {
        limits::check_series(series)?;
        Ok(Self {
            series: Vec::with_capacity(series),
            bytes: 0,
        })
    }

    /// Adds one and returns its place.
    ///
    /// # Errors
    /// 54000 for one too many.
    pub fn push(&mut self, series: SeriesRef) -> Result<u32> {
        timedb_segment::pause();
        limits::check_series(self.series.len() + 1)?;
        self.bytes += series.bytes();
        if self.bytes > MAX_SERIES_BYTES {
            return Err(too_many(
                "the names, labels, units and descriptions of an upload",
                MAX_SERIES_BYTES,
                "bytes together",
                self.bytes,
                "Split it into several uploads.",
            ));
        }
        self.series.push(series);
        Ok(self.series.len() as u32 - 1)
    }

    /// The series.
    pub fn into_vec(self) -> Vec<SeriesRef> {
        self.series
    }
}
