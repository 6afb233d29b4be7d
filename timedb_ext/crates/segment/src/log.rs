//! A row of the log: a write with its points of all series together, as columns. Few points of many series take one
//! row so, not one each.
//! docs/segment_format.md says what its columns are.

use std::ops::Range;
use std::rc::Rc;

use crate::batches::{append_one, read_one};
use crate::decode::decode_columns;
use crate::encode::encode_columns;
use crate::format::{ColumnId, Columns, Frame, Ids, OF_SEGMENT, Reader, unknown_codec};
use crate::ints::{self};
use crate::points::extent;
use crate::{Batch, Bounds, Column, MAX_COUNT, Points, SegmentError, SegmentKey};

const SERIES: u8 = 13;
const COUNTS: u8 = 14;
const BATCH: u8 = 15;

/// The columns of a row: those of a segment except change_time, which the row has, and its own.
const OF_LOG: Ids = OF_SEGMENT & !(1 << ColumnId::ChangeTime as u8) | 0b111 << SERIES;

/// What identifies a row of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogKey {
    /// The tenant's id.
    pub tenant: [u8; 16],
    /// The change_time of the write.
    pub change_time: i64,
    /// The number of points in the row.
    pub points: u32,
    /// What its series are called as a list; where the row has none itself, they are those of the list.
    pub list: Option<[u8; 16]>,
}

impl LogKey {
    fn segment(&self) -> SegmentKey {
        SegmentKey {
            tenant: self.tenant,
            series: self.list.unwrap_or_default(),
        }
    }

    fn bounds(&self) -> Bounds {
        let t = self.change_time;
        Bounds {
            count: self.points,
            min_valid: t,
            max_valid: t,
            min_known: t,
            max_known: t,
            min_change: t,
            max_change: t,
        }
    }
}

/// Encodes a row of the log. `points` are those of the batch's series one after the other, `counts` of each (of none if
/// there are no points); with `inline` the row has its series itself.
///
/// # Errors
/// If there are too many points, columns or counts of different lengths, or values that are not finite.
pub fn encode_log(
    key: &LogKey,
    batch: &Batch,
    counts: &[u32],
    points: &Points,
    inline: bool,
) -> Result<Vec<u8>, SegmentError> {
    let total: u64 = counts.iter().map(|&count| u64::from(count)).sum();
    if !points.fits()
        || total != points.len() as u64
        || key.points as usize != points.len()
        || key.points > MAX_COUNT
        || counts.len()
            != (if points.is_empty() {
                0
            } else {
                batch.series.len()
            })
    {
        return Err(SegmentError::Invalid("the columns differ in length"));
    }
    let mut frame = Frame::default();
    if !points.is_empty() {
        encode_columns(points, &key.bounds(), false, &mut frame)?;
    }
    if inline && !batch.series.is_empty() {
        frame.column(SERIES, |out| {
            out.extend(batch.series.iter().flatten());
            Ok::<u8, SegmentError>(0)
        })?;
    }
    if !points.is_empty() {
        let counts: Vec<i64> = counts.iter().map(|&count| i64::from(count)).collect();
        frame.column(COUNTS, |out| {
            Ok::<u8, SegmentError>(ints::encode(&counts, 0, out))
        })?;
    }
    let mut said = batch.clone();
    if key.points > 0 && batch.points == u64::from(key.points) {
        said.points = 0;
        said.valid = None;
    }
    frame.column(BATCH, |out| {
        append_one(&said, out)?;
        Ok::<u8, SegmentError>(0)
    })?;
    Ok(frame.finish(&key.segment(), &key.bounds()))
}

/// A row of the log whose points have not been read yet.
pub struct LogRow<'a> {
    key: LogKey,
    columns: Columns<'a>,
    series: &'a [[u8; 16]],
    /// The position after the last point of each series.
    ends: Ends,
}

enum Ends {
    /// Each of the first series has so many points.
    Even {
        count: usize,
        series: usize,
    },
    Each(Vec<usize>),
}

