//! The value before a range of each series, for buckets that look there. A null ends what holds, but gaps are filled
//! with the last value all the same, so that an answer does not depend on where the range starts.

use super::{ReadCursor, ReadRequest};
use crate::pg::error::Result;
use crate::pg::spi::Home;
use crate::pg::time::MIN_TIME;
use crate::series::{SeriesFilter, SeriesInfo};
use timedb_segment::aggregate::ValueBefore;
use timedb_segment::{Filter, Merged, Mode, NO_END};

/// How far the first step behind a null goes, in microseconds, and how many times further each step goes than the one
/// before it.
const FIRST_STEP: i64 = 86_400_000_000;
const GROWTH: i64 = 8;

/// The last value before `start` of each of the series, by their place, with the filters of a read. What a null hides
/// is looked for only if `behind_nulls`.
///
/// # Errors
/// As [`ReadCursor::open`] and [`ReadCursor::next_run`].
pub fn values(
    read: &ReadRequest,
    series: &[SeriesInfo],
    start: i64,
    behind_nulls: bool,
) -> Result<Vec<Option<ValueBefore>>> {
    let mut before = vec![None; series.len()];
    let mut hidden = Vec::new();
    let all: Vec<usize> = (0..series.len()).collect();
    let range = MIN_TIME..start;
    let last = ReadRequest {
        last_only: true,
        with_known_time: true,
        ..request(read, series, &all, range)
    };
    each(last, series, |place, points| {
        match last_value(points) {
            Some(value) => before[place] = Some(value),
            None => hidden.extend(points.valid_time.last().map(|&null| (place, null))),
        };
    })?;
    let (mut end, mut step) = (start, FIRST_STEP);
    while behind_nulls && !hidden.is_empty() && end > MIN_TIME {
        let from = end.saturating_sub(step).max(MIN_TIME);
        let places: Vec<usize> = hidden.iter().map(|&(place, _)| place).collect();
        each(
            request(read, series, &places, from..end),
            series,
            |place, points| before[place] = last_value(points).or(before[place]),
        )?;
        hidden.retain(|&(place, null)| match &mut before[place] {
            Some(value) => {
                value.until = null;
                false
            }
            None => true,
        });
        (end, step) = (from, step.saturating_mul(GROWTH));
    }
    Ok(before)
}

/// A read of some series in a range of valid times, with the other filters of a read.
fn request(
    read: &ReadRequest,
    series: &[SeriesInfo],
    places: &[usize],
    range: std::ops::Range<i64>,
) -> ReadRequest {
    let ids = places.iter().map(|&place| series[place].id).collect();
    ReadRequest {
        range: Filter {
            start_valid: Some(range.start),
            end_valid: Some(range.end),
            ..read.range
        },
        as_of_change: read.as_of_change,
        unit: read.unit.clone(),
        ..ReadRequest::new(Mode::Flat, SeriesFilter::of_ids(ids))
    }
}

/// Reads all points, run by run with the place of their series.
fn each(
    request: ReadRequest,
    series: &[SeriesInfo],
    mut take: impl FnMut(usize, &Merged),
) -> Result<()> {
    let mut cursor = ReadCursor::open(request, Home::here())?;
    while let Some(run) = cursor.next_run()? {
        pgrx::check_for_interrupts!();
        if let Ok(place) = series.binary_search_by_key(&run.series.id, |series| series.id) {
            take(place, &run.points);
        }
    }
    Ok(())
}

/// The last of some points that is not null.
fn last_value(points: &Merged) -> Option<ValueBefore> {
    let is_null = |i: usize| points.nulls.as_ref().is_some_and(|nulls| nulls[i]);
    let last = (0..points.len()).rfind(|&i| !is_null(i))?;
    let end = points.valid_time_end.as_ref().map(|ends| ends[last]);
    Some(ValueBefore {
        value: points.value[last],
        until: end.filter(|&end| end != NO_END).unwrap_or(i64::MAX),
    })
}
