//! Which points of an upload say what is stored already.

use crate::error::Result;
use crate::pack::UploadColumns;
use crate::read::{ReadCursor, Request};
use crate::series::SeriesFilter;
use crate::spi::{Home, under_latest_snapshot};
use std::collections::HashMap;
use timedb_segment::group::Group;
use timedb_segment::{Filter, Merged, Mode, NO_END};

/// Marks the points whose value is the one that a flat read as of `known_time` gives: writing them would
/// change no flat read as of any instant. Null equals null.
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
    let Some((first, last)) = super::extent(&columns.valid_time) else {
        return Ok(unchanged);
    };
    let mut by_id: HashMap<[u8; 16], Cursor> = groups
        .iter()
        .map(|group| {
            let positions = (0..group.positions.len()).map(|i| group.positions.at(i));
            let cursor = Cursor {
                positions: positions.collect(),
                next: 0,
            };
            (series_ids[group.series as usize], cursor)
        })
        .collect();
    let request = Request {
        range: Filter {
            start_valid: Some(first),
            end_valid: Some(last.saturating_add(1)),
            end_known: Some(known_time.saturating_add(1)),
            ..Filter::default()
        },
        ..Request::new(
            Mode::Flat,
            SeriesFilter {
                ids: Some(by_id.keys().copied().collect()),
                ..SeriesFilter::default()
            },
        )
    };
    let mut read = under_latest_snapshot(|| ReadCursor::open(request, Home::here()))?;
    while let Some((series, stored)) = read.next_run()? {
        if let Some(cursor) = by_id.get_mut(&series) {
            cursor.mark(columns, &stored, &mut unchanged);
        }
    }
    Ok(unchanged)
}

/// The upload's points of one series in the order of time, of which those before `next` have been met.
struct Cursor {
    positions: Vec<usize>,
    next: usize,
}

impl Cursor {
    /// Both ascend by (valid_time, valid_time_end).
    fn mark(&mut self, columns: &UploadColumns, stored: &Merged, unchanged: &mut [bool]) {
        let of_upload = |i: usize| {
            let end = columns
                .valid_time_end
                .as_ref()
                .map_or(NO_END, |ends| ends[i]);
            (columns.valid_time[i], end)
        };
        for j in 0..stored.len() {
            let end = stored
                .valid_time_end
                .as_ref()
                .map_or(NO_END, |ends| ends[j]);
            let point = (stored.valid_time[j], end);
            while let Some(&i) = self.positions.get(self.next) {
                if of_upload(i) > point {
                    break;
                }
                if of_upload(i) == point {
                    let null = columns.nulls.as_ref().is_some_and(|nulls| nulls[i]);
                    let stored_null = stored.nulls.as_ref().is_some_and(|nulls| nulls[j]);
                    // To the bit: 0 and -0 are two values.
                    let same = columns.value[i].to_bits() == stored.value[j].to_bits();
                    unchanged[i] = null == stored_null && (null || same);
                }
                self.next += 1;
            }
        }
    }
}
