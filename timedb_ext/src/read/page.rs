//! Pages of a read: some rows by series and valid time, and the place where the next page begins. A page says what it is
//! as of, so that all of a read's pages together are one answer.

use super::{ReadCursor, ReadRequest, Runs};
use crate::pg::error::Result;
use crate::pg::spi::Home;
use timedb_rules::PagePlace;

impl ReadCursor {
    /// Starts the read of a page behind a place; without one, of the first page, as of what is settled unless the
    /// request says as of when.
    ///
    /// # Errors
    /// As [`ReadCursor::open`].
    pub fn open_page(
        mut request: ReadRequest,
        after: Option<&PagePlace>,
        home: Home,
    ) -> Result<Self> {
        match after {
            Some(place) => {
                request.set_as_of_change(place.as_of_change);
                request.from = Some((place.series, place.valid_time));
            }
            None => request.as_settled = request.as_of_change.is_none(),
        }
        let mut read = Self::open(request, home)?;
        if let Some(place) = after {
            read.skip(place)?;
        }
        Ok(read)
    }

    /// The next rows, `most` of them unless these are all, and the place of the last one if there are more behind it.
    /// `after` is what the page was opened with.
    ///
    /// # Errors
    /// As [`ReadCursor::next_runs`].
    pub fn page(
        &mut self,
        after: Option<&PagePlace>,
        most: usize,
    ) -> Result<(Runs<'_>, Option<PagePlace>)> {
        self.fill(most.saturating_add(1))?;
        let mut place = None;
        if self.ready_points > most {
            self.walk = None;
            self.cut_ready(most);
            place = self.last_place(after);
        }
        Ok((self.next_runs(most)?, place))
    }

    /// Leaves out the rows at a place that the reader has had. In the same moment they come in the same order.
    fn skip(&mut self, place: &PagePlace) -> Result<()> {
        let mut left = place.rows;
        while left > 0 {
            pgrx::check_for_interrupts!();
            self.fill(1)?;
            let Some((series, mut run)) = self.ready.pop_front() else {
                return Ok(());
            };
            let is_there = |valid_time: &&i64| {
                self.series[series].id == place.series && **valid_time == place.valid_time
            };
            let of_place = run.valid_time.iter().take_while(is_there).count();
            let skipped = of_place.min(usize::try_from(left).unwrap_or(usize::MAX));
            left -= skipped as u64;
            self.ready_points -= skipped;
            if skipped < run.len() {
                // Also where some of them have been deleted since.
                self.ready.push_front((series, run.split_off(skipped)));
                return Ok(());
            }
        }
        Ok(())
    }

    /// Leaves so many rows.
    fn cut_ready(&mut self, most: usize) {
        let mut left = most;
        for (_, run) in &mut self.ready {
            run.split_off(left.min(run.len()));
            left -= run.len();
        }
        self.ready.retain(|(_, run)| !run.is_empty());
        self.ready_points = most - left;
    }

    /// The place of the last row that is ready.
    fn last_place(&self, after: Option<&PagePlace>) -> Option<PagePlace> {
        let (last, run) = self.ready.back()?;
        let valid_time = *run.valid_time.last()?;
        let series = self.series[*last].id;
        let mut rows = 0;
        for (of, run) in self.ready.iter().rev() {
            let times = run.valid_time.iter().rev();
            let same = match of == last {
                true => times.take_while(|time| **time == valid_time).count(),
                false => 0,
            };
            rows += same;
            if same < run.len() {
                break;
            }
        }
        let mut place = PagePlace {
            as_of_change: self.request.as_of_change?,
            series,
            valid_time,
            rows: rows as u64,
        };
        // All of the page is at the place where the one before ended.
        if let Some(after) = after
            && rows == self.ready_points
            && (after.series, after.valid_time) == (series, valid_time)
        {
            place.rows = place.rows.saturating_add(after.rows);
        }
        Some(place)
    }
}