impl<'a> LogRow<'a> {
    /// Checks a row. `list` is the list of series that it refers to, if there is such a list.
    ///
    /// # Errors
    /// If the blob is damaged, belongs to another row, or was written by a newer version.
    pub fn open(
        key: LogKey,
        blob: &'a [u8],
        list: Option<&'a [[u8; 16]]>,
    ) -> Result<Self, SegmentError> {
        if key.points > MAX_COUNT {
            return Err(SegmentError::Damaged("its count is out of range"));
        }
        let columns = Columns::open(&key.segment(), &key.bounds(), blob, OF_LOG)?;
        let series = match (columns.optional(SERIES), list) {
            (Some((0, Reader(bytes))), _) => match bytes.as_chunks::<16>() {
                (series, []) => series,
                _ => return Err(SegmentError::Damaged("a column ends early")),
            },
            (None, Some(list)) => list,
            (None, None) if key.list.is_none() => &[],
            (None, None) => return Err(SegmentError::Damaged("its list of series is missing")),
            (Some(_), _) => return Err(unknown_codec()),
        };
        let ends = Ends::of(&columns, key.points as usize, series.len())?;
        Ok(LogRow {
            key,
            columns,
            series,
            ends,
        })
    }

    /// The series that the write may have written to.
    pub fn series(&self) -> &'a [[u8; 16]] {
        self.series
    }

    /// When the write was made.
    pub fn change_time(&self) -> i64 {
        self.key.change_time
    }

    /// What the write says about itself.
    ///
    /// # Errors
    /// As [`LogRow::open`].
    pub fn batch(&self) -> Result<Batch, SegmentError> {
        let (codec, reader) = self.columns.required(BATCH)?;
        if codec != 0 {
            return Err(unknown_codec());
        }
        let mut batch = Batch {
            series: Rc::from(self.series),
            ..read_one(reader, self.key.change_time)?
        };
        if batch.points == 0 && self.key.points > 0 {
            batch.points = u64::from(self.key.points);
            batch.valid = self.valid()?;
        }
        Ok(batch)
    }

    /// The least and the greatest valid time of the row's points, if there are any.
    ///
    /// # Errors
    /// As [`LogRow::open`].
    pub fn valid(&self) -> Result<Option<(i64, i64)>, SegmentError> {
        if self.key.points == 0 {
            return Ok(None);
        }
        let (codec, reader) = self.columns.required(ColumnId::ValidTime)?;
        let n = self.key.points as usize;
        let times = ints::decode(codec, self.key.change_time, n, 0..n, reader)?;
        Ok(Some(extent(times.entries().iter().copied())))
    }

    /// The positions of the points of the series at a place.
    pub fn positions(&self, place: usize) -> Range<usize> {
        match &self.ends {
            Ends::Even { count, series } => {
                count * place.min(*series)..count * (place + 1).min(*series)
            }
            Ends::Each(ends) => {
                let end = |place: usize| ends.get(place).copied();
                let from = place.checked_sub(1).map_or(Some(0), end);
                match (from, end(place)) {
                    (Some(from), Some(to)) => from..to,
                    _ => 0..0,
                }
            }
        }
    }

    /// The points at these positions, of one series; not checked to be in order.
    ///
    /// # Errors
    /// As [`LogRow::open`].
    pub fn points(&self, positions: Range<usize>) -> Result<Points, SegmentError> {
        let n = self.key.points as usize;
        if positions.is_empty() || positions.end > n {
            return Err(SegmentError::Damaged("it has no such points"));
        }
        let change = Column::Constant(self.key.change_time);
        let points = decode_columns(&self.columns, &self.key.bounds(), positions, Some(change))?;
        match points.is_sorted() {
            true => Ok(points),
            false => Err(SegmentError::Damaged("its points are not in order")),
        }
    }
}

impl Ends {
    fn of(columns: &Columns<'_>, points: usize, series: usize) -> Result<Self, SegmentError> {
        const DAMAGED: SegmentError = SegmentError::Damaged("its counts do not add up");
        let Some((codec, reader)) = columns.optional(COUNTS) else {
            return match points {
                0 => Ok(Ends::Each(Vec::new())),
                _ => Err(DAMAGED),
            };
        };
        if series == 0 || series > MAX_COUNT as usize {
            return Err(DAMAGED);
        }
        let counts = ints::decode(codec, 0, series, 0..series, reader)?;
        let counted = |count: i64| usize::try_from(count).ok().filter(|&count| count <= points);
        match counts {
            Column::Constant(count) => match counted(count) {
                Some(count) if count.checked_mul(series) == Some(points) => {
                    Ok(Ends::Even { count, series })
                }
                _ => Err(DAMAGED),
            },
            Column::Each(counts) => {
                let mut end = 0;
                let mut ends = Vec::with_capacity(series);
                for count in counts {
                    end += counted(count).ok_or(DAMAGED)?;
                    if end > points {
                        return Err(DAMAGED);
                    }
                    ends.push(end);
                }
                match end == points {
                    true => Ok(Ends::Each(ends)),
                    false => Err(DAMAGED),
                }
            }
        }
    }
}
