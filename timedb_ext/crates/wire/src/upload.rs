//! An upload: its series by name or id, and its points by column.

use std::ops::Range;

use crate::bytes::{self, Input, put_text};
use crate::column::{Bitmap, Bits, Column, put_column};
use crate::{HAS_END, HAS_KNOWN, HAS_NULLS, Malformed};

const NAMED: u8 = 0;
const BY_ID: u8 = 1;
const BY_ID_WITH_UNIT: u8 = 2;

/// A series as an upload names it; a text that is empty says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeriesName<'a> {
    /// By its name, and labels that are the JSON text of an object.
    Named {
        /// Its name.
        name: &'a str,
        /// Its labels.
        labels: &'a str,
        /// The unit of the values.
        unit: &'a str,
        /// What a new series is described as.
        description: &'a str,
    },
    /// By its id.
    Id {
        /// Its id.
        id: [u8; 16],
        /// The unit of the values.
        unit: &'a str,
    },
}

impl<'a> SeriesName<'a> {
    fn take(input: &mut Input<'a>) -> Result<Self, Malformed> {
        Ok(match input.u8()? {
            NAMED => Self::Named {
                name: input.text()?,
                labels: input.text()?,
                unit: input.text()?,
                description: input.text()?,
            },
            kind @ (BY_ID | BY_ID_WITH_UNIT) => Self::Id {
                id: *input.array()?,
                unit: (input.optional(kind == BY_ID_WITH_UNIT, Input::text)?).unwrap_or_default(),
            },
            _ => return Err(Malformed::SeriesKind),
        })
    }

    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Named {
                name,
                labels,
                unit,
                description,
            } => {
                out.push(NAMED);
                for text in [name, labels, unit, description] {
                    put_text(out, text);
                }
            }
            Self::Id { id, unit: "" } => {
                out.push(BY_ID);
                out.extend_from_slice(id);
            }
            Self::Id { id, unit } => {
                out.push(BY_ID_WITH_UNIT);
                out.extend_from_slice(id);
                put_text(out, unit);
            }
        }
    }
}

/// The columns of an upload on its way out, each as long as there are points.
#[derive(Debug, Clone, Copy)]
pub struct Upload<'a> {
    /// For each point, the place of its series.
    pub series_index: &'a [u32],
    /// The instant that each value is about, or the start of its interval.
    pub valid_time: &'a [i64],
    /// The end of each interval, [`crate::NO_END`] for a point without.
    pub valid_time_end: Option<&'a [i64]>,
    /// The values.
    pub value: &'a [f64],
    /// Which values are null.
    pub nulls: Option<&'a Bitmap>,
    /// When each value was known; [`crate::NO_KNOWN_TIME`] where the batch says it.
    pub known_time: Option<&'a [i64]>,
}

impl Upload<'_> {
    /// The bytes of the upload.
    ///
    /// # Panics
    /// With more series, points or bytes of a text than a u32 counts.
    pub fn encode<'s>(&self, series: impl ExactSizeIterator<Item = SeriesName<'s>>) -> Vec<u8> {
        let points = self.valid_time.len();
        let flags = bytes::flags([
            (HAS_END, self.valid_time_end.is_some()),
            (HAS_NULLS, self.nulls.is_some()),
            (HAS_KNOWN, self.known_time.is_some()),
        ]);
        let capacity = 64 + 64 * series.len() + 37 * points;
        let mut out = bytes::begin(flags, [points, series.len()], capacity);
        for one in series {
            one.put(&mut out);
        }
        put_column(&mut out, self.series_index);
        put_column(&mut out, self.valid_time);
        put_column(&mut out, self.valid_time_end.unwrap_or_default());
        put_column(&mut out, self.value);
        out.extend_from_slice(self.nulls.map_or(&[], Bitmap::bytes));
        put_column(&mut out, self.known_time.unwrap_or_default());
        out
    }
}

/// An upload that is being read: first how much it says it brings, then its series, then its points.
#[derive(Debug, Clone)]
pub struct UploadReader<'a> {
    /// How many points it says it has; there may be bytes for fewer.
    pub points: usize,
    /// How many series it says it has: no more than it has bytes.
    pub series: usize,
    flags: u8,
    unread: Range<usize>,
    input: Input<'a>,
}

impl<'a> UploadReader<'a> {
    /// Reads what comes before the series.
    ///
    /// # Errors
    /// For bytes that do not begin like an upload.
    pub fn open(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (flags, mut input) = Input::open(bytes)?;
        if flags & !(HAS_END | HAS_NULLS | HAS_KNOWN) != 0 {
            return Err(Malformed::Flags);
        }
        let (points, series) = (input.length()?, input.length()?);
        // Each takes at least a byte.
        if series > input.len() {
            return Err(Malformed::SeriesCount);
        }
        Ok(Self {
            points,
            series,
            flags,
            unread: 0..series,
            input,
        })
    }

    /// Reads the next series, or `None` after the last one.
    ///
    /// # Errors
    /// For one that is malformed.
    pub fn next_series(&mut self) -> Result<Option<SeriesName<'a>>, Malformed> {
        let next = self.unread.next();
        next.map(|_| SeriesName::take(&mut self.input)).transpose()
    }

    /// Reads the points, passing over series that have not been read.
    ///
    /// # Errors
    /// For lengths that do not fit together, and for a point of no series.
    pub fn columns(mut self) -> Result<UploadColumns<'a>, Malformed> {
        while self.next_series()?.is_some() {}
        let (points, mut input) = (self.points, self.input);
        let has = |flag| self.flags & flag != 0;
        let columns = UploadColumns {
            series_index: input.column(points)?,
            valid_time: input.column(points)?,
            valid_time_end: input.optional(has(HAS_END), |input| input.column(points))?,
            value: input.column(points)?,
            nulls: input.optional(has(HAS_NULLS), |input| input.bits(points))?,
            known_time: input.optional(has(HAS_KNOWN), |input| input.column(points))?,
        };
        input.finish()?;
        let listed = |index: u32| (index as usize) < self.series;
        match columns.series_index.iter().all(listed) {
            true => Ok(columns),
            false => Err(Malformed::SeriesIndex),
        }
    }
}

/// The columns of an upload, within its bytes. Each point's series is one that there is.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "they are those of `Upload`")]
pub struct UploadColumns<'a> {
    pub series_index: Column<'a, u32>,
    pub valid_time: Column<'a, i64>,
    pub valid_time_end: Option<Column<'a, i64>>,
    pub value: Column<'a, f64>,
    pub nulls: Option<Bits<'a>>,
    pub known_time: Option<Column<'a, i64>>,
}
