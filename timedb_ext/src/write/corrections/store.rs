//! Writing the new versions: the points of each series as small segments.

use crate::identity::settings;
use crate::pg::error::Result;
use crate::write::segments::SegmentWriter;
use std::ops::Range;
use timedb_rules::corrections::{CurrentVersion, PointUpdate};
use timedb_segment::{Column, Note, Points, split};

/// A segment holds about so many bytes of notes at most: whoever reads one of its points decodes them.
const NOTE_BYTES: usize = 1 << 20;

/// Writes a version for each update, all with this change_time and this id of the write.
///
/// # Errors
/// XX000; the INSERT's own errors are raised.
pub fn write(
    tenant: &[u8; 16],
    mut versions: Vec<(&PointUpdate, &CurrentVersion)>,
    change_time: i64,
    value_id: i64,
) -> Result<()> {
    versions.sort_by_key(|(update, found)| {
        let target = &update.target;
        (
            target.series,
            target.valid_time,
            found.end,
            found.stamp.known_time,
        )
    });
    let mut writer = SegmentWriter::new(*tenant);
    for of_series in versions.chunk_by(|(a, _), (b, _)| a.target.series == b.target.series) {
        let Some((first, _)) = of_series.first() else {
            continue;
        };
        let points = points(of_series, change_time, value_id);
        for range in split(&points.valid_time) {
            for range in by_notes(&points, range) {
                let positions: Vec<usize> = range.collect();
                writer.push(first.target.series, trimmed(points.select(&positions)))?;
            }
        }
        pgrx::check_for_interrupts!();
    }
    writer.flush()
}

fn points(versions: &[(&PointUpdate, &CurrentVersion)], change_time: i64, value_id: i64) -> Points {
    let user = settings::user();
    let changed: Vec<_> = versions
        .iter()
        .map(|(update, found)| update.edit.apply(found, user))
        .collect();
    Points {
        valid_time: versions.iter().map(|(u, _)| u.target.valid_time).collect(),
        valid_time_end: Some(versions.iter().map(|(_, found)| found.end).collect()),
        value: changed
            .iter()
            .map(|(value, _)| value.unwrap_or(0.0))
            .collect(),
        nulls: Some(changed.iter().map(|(value, _)| value.is_none()).collect()),
        known_time: Column::Each(versions.iter().map(|(_, f)| f.stamp.known_time).collect()),
        change_time: Column::Constant(change_time),
        value_id: Column::Constant(value_id),
        batch: Column::Each(versions.iter().map(|(_, found)| found.batch).collect()),
        notes: Some(changed.into_iter().map(|(_, note)| note).collect()),
    }
}

/// Without notes if there is none, and with constant columns as such.
fn trimmed(points: Points) -> Points {
    let n = points.len();
    Points {
        known_time: Column::of(points.known_time.to_vec(n)),
        batch: Column::of(points.batch.to_vec(n)),
        notes: points
            .notes
            .filter(|notes| notes.iter().any(Option::is_some)),
        ..points
    }
}

/// Parts of a range whose notes are short enough together.
fn by_notes(points: &Points, range: Range<usize>) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let (mut start, mut bytes) = (range.start, 0);
    for i in range.clone() {
        let length = points.note(i).map_or(0, |note| length(note));
        if bytes + length > NOTE_BYTES && i > start {
            parts.push(start..i);
            (start, bytes) = (i, 0);
        }
        bytes += length;
    }
    parts.push(start..range.end);
    parts
}

fn length(note: &Note) -> usize {
    let of = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    of(&note.annotation) + of(&note.metadata) + note.tags.iter().map(String::len).sum::<usize>()
}
