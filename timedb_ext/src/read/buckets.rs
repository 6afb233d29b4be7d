//! Downsampling: the flat values of each series folded into buckets of time while they are read. What an
//! aggregate is stands in `timedb_segment::aggregate`, where buckets begin in `timedb_calendar`.

mod aggregates;

pub use aggregates::Aggregate;

use super::arguments::{ReadArguments, check_declaration, interval, zone};
use super::{ReadCursor, Request};
use crate::error::{Error, Result};
use crate::series::SeriesInfo;
use crate::spi::Home;
use crate::time::{self, MAX_TIME, MIN_TIME};
use pgrx::PgSqlErrorCode;
use pgrx::fcinfo::pg_getarg;
use pgrx::pg_sys::{self, Oid};
use std::collections::VecDeque;
use std::ops;
use std::rc::Rc;
use timedb_calendar::{Bucket, Zone};
use timedb_segment::Merged;
use timedb_segment::aggregate::{Aggregator, Buckets, Fill, Range, TooManyBuckets};

/// Buckets of one series; 35 years of them have a quarter of an hour each.
const MAX_BUCKETS: usize = 1_000_000;

/// The types of the arguments of `read_buckets` and `_read_buckets_packed`.
const BUCKET_ARGUMENTS: [Oid; 16] = [
    pg_sys::INTERVALOID,
    pg_sys::TEXTOID,
    pg_sys::TEXTOID,
    pg_sys::UUIDARRAYOID,
    pg_sys::TEXTOID,
    pg_sys::JSONBOID,
    pg_sys::TIMESTAMPTZOID,
    pg_sys::TIMESTAMPTZOID,
    pg_sys::TIMESTAMPTZOID,
    pg_sys::TIMESTAMPTZOID,
    pg_sys::TIMESTAMPTZOID,
    pg_sys::TIMESTAMPTZOID,
    pg_sys::INTERVALOID,
    pg_sys::INTERVALOID,
    pg_sys::TEXTOID,
    pg_sys::TEXTARRAYOID,
];

/// What a function that answers buckets was called with.
pub struct BucketArguments {
    bucket: Option<pg_sys::Interval>,
    tz: Option<String>,
    fill: Option<String>,
    read: ReadArguments,
    aggregates: Result<Vec<Aggregate>>,
}

impl BucketArguments {
    /// Takes the arguments of a call of `read_buckets` or `_read_buckets_packed`.
    ///
    /// # Errors
    /// XX000 when the function is declared with other arguments.
    ///
    /// # Safety
    /// The call is one under way, of a function that is declared with these arguments.
    pub unsafe fn of(fcinfo: pg_sys::FunctionCallInfo) -> Result<Self> {
        // SAFETY: the declarations promise the types.
        unsafe {
            check_declaration(fcinfo, &BUCKET_ARGUMENTS)?;
            Ok(Self {
                bucket: interval(fcinfo, 0),
                tz: pg_getarg(fcinfo, 1),
                fill: pg_getarg(fcinfo, 2),
                read: ReadArguments::of_flat(fcinfo, 3),
                aggregates: aggregates::chosen(pg_getarg(fcinfo, 15)),
            })
        }
    }

    /// Starts the read, with pieces of at most `piece_buckets` buckets.
    ///
    /// # Errors
    /// 22023 for an argument that is none of the choices; as [`ReadCursor::open`].
    pub fn open(self, piece_buckets: usize, home: Home) -> Result<BucketCursor> {
        let bucket = self
            .bucket
            .ok_or_else(|| Error::invalid("bucket must not be null"))?;
        let bucket = Bucket::new(bucket.month, bucket.day, bucket.time)
            .map_err(|e| Error::invalid(e.to_string()))?;
        let zone = zone(self.tz.as_deref())?;
        let fill = fill(self.fill.as_deref())?;
        let aggregates = self.aggregates?;
        let request = Request {
            list_all: fill != Fill::None,
            ..self.read.request()?
        };
        let range = Range {
            start: request.range.start_valid.map(in_years),
            end: request.range.end_valid.map(in_years),
        };
        Ok(BucketCursor {
            read: ReadCursor::open(request, home)?,
            bucket,
            zone,
            fill,
            range,
            aggregates,
            piece_buckets,
            place: 0,
            next_run: None,
            current: None,
            ready: VecDeque::new(),
            ready_buckets: 0,
        })
    }
}

fn fill(name: Option<&str>) -> Result<Fill> {
    match name {
        None | Some("none") => Ok(Fill::None),
        Some("null") => Ok(Fill::Null),
        Some("last") => Ok(Fill::Last),
        Some("linear") => Ok(Fill::Linear),
        Some(other) => Err(Error::invalid(format!("unknown fill \"{other}\""))
            .hint("The fills are none, null, last and linear.")),
    }
}

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
        starts.iter().map(|&start| start.max(MIN_TIME))
    }

    /// Where each bucket ends, likewise.
    pub fn ends(&self) -> impl Iterator<Item = i64> + '_ {
        let ends = &self.buckets.end[self.range.clone()];
        ends.iter().map(|&end| end.min(MAX_TIME))
    }

    /// How many values each bucket has.
    pub fn counts(&self) -> &[i64] {
        &self.buckets.count[self.range.clone()]
    }

    /// An aggregate of each bucket; empty for the count, which [`Self::counts`] gives.
    pub fn values(&self, aggregate: Aggregate) -> &[Option<f64>] {
        aggregate
            .column(&self.buckets)
            .get(self.range.clone())
            .unwrap_or_default()
    }
}

impl BucketCursor {
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
            None => self.read.next_run()?,
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
                self.next_run = later;
                self.finish_series()?;
            }
        }
        Ok(true)
    }

    /// Ends the series at `place`, whether it has points or not.
    fn finish_series(&mut self) -> Result<()> {
        let aggregator = self.take_aggregator();
        let buckets = aggregator.finish().map_err(|e| self.too_many(e))?;
        self.add_ready(buckets)?;
        self.place += 1;
        Ok(())
    }

    fn take_aggregator(&mut self) -> Aggregator<BucketOf> {
        if let Some(aggregator) = self.current.take() {
            return aggregator;
        }
        let mut buckets = timedb_calendar::Buckets::new(self.bucket, self.zone.clone());
        let bucket_of: BucketOf = Box::new(move |t| buckets.containing(t));
        Aggregator::new(bucket_of, self.range, self.fill, MAX_BUCKETS)
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
            PgSqlErrorCode::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
            format!("series \"{}\" has too many buckets", self.name()),
        )
        .detail(format!(
            "A read may have {} of each series.",
            error.max_buckets
        ))
        .hint("Choose longer buckets or a shorter range.")
    }

    fn too_large(&self, bucket_start: i64) -> Error {
        Error::new(
            PgSqlErrorCode::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
            format!(
                "the sum of series \"{}\" in the bucket from {} is out of range",
                self.name(),
                time::text(bucket_start.max(MIN_TIME))
            ),
        )
        .hint("Convert the values to a larger unit, or ask for other aggregates only.")
    }
}
