//! Downsampling: folds the flat values of each series into buckets of time while they are read.
//! `timedb_segment::aggregate` defines the aggregates, `timedb_calendar` where buckets begin.

use super::{ReadCursor, ReadRequest, before};
use crate::pg::error::{Error, Result, SqlState};
use crate::pg::spi::Home;
use crate::pg::time::{self, MAX_TIME, MIN_TIME};
use crate::series::SeriesInfo;
use std::collections::VecDeque;
use std::ops;
use std::rc::Rc;
use timedb_calendar::{Bucket, Zone};
use timedb_segment::Merged;
pub use timedb_segment::aggregate::Fill;
use timedb_segment::aggregate::{Aggregator, Buckets, Range, TooManyBuckets, ValueBefore};
pub use timedb_wire::Aggregate;

/// Buckets of one series; 35 years of them have a quarter of an hour each.
const MAX_BUCKETS: usize = 1_000_000;

/// A bound of a range, no further out than points are: what lies beyond would only be filled.
fn in_years(bound: i64) -> i64 {
    bound.clamp(MIN_TIME, MAX_TIME + 1)
}

type BucketOf = Box<dyn FnMut(i64) -> (i64, i64)>;

/// A read of buckets in progress. Its memory is bounded by the buckets of one series and by a piece.
pub struct BucketCursor {
    read: ReadCursor,
    bucket: Bucket,
    zone: Zone,
    fill: Fill,
    range: Range,
    /// The value before the range of each series; empty where nobody looks there.
    before: Vec<Option<ValueBefore>>,
    aggregates: Vec<Aggregate>,
    piece_buckets: usize,
    /// The series of `current`, by its place in the read's list; those before are through.
    place: usize,
    current: Option<Aggregator<BucketOf>>,
    /// Points that wait for the series before theirs to end.
    next_run: Option<([u8; 16], Merged)>,
    ready: VecDeque<Piece>,
    ready_buckets: usize,
}

/// Some buckets of one series, ascending.
pub struct Piece {
    place: usize,
    buckets: Rc<Buckets>,
    range: ops::Range<usize>,
}

impl Piece {
    /// The number of buckets.
    pub fn len(&self) -> usize {
        self.range.len()
    }

    /// Where each bucket starts, cut at the years that points can have.
    pub fn starts(&self) -> impl Iterator<Item = i64> + '_ {
        let starts = &self.buckets.start[self.range.clone()];
        starts.iter().copied()
    }

    /// Where each bucket ends, likewise; that is at most the greatest time that there is.
    pub fn ends(&self) -> impl Iterator<Item = i64> + '_ {
        let ends = &self.buckets.end[self.range.clone()];
        ends.iter().map(|&end| end.min(MAX_TIME))
    }

    /// How many values each bucket has.
    pub fn counts(&self) -> &[i64] {
        &self.buckets.count[self.range.clone()]
    }

    /// An aggregate of each bucket; empty for the count, which [`Self::counts`] gives, and of a sum that has
    /// overflowed.
    pub fn values(&self, aggregate: Aggregate) -> &[Option<f64>] {
        let buckets = &self.buckets;
        let column = match aggregate {
            Aggregate::Count => &[],
            Aggregate::Avg => &*buckets.avg,
            Aggregate::Sum => buckets.sum().unwrap_or_default(),
            Aggregate::Min => &buckets.min,
            Aggregate::Max => &buckets.max,
            Aggregate::First => &buckets.first,
            Aggregate::Last => &buckets.last,
            Aggregate::TimeWeightedAvg => &buckets.time_weighted_avg,
        };
        column.get(self.range.clone()).unwrap_or_default()
    }
}

/// What a read of buckets asks for.
pub struct BucketRequest {
    pub read: ReadRequest,
    pub bucket: Bucket,
    pub zone: Zone,
    pub fill: Fill,
    pub aggregates: Vec<Aggregate>,
    /// Whether the last value before the range holds on in it, and fills.
    pub look_before: bool,
}

impl BucketCursor {
    /// Starts the read, with pieces of at most `piece_buckets` buckets.
    ///
    /// # Errors
    /// As [`ReadCursor::open`].
    pub fn open(what: BucketRequest, piece_buckets: usize, home: Home) -> Result<Self> {
        let request = ReadRequest {
            list_all: what.fill != Fill::None,
            ..what.read
        };
        let range = Range {
            start: request.range.start_valid.map(in_years),
            end: request.range.end_valid.map(in_years),
        };
        let read = ReadCursor::open(request, home)?;
        let before = match range.start {
            Some(start) if what.look_before && !read.request.is_empty() => {
                before::values(&read.request, &read.series, start, what.fill == Fill::Last)?
            }
            _ => Vec::new(),
        };
        Ok(Self {
            read,
            bucket: what.bucket,
            zone: what.zone,
            fill: what.fill,
            range,
            before,
            aggregates: what.aggregates,
            piece_buckets,
            place: 0,
            next_run: None,
            current: None,
            ready: VecDeque::new(),
            ready_buckets: 0,
        })
    }

