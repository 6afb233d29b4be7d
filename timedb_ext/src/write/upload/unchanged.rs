//! Which points of an upload say what is already stored.

use crate::pg::error::Result;
use crate::pg::snapshot;
use crate::pg::spi::Home;
use crate::pg::time::extent;
use crate::read::{ReadCursor, ReadRequest};
use crate::series::SeriesFilter;
use std::collections::HashMap;
use std::iter::Peekable;
use timedb_rules::upload::UploadColumns;
use timedb_segment::group::Group;
use timedb_segment::{Filter, Merged, Mode, NO_END};

/// Marks the points whose value is the one that a flat read as of their known_time gives, of what is stored and
/// of the upload itself: writing them would change no flat read as of any instant. Null equals null.
///
/// That is true of what is stored by now, also by the caller's own statement: an upload that comes later
/// with a known_time between the two is seen where the point left out would have hidden it.
///
/// # Errors
/// XX001 for a damaged segment.
pub fn find(
    columns: &UploadColumns,
    groups: &[Group],
    series_ids: &[[u8; 16]],
    known_time: i64,
) -> Result<Vec<bool>> {
    let mut unchanged = vec![false; columns.value.len()];
    let Some((first, last)) = extent(&columns.valid_time) else {
        return Ok(unchanged);
    };
    // The upload's points of each series in the order of their times, as far as they have not been met.
    let mut by_id: HashMap<[u8; 16], _> = groups
        .iter()
        .map(|group| {
            let positions = (0..group.positions.len()).map(|i| group.positions.at(i));
            (series_ids[group.series as usize], positions.peekable())
        })
        .collect();
    // With one known_time for all, what was known by then is all that there is to know.
    let (mode, known_by) = match columns.known_time.as_deref().and_then(extent) {
        None => (Mode::Flat, known_time),
        Some((_, latest)) => (Mode::Overlapping, latest),
    };
    let request = ReadRequest {
        range: Filter {
            start_valid: Some(first),
            end_valid: Some(last.saturating_add(1)),
            end_known: Some(known_by.saturating_add(1)),
            ..Filter::default()
        },
        ..ReadRequest::new(mode, SeriesFilter::of_ids(by_id.keys().copied().collect()))
    };
    let mut read = snapshot::under_own(|| ReadCursor::open(request, Home::here()))?;
    while let Some(stored) = read.next_run()? {
        if let Some(uploaded) = by_id.get_mut(&stored.series.id)
            && let Some(&end) = stored.points.valid_time.last()
        {
            mark(uploaded, columns, &stored.points, end, &mut unchanged);
        }
    }
    if columns.known_time.is_some() {
        // What comes after everything stored can repeat what the upload itself says.
        for uploaded in by_id.values_mut() {
            mark(
                uploaded,
                columns,
                &Merged::default(),
                i64::MAX,
                &mut unchanged,
            );
        }
    }
    Ok(unchanged)
}

/// What a point is known to be, and since when.
#[derive(Clone, Copy)]
struct Known {
    point: (i64, i64),
    since: i64,
    /// To the bit: 0 and -0 are two values. None is a null.
    value: Option<u64>,
}

impl Known {
    fn of_upload(columns: &UploadColumns, i: usize) -> Self {
        let null = columns.nulls.as_ref().is_some_and(|nulls| nulls[i]);
        let ends = columns.valid_time_end.as_ref();
        let known = columns.known_time.as_ref();
        Self {
            point: (columns.valid_time[i], ends.map_or(NO_END, |ends| ends[i])),
            // The read knows only what was known by then.
            since: known.map_or(i64::MAX, |known| known[i]),
            value: (!null).then(|| columns.value[i].to_bits()),
        }
    }

    fn stored(stored: &Merged, j: usize) -> Self {
        let null = stored.nulls.as_ref().is_some_and(|nulls| nulls[j]);
        let ends = stored.valid_time_end.as_ref();
        Self {
            point: (stored.valid_time[j], ends.map_or(NO_END, |ends| ends[j])),
            since: stored.known_time.get(j).copied().unwrap_or(i64::MIN),
            value: (!null).then(|| stored.value[j].to_bits()),
        }
    }
}

/// Goes on to the end of a run of what is stored, which has all of its last instant. Both ascend by
/// (valid_time, valid_time_end, known_time).
fn mark(
    uploaded: &mut Peekable<impl Iterator<Item = usize>>,
    columns: &UploadColumns,
    stored: &Merged,
    end: i64,
    unchanged: &mut [bool],
) {
    let mut stored = (0..stored.len())
        .map(|j| Known::stored(stored, j))
        .peekable();
    let mut before: Option<Known> = None;
    while let Some(i) = uploaded.next_if(|&i| columns.valid_time[i] <= end) {
        let new = Known::of_upload(columns, i);
        let not_later = |old: &Known| (old.point, old.since) <= (new.point, new.since);
        while let Some(old) = stored.next_if(not_later) {
            before = Some(old);
        }
        // Whether it says what was known before it.
        unchanged[i] = before.is_some_and(|one| one.point == new.point && one.value == new.value);
        before = Some(new);
    }
}
