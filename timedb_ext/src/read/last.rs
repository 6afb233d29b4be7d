//! The last point of each series. The index says where to start looking, so that a long series costs as much as a
//! short one. If the filters leave nothing there, the search goes back in growing steps.

use super::segments::{SegmentSearch, SegmentWalk, Start, Stretch, Visitor};
use crate::pg::error::Result;
use crate::pg::spi::Home;
use crate::series::SeriesInfo;
use timedb_segment::{Filter, Merged, Mode};

/// How many times further each step goes back than the one before it.
const GROWTH: i64 = 8;

/// The last point of each of the series that has one in the range, with its place in `series`: the one
/// with the greatest (valid_time, valid_time_end), in its newest version. Call with SPI connected.
///
/// # Errors
/// XX001 for a damaged segment.
pub fn points(
    tenant: &[u8; 16],
    series: &[SeriesInfo],
    range: &Filter,
) -> Result<Vec<(usize, Merged)>> {
    let stretch = |series: &SeriesInfo| Stretch::of(series.id, range.start_valid, range.end_valid);
    let mut search: Vec<(usize, Stretch)> = series.iter().map(stretch).enumerate().collect();
    let mut found = Vec::new();
    let mut back = 1;
    while !search.is_empty() {
        let wanted = SegmentSearch {
            tenant: *tenant,
            stretches: search.iter().map(|(_, stretch)| *stretch).collect(),
            start: Start::Latest(back),
            filter: *range,
            mode: Mode::Flat,
            start_change: None,
            with_known_time: true,
        };
        let mut step = Step {
            search,
            found: Vec::new(),
            left: Vec::new(),
        };
        let mut walk = SegmentWalk::open(wanted, Home::here())?;
        while walk.step(&mut step)? {}
        found.append(&mut step.found);
        search = step.left;
        back = back.saturating_mul(GROWTH);
    }
    found.sort_unstable_by_key(|(place, _)| *place);
    Ok(found)
}

/// One step back, for all series of which nothing has been found.
struct Step {
    /// Places of series, and what of them is left to look at.
    search: Vec<(usize, Stretch)>,
    found: Vec<(usize, Merged)>,
    /// As `search`, for the next step.
    left: Vec<(usize, Stretch)>,
}

impl Visitor for Step {
    fn take(&mut self, at: usize, walked: &Stretch, points: Merged) -> Result<()> {
        let (place, stretch) = self.search[at];
        let before = self.found.pop_if(|(found, _)| *found == place);
        if let Some(last) = last_of(&points).or(before.map(|(_, last)| last)) {
            self.found.push((place, last));
        } else if walked.start > stretch.start {
            // Nothing from there on, so what is before it is left to look at.
            let end = walked.start;
            self.left.push((place, Stretch { end, ..stretch }));
        }
        Ok(())
    }
}

/// The last of some points, alone.
fn last_of(points: &Merged) -> Option<Merged> {
    fn last<T: Copy>(column: &[T]) -> Option<Vec<T>> {
        column.last().map(|&one| vec![one])
    }
    Some(Merged {
        valid_time: last(&points.valid_time)?,
        valid_time_end: points.valid_time_end.as_deref().and_then(last),
        value: last(&points.value)?,
        nulls: points.nulls.as_deref().and_then(last),
        known_time: last(&points.known_time)?,
        ..Merged::default()
    })
}