    /// The aggregates asked for, in the order asked for.
    pub fn aggregates(&self) -> &[Aggregate] {
        &self.aggregates
    }

    /// The series of a piece.
    pub fn series_of(&self, piece: &Piece) -> &SeriesInfo {
        &self.read.series()[piece.place]
    }

    /// The next buckets of one series, or `None` at the end: series by series, ascending.
    ///
    /// # Errors
    /// 54000 for too many buckets, 22003 for a sum asked for that is too large; as
    /// [`ReadCursor::next_run`].
    pub fn next_piece(&mut self) -> Result<Option<Piece>> {
        self.check_tenant()?;
        while self.ready.is_empty() {
            if !self.advance()? {
                return Ok(None);
            }
        }
        let piece = self.ready.pop_front();
        self.ready_buckets -= piece.as_ref().map_or(0, Piece::len);
        Ok(piece)
    }

    /// The next pieces, with as many buckets together as one piece may have at most, or a little more;
    /// none at the end.
    ///
    /// # Errors
    /// As [`Self::next_piece`].
    pub fn next_pieces(&mut self) -> Result<Vec<Piece>> {
        self.check_tenant()?;
        while self.ready_buckets < self.piece_buckets && self.advance()? {}
        let mut taken = Vec::new();
        let mut buckets = 0;
        while buckets < self.piece_buckets
            && let Some(piece) = self.ready.pop_front()
        {
            buckets += piece.len();
            taken.push(piece);
        }
        self.ready_buckets -= buckets;
        Ok(taken)
    }

    fn check_tenant(&self) -> Result<()> {
        match self.ready.is_empty() && self.place == self.read.series().len() {
            true => Ok(()),
            false => self.read.check_tenant(),
        }
    }

    /// Takes one step: more points, or the end of a series. False: there is nothing left to do.
    fn advance(&mut self) -> Result<bool> {
        pgrx::check_for_interrupts!();
        let Some(series) = self.read.series().get(self.place).map(|series| series.id) else {
            return Ok(false);
        };
        let run = match self.next_run.take() {
            Some(run) => Some(run),
            None => (self.read.next_run()?).map(|run| (run.series.id, run.points)),
        };
        match run {
            Some((id, run)) if id == series => {
                let mut aggregator = self.take_aggregator();
                aggregator.push(&run).map_err(|e| self.too_many(e))?;
                let buckets = aggregator.take();
                self.current = Some(aggregator);
                self.add_ready(buckets)?;
            }
            later => {
                // The series ends, whether it has points or not.
                self.next_run = later;
                let buckets = self.take_aggregator().finish();
                self.add_ready(buckets.map_err(|e| self.too_many(e))?)?;
                self.place += 1;
            }
        }
        Ok(true)
    }

    fn take_aggregator(&mut self) -> Aggregator<BucketOf> {
        if let Some(aggregator) = self.current.take() {
            return aggregator;
        }
        let mut buckets = timedb_calendar::Buckets::new(self.bucket, self.zone.clone());
        // Cut at the years that points can have, or what holds would weigh beyond them.
        let bucket_of: BucketOf = Box::new(move |t| {
            let (start, end) = buckets.containing(t);
            (start.max(MIN_TIME), end.min(MAX_TIME + 1))
        });
        let aggregator = Aggregator::new(bucket_of, self.range, self.fill, MAX_BUCKETS);
        match self.before.get(self.place) {
            Some(Some(before)) => aggregator.after(before),
            _ => aggregator,
        }
    }

    fn add_ready(&mut self, buckets: Buckets) -> Result<()> {
        if self.aggregates.contains(&Aggregate::Sum)
            && let Err(overflow) = buckets.sum()
        {
            return Err(self.too_large(overflow.bucket_start));
        }
        let buckets = Rc::new(buckets);
        self.ready_buckets += buckets.len();
        for from in (0..buckets.len()).step_by(self.piece_buckets) {
            self.ready.push_back(Piece {
                place: self.place,
                buckets: Rc::clone(&buckets),
                range: from..buckets.len().min(from + self.piece_buckets),
            });
        }
        Ok(())
    }

    fn name(&self) -> &str {
        let series = self.read.series().get(self.place);
        series.map_or("", |series| &series.name)
    }

    fn too_many(&self, error: TooManyBuckets) -> Error {
        Error::new(
            SqlState::PROGRAM_LIMIT_EXCEEDED,
            format!("series \"{}\" has too many buckets", self.name()),
        )
        .detail(format!(
            "A read may have at most {} for each series.",
            error.max_buckets
        ))
        .hint("Choose longer buckets or a shorter range.")
    }

    fn too_large(&self, bucket_start: i64) -> Error {
        Error::new(
            SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
            format!(
                "the sum of series \"{}\" in the bucket from {} is out of range",
                self.name(),
                time::text(bucket_start)
            ),
        )
        .hint("Convert the values to a larger unit, or request only other aggregates.")
    }
}
