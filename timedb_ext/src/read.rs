//! Reading: finds the segments of the series asked for, decodes and merges them, and hands out
//! runs of points.
//!
//! Memory is bounded by what overlaps in time and by what is asked for at once, not by the result.

mod buckets;
pub mod changes;
mod instants;
mod last;
pub mod moment;
mod query;
mod request;
mod run;
mod subscriber;
pub mod value_id;

pub use buckets::{Aggregate, BucketCursor, BucketRequest, Fill, Piece};
pub use instants::Instants;
pub use request::ReadRequest;
pub use run::{Run, Runs, Writers};

use crate::identity::nobody;
use crate::identity::settings;
use crate::pg::error::{Error, Result, SqlState, uuid_text};
use crate::pg::spi::{Home, Query, Row, connected};
use crate::series::units;
use crate::series::{SeriesInfo, find};
use std::collections::VecDeque;
use timedb_segment::{Bounds, Merged, Merger, Mode, Points, SegmentKey, decode_range};
use timedb_units::Conversion;

/// Segments fetched at a time: the first fetch small, so that small reads stay small.
const FIRST_FETCH: usize = 16;
const FETCH: usize = 128;

/// A read in progress.
pub struct ReadCursor {
    request: ReadRequest,
    tenant: [u8; 16],
    series: Vec<SeriesInfo>,
    /// Of each of them, if values are converted.
    conversions: Vec<Conversion>,
    query: Option<Query>,
    fetched_before: bool,
    /// Series being merged, by its place in `series`.
    current: Option<(usize, Merger)>,
    /// Finished runs, waiting to be handed out.
    ready: VecDeque<(usize, Merged)>,
    ready_points: usize,
    /// Who wrote the batches that have been met; asked for only where versions are answered.
    writers: Writers,
}

impl ReadCursor {
    /// Starts a read that may go on as long as `home` says; without a tenant it finds nothing.
    ///
    /// # Errors
    /// 22023 for a malformed filter; as [`moment::reach`] for a read as of a change_time.
    pub fn open(request: ReadRequest, home: Home) -> Result<Self> {
        let tenant = settings::tenant();
        let mut read = Self {
            request,
            tenant: tenant.unwrap_or_default(),
            series: Vec::new(),
            conversions: Vec::new(),
            query: None,
            fetched_before: false,
            current: None,
            ready: VecDeque::new(),
            ready_points: 0,
            writers: Writers::default(),
        };
        let Some(tenant) = tenant else {
            nobody::warn();
            return Ok(read);
        };
        let is_empty = read.request.is_empty();
        if is_empty && !read.request.list_all {
            return Ok(read);
        }
        connected(|| {
            let moment = moment::reach(&tenant, read.request.as_of_change)?;
            read.series = find(&read.request.series)?;
            if let Some(unit) = &read.request.unit {
                read.conversions = units::conversions(&mut read.series, unit)?;
            }
            if is_empty || read.series.is_empty() {
                // There is nothing to look for.
            } else if read.request.last_only {
                for (place, run) in last::points(&tenant, &read.series, &read.request.range)? {
                    read.add_ready(place, run)?;
                }
            } else {
                read.query = Some(query::open(&read.series, &read.request.range, home)?);
            }
            moment.leave();
            Ok(())
        })?;
        Ok(read)
    }

    /// The series of the read, ascending by id.
    pub fn series(&self) -> &[SeriesInfo] {
        &self.series
    }

