//! Removing points from the segments of a series: those that have only such points are deleted, and those that have others,
//! too, are written anew without them.

use crate::pg::error::{Error, Result};
use crate::pg::snapshot;
use crate::pg::spi::{Arg, Home, Row, statements};
use crate::pg::time;
use crate::read::segments::{bounds_of, damaged};
use crate::write::merge::{Work, warn_of_damage};
use crate::write::segments::{SegmentWriter, push_split};
use timedb_segment::{Points, SegmentKey, decode};

/// Segments read at a time.
const FETCH: usize = 64;

statements! {
    TOUCHED(UUID, TIMESTAMP, TIMESTAMP, TIMESTAMP) -> (TIMESTAMP, TIMESTAMP, TIMESTAMP, TIMESTAMP, TIMESTAMP, TIMESTAMP, INT4, BYTEA, INT8, INT4) =
        c"SELECT min_valid, max_valid, min_known, max_known, min_change, max_change, count, blob, segment_id, span_class::int4 \
          FROM timedb_internal.segments \
          WHERE series_id = $1 AND min_valid <= $2 AND max_valid >= $3 AND max_change >= $4";
    DELETE(UUID, INT2S, TIMESTAMPS, INT8S) =
        c"DELETE FROM timedb_internal.segments AS s \
          USING unnest($2, $3, $4) AS g(span_class, min_valid, segment_id) \
          WHERE s.series_id = $1 AND s.span_class = g.span_class AND s.min_valid = g.min_valid \
            AND s.segment_id = g.segment_id";
}

/// Where the points are that are removed: segments that cannot have any are not read.
#[derive(Clone, Copy)]
pub struct Within {
    /// The least and the greatest valid_time.
    pub valid: (i64, i64),
    /// The least change_time.
    pub first_change: i64,
}

/// What becomes of a segment with damage.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum OnDamage {
    Fail,
    /// It stays, and the caller is told.
    Warn,
}

/// What has been removed.
#[derive(Default, Clone, Copy)]
pub struct Removed {
    pub points: usize,
    /// Segments that are gone, less those that were written in their place.
    pub segments: i64,
    /// The same in bytes of their columns.
    pub bytes: i64,
}

impl Removed {
    /// Both together.
    pub fn and(self, other: Self) -> Self {
        Self {
            points: self.points + other.points,
            segments: self.segments + other.segments,
            bytes: self.bytes + other.bytes,
        }
    }
}

/// Removes the points of a series of which `goes` says so, or only counts them (`dry_run`). The caller has the right to
/// compact.
///
/// # Errors
/// XX001 for a damaged segment, unless it stays; XX000; the statements' own errors are raised.
pub fn remove(
    key: &SegmentKey,
    within: Within,
    goes: impl Fn(&Points, usize) -> bool,
    on_damage: OnDamage,
    dry_run: bool,
) -> Result<Removed> {
    let instants = [within.valid.1, within.valid.0, within.first_change];
    let [last, first, change] = instants.map(|t| Arg::int8(time::to_pg(t)));
    let args = [Arg::uuid(&key.series), last, first, change];
    let mut query = snapshot::under_latest(|| TOUCHED.open(&args, Home::here()))?;
    let mut removed = Removed::default();
    loop {
        pgrx::check_for_interrupts!();
        let mut touched = Vec::new();
        let more = query.fetch(FETCH, |row| {
            match Touched::read(row, key, &goes) {
                Ok(found) => touched.extend(found),
                Err(error) if on_damage == OnDamage::Warn => {
                    warn_of_damage(error, &mut Work::default())?;
                }
                Err(error) => return Err(error),
            }
            Ok(())
        })?;
        removed = removed.and(carry_out(key, touched, dry_run)?);
        if !more {
            return Ok(removed);
        }
    }
}

fn carry_out(key: &SegmentKey, touched: Vec<Touched>, dry_run: bool) -> Result<Removed> {
    let mut removed = Removed::default();
    for segment in &touched {
        let is_gone = i64::from(segment.kept.is_none());
        removed.points += segment.points;
        removed.segments += is_gone;
        removed.bytes += match &segment.kept {
            None => segment.bytes as i64,
            // About, as long as it has not been written.
            Some(kept) => (segment.bytes * segment.points / (segment.points + kept.len())) as i64,
        };
    }
    if dry_run || touched.is_empty() {
        return Ok(removed);
    }
    let args = [
        Arg::uuid(&key.series),
        Arg::int2s(touched.iter().map(|s| s.span_class)),
        Arg::timestamps(touched.iter().map(|s| time::to_pg(s.min_valid))),
        Arg::int8s(touched.iter().map(|s| s.id)),
    ];
    if DELETE.execute(&args)? != touched.len() as u64 {
        return Err(Error::internal(
            "segments have changed while points were removed",
        ));
    }
    let mut writer = SegmentWriter::new(key.tenant);
    for kept in touched.into_iter().filter_map(|segment| segment.kept) {
        push_split(&mut writer, key.series, &kept)?;
    }
    writer.flush()?;
    Ok(removed)
}

/// A segment with points that go.
struct Touched {
    id: i64,
    span_class: i16,
    min_valid: i64,
    bytes: usize,
    /// How many go.
    points: usize,
    /// Those that stay, if any do.
    kept: Option<Points>,
}

impl Touched {
    /// `None` where no point goes.
    fn read(
        row: &Row,
        key: &SegmentKey,
        goes: impl Fn(&Points, usize) -> bool,
    ) -> Result<Option<Self>> {
        let bounds = bounds_of(row, 1)?;
        let id = row.int8(9)?;
        let (points, bytes) = row.bytea(8, |blob| {
            let points = decode(key, &bounds, blob).map_err(|why| damaged(id, key, &why))?;
            Ok((points, blob.len()))
        })?;
        let kept: Vec<usize> = (0..points.len()).filter(|&i| !goes(&points, i)).collect();
        if kept.len() == points.len() {
            return Ok(None);
        }
        Ok(Some(Self {
            id,
            span_class: row.int4(10)? as i16,
            min_valid: bounds.min_valid,
            bytes,
            points: points.len() - kept.len(),
            kept: (!kept.is_empty()).then(|| points.select(&kept)),
        }))
    }
}
