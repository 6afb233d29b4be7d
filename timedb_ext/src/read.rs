//! Reading: walks over the segments of the requested series and returns runs of points.
//!
//! Memory is bounded by what overlaps in time and by what is requested at once, not by the result.

mod backward;
mod before;
mod buckets;
pub mod changes;
mod count;
pub mod enough;
pub mod export;
mod last;
pub mod moment;
mod page;
pub mod points;
mod request;
mod run;
pub mod segments;
pub mod verify;
mod volume;

pub use buckets::{Aggregate, BucketCursor, BucketRequest, Fill, Piece};
pub use count::segments_read;
pub use request::{Instants, ReadRequest};
pub use run::{Run, Runs, Writers};
pub use volume::points_about;

use crate::identity::caller;
use crate::identity::nobody;
use crate::pg::error::Result;
use crate::pg::spi::{Home, connected};
use crate::read::backward::Backward;
use crate::read::moment::Moment;
use crate::read::segments::{SegmentSearch, SegmentWalk, Start, Stretch, Visitor};
use crate::series::units;
use crate::series::{SeriesInfo, find};
use std::collections::VecDeque;
use std::ops::Range;
use timedb_segment::{Bounds, Merged, Mode, Points, SegmentKey};
use timedb_units::Conversion;

/// A read in progress.
pub struct ReadCursor {
    request: ReadRequest,
    tenant: [u8; 16],
    series: Vec<SeriesInfo>,
    /// Of each of them, if values are converted.
    conversions: Vec<Conversion>,
    walk: Option<SegmentWalk>,
    /// In its place where the last points come first.
    backward: Option<Backward>,
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
        let tenant = caller::tenant();
        let mut read = Self {
            request,
            tenant: tenant.unwrap_or_default(),
            series: Vec::new(),
            conversions: Vec::new(),
            walk: None,
            backward: None,
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
            let moment = read.moment(&tenant)?;
            // Where nothing is written, nothing is settled.
            let is_empty = is_empty || read.request.as_settled;
            read.series = find(&read.request.series)?;
            let ReadCursor {
                request, series, ..
            } = &mut read;
            series.retain(|series| request.reaches(&series.id));
            if let Some(unit) = &read.request.unit {
                read.conversions = units::conversions(&mut read.series, unit)?;
            }
            if is_empty || read.series.is_empty() {
                // There is nothing to look for.
            } else if read.request.last_only {
                for (place, run) in last::points(&tenant, &read.series, &read.request.range)? {
                    read.add_ready(place, run)?;
                }
            } else if read.request.backward {
                read.backward = Some(read.backward_read());
            } else {
                read.walk = Some(SegmentWalk::open(read.search(tenant), home)?);
            }
            moment.leave();
            Ok(())
        })?;
        Ok(read)
    }

    /// The snapshot to read under.
    fn moment(&mut self, tenant: &[u8; 16]) -> Result<Moment> {
        if !self.request.as_settled {
            return moment::reach(tenant, self.request.as_of_change);
        }
        let (settled, moment) = moment::settled(tenant)?;
        if let Some(settled) = settled {
            self.request.set_as_of_change(settled);
        }
        Ok(moment)
    }

    fn search(&self, tenant: [u8; 16]) -> SegmentSearch {
        let range = self.request.range;
        let stretch = |series: &SeriesInfo| {
            let start = self.request.start_of(&series.id);
            Stretch::of(series.id, start, range.end_valid)
        };
        SegmentSearch {
            tenant,
            stretches: self.series.iter().map(stretch).collect(),
            start: Start::Given,
            filter: range,
            mode: self.request.mode,
            start_change: None,
            with_known_time: self.request.with_known_time,
        }
    }

    fn backward_read(&self) -> Backward {
        let ReadRequest {
            range,
            mode,
            with_known_time,
            ..
        } = self.request;
        let stretch =
            |series: &SeriesInfo| Stretch::of(series.id, range.start_valid, range.end_valid);
        Backward::new(
            self.series.iter().map(stretch),
            range,
            mode,
            with_known_time,
        )
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
            connected(|| self.writers.look_up(&self.tenant, &runs))?;
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
        if self.walk.is_some() || self.backward.is_some() || !self.ready.is_empty() {
            self.check_tenant()?;
        }
        // Series come one after the other, so what nobody wants stands in front. Looking at all that is ready would cost a
        // look at each series for each one that is given.
        while let Some((place, run)) = self.ready.front()
            && enough::of(&self.series[*place].id)
        {
            self.ready_points -= run.len();
            self.ready.pop_front();
        }
        while self.ready_points < least_points
            && let Some(mut walk) = self.walk.take()
        {
            if walk.step(self)? {
                self.walk = Some(walk);
            }
        }
        while self.ready_points < least_points
            && let Some(mut backward) = self.backward.take()
        {
            let tenant = self.tenant;
            let mut take = |place, run| self.add_ready(place, run);
            if connected(|| backward.step(tenant, &mut take))? {
                self.backward = Some(backward);
            }
        }
        Ok(())
    }

    /// Checks that the tenant is still the one that the read was begun as.
    ///
    /// # Errors
    /// 55000 if it is another one.
    pub fn check_tenant(&self) -> Result<()> {
        match caller::tenant() == Some(self.tenant) {
            true => Ok(()),
            false => Err(caller::refuse_changed_tenant()),
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

impl Visitor for ReadCursor {
    fn range_in(&self, key: &SegmentKey, bounds: &Bounds) -> Option<Range<i64>> {
        if enough::of(&key.series) {
            return None;
        }
        let Some(instants) = &self.request.instants else {
            return Some(i64::MIN..i64::MAX);
        };
        let (first, last) = instants.within(&key.series, bounds)?;
        Some(first..last.saturating_add(1))
    }

    fn chooses_versions(&self) -> bool {
        self.request.cutoffs.is_some()
    }

    fn select(&mut self, key: &SegmentKey, points: Points) -> Points {
        let points = match &self.request.instants {
            Some(instants) => instants.select(&key.series, points),
            None => points,
        };
        self.request.before_cutoffs(points)
    }

    fn take(&mut self, place: usize, _: &Stretch, points: Merged) -> Result<()> {
        self.add_ready(place, points)
    }
}
