//! The contents of a row that a walk's query finds: a segment, or a row of the log.

use super::query::LOG;
use crate::pg::error::{Error, Result, uuid_text};
use crate::pg::spi::Row;
use crate::store::log::Lists;
use std::ops::Range;
use timedb_segment::{
    Bounds, LogRow, Newest, Points, SegmentError, SegmentKey, Unstamped, decode_newest,
    decode_range, decode_unstamped,
};

/// A row of these queries: a segment, and what it was found for.
pub struct SegmentRow<'a>(pub &'a Row);

impl SegmentRow<'_> {
    /// The place of its stretch, counted from 0; `None` for a row of the log.
    pub fn place(&self) -> Result<Option<usize>> {
        // WITH ORDINALITY counts from 1.
        Ok((self.0.int8(1)? as usize).checked_sub(1))
    }

    /// Opens the row of the log and hands it over.
    ///
    /// # Errors
    /// XX001 for a damaged row.
    pub fn open_log<T>(
        &self,
        tenant: &[u8; 16],
        lists: &mut Lists,
        each: impl FnOnce(&LogRow<'_>) -> std::result::Result<T, SegmentError>,
    ) -> Result<T> {
        LOG.open(self.0, tenant, lists, each)
    }

    /// Where the walk of its stretch starts, unless the stretch starts later.
    pub fn start(&self) -> Result<i64> {
        self.0.instant(11)
    }

    /// Its bounds.
    pub fn bounds(&self) -> Result<Bounds> {
        bounds_of(self.0, 2)
    }

    /// Its points in a range.
    ///
    /// # Errors
    /// XX001 for a damaged segment.
    pub fn decode(&self, key: &SegmentKey, bounds: &Bounds, range: Range<i64>) -> Result<Points> {
        self.0.bytea(9, |blob| {
            decode_range(key, bounds, blob, Some(range.start), Some(range.end))
                .map_err(|why| damaged(self.0.int8(10).unwrap_or_default(), key, &why))
        })
    }

    /// Its points in a range, of each perhaps only the newest version. With what their stamps can be read from, if they
    /// have not been read, unless they have to be.
    ///
    /// # Errors
    /// XX001 for a damaged segment.
    pub fn decode_newest(
        &self,
        key: &SegmentKey,
        bounds: &Bounds,
        range: Range<i64>,
        with_stamps: bool,
    ) -> Result<(Points, Option<Unstamped>)> {
        let (start, end) = (Some(range.start), Some(range.end));
        let segment_id = self.0.int8(10)?;
        self.0.bytea(9, |blob| {
            let newest = match with_stamps {
                true => decode_newest(key, bounds, blob, start, end).map(Newest::Stamped),
                false => decode_unstamped(key, bounds, blob, start, end),
            };
            match newest.map_err(|why| damaged(segment_id, key, &why))? {
                Newest::Stamped(points) => Ok((points, None)),
                Newest::Unstamped(points) => {
                    let unstamped = Unstamped {
                        segment_id,
                        key: *key,
                        bounds: *bounds,
                        blob: blob.to_vec(),
                    };
                    Ok((points, Some(unstamped)))
                }
            }
        })
    }
}

/// The bounds of a segment: six times, the least before the greatest of valid, known and change time, and the count, from
/// this column on.
///
/// # Errors
/// XX000 for columns of other types.
pub fn bounds_of(row: &Row, first: usize) -> Result<Bounds> {
    Ok(Bounds {
        min_valid: row.instant(first)?,
        max_valid: row.instant(first + 1)?,
        min_known: row.instant(first + 2)?,
        max_known: row.instant(first + 3)?,
        min_change: row.instant(first + 4)?,
        max_change: row.instant(first + 5)?,
        count: row.int4(first + 6)?.cast_unsigned(),
    })
}

/// The error for a segment that cannot be read.
pub fn damaged(segment_id: i64, key: &SegmentKey, why: &SegmentError) -> Error {
    Error::damaged(
        format!(
            "cannot read segment {segment_id} of series {}: {why}",
            uuid_text(&key.series)
        ),
        "segments",
    )
}