    /// The next runs with at least so many points together; none at the end.
    ///
    /// # Errors
    /// XX001 for a damaged segment; 55000 when the tenant has changed.
    pub fn next_runs(&mut self, least_points: usize) -> Result<Runs<'_>> {
        self.fill(least_points)?;
        let mut runs = Vec::new();
        let mut points = 0;
        while points < least_points
            && let Some((place, run)) = self.ready.pop_front()
        {
            points += run.len();
            let series = &self.series[place];
            runs.push(Run {
                series,
                points: run,
            });
        }
        self.ready_points -= points;
        let with_writers = self.request.mode == Mode::Versions;
        if with_writers && !runs.is_empty() {
            connected(|| self.writers.look_up(&runs))?;
        }
        Ok(Runs {
            runs,
            with_known_time: self.request.with_known_time,
            writers: with_writers.then_some(&self.writers),
        })
    }

    /// The next points of one series, ascending by it, or `None` at the end; nobody is told who wrote them.
    ///
    /// # Errors
    /// As [`Self::next_runs`].
    pub fn next_run(&mut self) -> Result<Option<Run<'_>>> {
        self.fill(1)?;
        let Some((place, points)) = self.ready.pop_front() else {
            return Ok(None);
        };
        self.ready_points -= points.len();
        let series = &self.series[place];
        Ok(Some(Run { series, points }))
    }

    /// Reads on until there are so many points, or nothing is left.
    fn fill(&mut self, least_points: usize) -> Result<()> {
        if self.query.is_some() || !self.ready.is_empty() {
            self.check_tenant()?;
        }
        while self.query.is_some() && self.ready_points < least_points {
            self.fetch()?;
        }
        Ok(())
    }

    /// Checks that the tenant is still the one that the read was begun as.
    ///
    /// # Errors
    /// 55000 if it is another one.
    pub fn check_tenant(&self) -> Result<()> {
        match settings::tenant() == Some(self.tenant) {
            true => Ok(()),
            false => Err(settings::refuse_changed_tenant()),
        }
    }

    fn fetch(&mut self) -> Result<()> {
        let Some(mut query) = self.query.take() else {
            return Ok(());
        };
        let limit = if self.fetched_before {
            FETCH
        } else {
            FIRST_FETCH
        };
        self.fetched_before = true;
        if query.fetch(limit, |row| self.take_segment(row))? {
            self.query = Some(query);
        } else {
            self.finish_series()?;
        }
        Ok(())
    }

    fn take_segment(&mut self, row: &Row) -> Result<()> {
        let place = place(row)?;
        let bounds = query::bounds(row)?;
        let key = SegmentKey {
            tenant: self.tenant,
            series: self.series[place].id,
        };
        let range = &self.request.range;
        let (mut start, mut end) = (range.start_valid, range.end_valid);
        if let Some(instants) = &self.request.instants {
            let Some((first, last)) = instants.within(&key.series, &bounds) else {
                return Ok(());
            };
            (start, end) = (start.max(Some(first)), Some(last.saturating_add(1)));
        }
        let points = decode_segment(row, &key, &bounds, start, end)?;
        let points = match &self.request.instants {
            Some(instants) => instants.select(&key.series, points),
            None => points,
        };
        let points = self.request.before_cutoffs(points);
        if points.is_empty() {
            return Ok(());
        }
        self.merge(place, bounds.min_valid, points)
    }

    fn merge(&mut self, place: usize, min_valid: i64, points: Points) -> Result<()> {
        match &self.current {
            Some((current, _)) if *current > place => {
                return Err(Error::internal(
                    "segments came out of the order of their series",
                ));
            }
            Some((current, _)) if *current < place => self.finish_series()?,
            _ => {}
        }
        let (mode, range) = (self.request.mode, self.request.range);
        let with_known = self.request.with_known_time;
        let (_, merger) = self.current.get_or_insert_with(|| {
            let merger = Merger::new(mode, range);
            (
                place,
                if with_known {
                    merger.with_known_time()
                } else {
                    merger
                },
            )
        });
        let done = merger.take_before(min_valid);
        merger.push(points);
        match done {
            Some(done) => self.add_ready(place, done),
            None => Ok(()),
        }
    }

    fn finish_series(&mut self) -> Result<()> {
        match self.current.take() {
            Some((place, merger)) => self.add_ready(place, merger.finish()),
            None => Ok(()),
        }
    }

    fn add_ready(&mut self, place: usize, mut run: Merged) -> Result<()> {
        if run.valid_time.is_empty() {
            return Ok(());
        }
        if !self.request.with_known_time {
            run.known_time.clear();
        }
        if let Some(conversion) = self.conversions.get(place) {
            units::convert(conversion, &mut run.value)?;
        }
        self.ready_points += run.valid_time.len();
        self.ready.push_back((place, run));
        Ok(())
    }
}

/// The place, counted from 0, of the series of a segment in its read's list.
fn place(row: &Row) -> Result<usize> {
    // WITH ORDINALITY counts from 1.
    Ok(row.int8(1)? as usize - 1)
}

/// The points of a segment from `start` on and before `end`.
fn decode_segment(
    row: &Row,
    key: &SegmentKey,
    bounds: &Bounds,
    start: Option<i64>,
    end: Option<i64>,
) -> Result<Points> {
    row.bytea(9, |blob| {
        decode_range(key, bounds, blob, start, end).map_err(|e| damaged(row, key, &e.to_string()))
    })
}

/// The error of a segment that cannot be decoded; its id is the tenth column of `row`.
pub fn damaged(row: &Row, key: &SegmentKey, why: &str) -> Error {
    let segment_id = row.int8(10).unwrap_or_default();
    Error::new(
        SqlState::DATA_CORRUPTED,
        format!(
            "cannot read segment {segment_id} of series {}: {why}",
            uuid_text(&key.series)
        ),
    )
    .hint("Restore this row of timedb.segments from a backup.")
}
