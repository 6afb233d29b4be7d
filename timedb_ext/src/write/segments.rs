//! Writing segments: encodes points, and inserts many segments at a time.

use crate::pg::error::{Error, Result};
use crate::pg::spi::{Arg, statements};
use crate::pg::time;
use std::ops::Range;
use timedb_segment::{NO_END, Points, Segment, SegmentKey, encode, split};

/// Rows of one INSERT of segments, and the bytes of blobs after which one is sent.
const INSERT_ROWS: usize = 2_000;
const INSERT_BYTES: usize = 4 << 20;

/// A segment holds about so many bytes of notes at most: whoever reads one of its points decodes them.
const NOTE_BYTES: usize = 1 << 20;

statements! {
    INSERT_SEGMENTS(UUID, UUIDS, TIMESTAMPS, TIMESTAMPS, TIMESTAMPS, TIMESTAMPS, TIMESTAMPS, TIMESTAMPS,
                    INT8S, INT4S, INT2S, BYTEAS) =
        c"INSERT INTO timedb_internal.segments \
              (tenant_id, series_id, min_valid, max_valid, min_known, max_known, min_change, \
               max_change, segment_id, count, span_class, blob) \
          SELECT $1, s.* \
          FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) AS s";
}

/// Writes sorted points of one series as segments: split by count, at gaps, and where notes are long.
///
/// # Errors
/// As [`SegmentWriter::push`].
pub fn push_split(writer: &mut SegmentWriter, series: [u8; 16], points: &Points) -> Result<()> {
    for range in split(&points.valid_time) {
        for range in by_notes(points, range) {
            if range.len() == points.len() {
                return writer.push(series, points.clone());
            }
            let positions: Vec<usize> = range.collect();
            writer.push(series, points.select(&positions))?;
        }
    }
    Ok(())
}

/// Parts of a range whose notes are short enough together.
fn by_notes(points: &Points, range: Range<usize>) -> Vec<Range<usize>> {
    if points.notes.is_none() {
        return vec![range];
    }
    let mut parts = Vec::new();
    let (mut start, mut bytes) = (range.start, 0);
    for i in range.clone() {
        let length = points.note(i).map_or(0, |note| note.bytes());
        if bytes + length > NOTE_BYTES && i > start {
            parts.push(start..i);
            (start, bytes) = (i, 0);
        }
        bytes += length;
    }
    parts.push(start..range.end);
    parts
}

/// Collects segments of one tenant and inserts them many at a time.
pub struct SegmentWriter {
    tenant: [u8; 16],
    pending: Vec<([u8; 16], Segment)>,
    bytes: usize,
    written: usize,
}

impl SegmentWriter {
    pub fn new(tenant: [u8; 16]) -> Self {
        Self {
            tenant,
            pending: Vec::new(),
            bytes: 0,
            written: 0,
        }
    }

    /// Takes the points of a segment, of which columns that say nothing are left out; may insert what has gathered.
    ///
    /// # Errors
    /// XX000; the INSERT's own errors are raised.
    pub fn push(&mut self, series: [u8; 16], mut points: Points) -> Result<()> {
        points
            .valid_time_end
            .take_if(|ends| ends.iter().all(|&end| end == NO_END));
        points.nulls.take_if(|nulls| !nulls.contains(&true));
        points
            .notes
            .take_if(|notes| notes.iter().all(Option::is_none));
        let key = SegmentKey {
            tenant: self.tenant,
            series,
        };
        let segment = encode(&key, &points)
            .map_err(|e| Error::internal(format!("could not encode a segment: {e}")))?;
        self.bytes += segment.blob.len();
        self.written += 1;
        self.pending.push((series, segment));
        if self.pending.len() >= INSERT_ROWS || self.bytes >= INSERT_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// How many segments it has been given.
    pub fn written(&self) -> usize {
        self.written
    }

    /// Inserts what has gathered, in the order of the index.
    ///
    /// # Errors
    /// As [`SegmentWriter::push`].
    pub fn flush(&mut self) -> Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        self.pending
            .sort_by_key(|(series, s)| (*series, s.span_class, s.bounds.min_valid));
        let rows = &self.pending;
        let instants = |of: fn(&Segment) -> i64| {
            Arg::timestamps(rows.iter().map(move |(_, s)| time::to_pg(of(s))))
        };
        let args = [
            Arg::uuid(&self.tenant),
            Arg::uuids(rows.iter().map(|(series, _)| series)),
            instants(|s| s.bounds.min_valid),
            instants(|s| s.bounds.max_valid),
            instants(|s| s.bounds.min_known),
            instants(|s| s.bounds.max_known),
            instants(|s| s.bounds.min_change),
            instants(|s| s.bounds.max_change),
            Arg::int8s(rows.iter().map(|_| random_id())),
            Arg::int4s(rows.iter().map(|(_, s)| s.bounds.count as i32)),
            Arg::int2s(rows.iter().map(|(_, s)| s.span_class)),
            Arg::byteas(rows.iter().map(|(_, s)| s.blob.as_slice())),
        ];
        INSERT_SEGMENTS.execute(&args)?;
        self.pending.clear();
        self.bytes = 0;
        Ok(())
    }
}

/// Distinguishes segments of one key; says nothing about order or age.
fn random_id() -> i64 {
    let bytes = uuid::Uuid::new_v4().into_bytes();
    let mut tail = [0; 8];
    tail.copy_from_slice(&bytes[..8]);
    // The version nibble of the UUID is constant: mix in the other half.
    i64::from_be_bytes(tail)
        ^ i64::from(u32::from_be_bytes([
            bytes[12], bytes[13], bytes[14], bytes[15],
        ]))
}
