//! Writing: one row of the log a write, and segments at once for many points of one series.

use crate::identity::caller;
use crate::pg::error::{Error, Result, SqlState};
use crate::pg::spi::{Arg, statements};
use crate::pg::time;
use crate::store::clock::{self, Begun};
use crate::store::log::list_id;
use crate::write::batches::{BatchInfo, NewRequest};
use crate::write::fold;
use crate::write::segments::{SegmentWriter, push_split};
use std::rc::Rc;
use timedb_segment::{Batch, BatchIds, BatchKind, LogKey, Points, encode_log};

/// From so many points of one series on, a segment of their own pays.
const SEGMENT_POINTS: usize = 512;

/// A row of the log holds so many points at most, and so many bytes of notes.
const ROW_POINTS: usize = 16_384;
const ROW_NOTES: usize = 64 << 10;

statements! {
    INSERT_LOG(UUID, TIMESTAMP, INT4, UUID, BYTEA) =
        c"INSERT INTO timedb_internal.write_log (tenant_id, change_time, points, list_id, blob) \
          VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
}

/// A write that has begun: it has its change_time.
pub struct Write {
    tenant: [u8; 16],
    list: Option<[u8; 16]>,
    series: Rc<[[u8; 16]]>,
    begun: Begun,
}

/// What the write says about itself.
pub struct WriteInfo<'a> {
    pub request: &'a NewRequest,
    pub kind: BatchKind,
    pub info: &'a BatchInfo,
    pub known_time: Option<i64>,
    pub skipped: usize,
}

impl Write {
    /// Begins a write to these series, each named once.
    ///
    /// # Errors
    /// As [`clock::begin_write`].
    pub fn begin(tenant: [u8; 16], series: Vec<[u8; 16]>) -> Result<Self> {
        let list = list_id(&series);
        Ok(Self {
            tenant,
            list,
            series: Rc::from(series),
            begun: clock::begin_write(&tenant, list)?,
        })
    }

    /// When it is written.
    pub fn change_time(&self) -> i64 {
        self.begun.change_time
    }

    /// Stores the points, sorted ones of each of the series by its place, and what the write says; then folds the log,
    /// if it is at its bound.
    ///
    /// # Errors
    /// XX000; the INSERTs' own errors are raised; as [`fold::at_bound`].
    pub fn store(
        self,
        points: impl Iterator<Item = (usize, Points)>,
        about: &WriteInfo,
    ) -> Result<()> {
        let mut row = RowPoints::default();
        let mut writer = SegmentWriter::new(self.tenant);
        let (mut total, mut valid) = (0, None::<(i64, i64)>);
        for (place, points) in points {
            let times = &points.valid_time;
            let (Some(&first), Some(&last)) = (times.first(), times.last()) else {
                continue;
            };
            valid = Some(match valid {
                Some((least, greatest)) => (least.min(first), greatest.max(last)),
                None => (first, last),
            });
            total += points.len();
            if let Some((place, points)) = row.add(place, points) {
                push_split(&mut writer, self.series[place], &points)?;
                for (place, points) in row.spill() {
                    push_split(&mut writer, self.series[place], &points)?;
                }
            }
            pgrx::check_for_interrupts!();
        }
        let change_time = self.begun.change_time;
        let info = about.info;
        let batch = Batch {
            change_time,
            settled_time: self.begun.settled,
            chosen_id: about.request.chosen_id,
            kind: about.kind,
            user: caller::user(),
            workflow_id: info.workflow_id.clone(),
            batch_params: info.batch_params.map(|params| params.text()),
            known_time: about.known_time,
            start_time: info.batch_start_time.unwrap_or(change_time),
            finish_time: info.batch_finish_time,
            points: total as u64,
            skipped: about.skipped as u64,
            valid,
            series: Rc::clone(&self.series),
        };
        self.insert(&batch, row)?;
        writer.flush()?;
        fold::at_bound(&self.tenant, &self.begun)
    }

    fn insert(&self, batch: &Batch, mut row: RowPoints) -> Result<()> {
        row.parts.sort_by_key(|(place, _)| *place);
        let mut counts = vec![
            0;
            if row.parts.is_empty() {
                0
            } else {
                self.series.len()
            }
        ];
        let (places, parts): (Vec<usize>, Vec<Points>) = row.parts.into_iter().unzip();
        for (&place, part) in places.iter().zip(&parts) {
            counts[place] = part.len() as u32;
        }
        let points = Points::concat(&parts, &BatchIds::of(self.tenant));
        let key = LogKey {
            tenant: self.tenant,
            change_time: self.begun.change_time,
            points: points.len() as u32,
            list: self.list,
        };
        let inline = !self.begun.log.list_is_common;
        let blob = encode_log(&key, batch, &counts, &points, inline)
            .map_err(|e| Error::internal(format!("could not encode a row of the log: {e}")))?;
        let args = [
            Arg::uuid(&self.tenant),
            Arg::int8(time::to_pg(key.change_time)),
            Arg::int4(key.points as i32),
            self.list.as_ref().map_or(Arg::NULL, Arg::uuid),
            Arg::bytea(&blob),
        ];
        match INSERT_LOG.execute(&args)? {
            1 => Ok(()),
            // Not to be had with the locks of writers; should it happen all the same, nothing is lost.
            _ => Err(Error::new(
                SqlState::T_R_SERIALIZATION_FAILURE,
                "another write has taken the same change_time",
            )
            .hint("Run the transaction again.")),
        }
    }
}

/// The points of a row of the log, by the places of their series.
#[derive(Default)]
struct RowPoints {
    parts: Vec<(usize, Points)>,
    points: usize,
    notes: usize,
    /// It would hold too much, so that the write has no points in the log.
    is_full: bool,
}

impl RowPoints {
    /// Takes the points of a series, or gives them back: they belong into segments.
    fn add(&mut self, place: usize, points: Points) -> Option<(usize, Points)> {
        if points.len() >= SEGMENT_POINTS || self.is_full {
            return Some((place, points));
        }
        self.points += points.len();
        self.notes += notes_of(&points);
        if self.points > ROW_POINTS || self.notes > ROW_NOTES {
            self.is_full = true;
            return Some((place, points));
        }
        self.parts.push((place, points));
        None
    }

    /// Gives up what it holds, if it would hold too much.
    fn spill(&mut self) -> Vec<(usize, Points)> {
        match self.is_full {
            true => std::mem::take(&mut self.parts),
            false => Vec::new(),
        }
    }
}

/// Bytes of the notes of points, about.
fn notes_of(points: &Points) -> usize {
    let notes = points.notes.iter().flatten().flatten();
    notes.map(|note| note.bytes()).sum()
}
