//! Writing the new versions: the points of each series, in order.

use crate::identity::caller;
use std::collections::HashMap;
use timedb_rules::corrections::{CurrentVersion, PointUpdate};
use timedb_segment::{Column, Points};

/// A version for each update, all with this change_time, by the places of their series.
pub fn new_versions(
    mut versions: Vec<(&PointUpdate, &CurrentVersion)>,
    series: &[[u8; 16]],
    change_time: i64,
) -> Vec<(usize, Points)> {
    versions.sort_by_key(|(update, found)| {
        let target = &update.target;
        (
            target.series,
            target.valid_time,
            found.end,
            found.stamp.known_time,
        )
    });
    let places: HashMap<&[u8; 16], usize> = series.iter().zip(0..).collect();
    let of_series = versions.chunk_by(|(a, _), (b, _)| a.target.series == b.target.series);
    of_series
        .filter_map(|of_series| {
            let (first, _) = of_series.first()?;
            let place = *places.get(&first.target.series)?;
            Some((place, trimmed(points(of_series, change_time))))
        })
        .collect()
}

fn points(versions: &[(&PointUpdate, &CurrentVersion)], change_time: i64) -> Points {
    let user = caller::user();
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
        batch: Some(Column::Each(
            versions.iter().map(|(_, found)| found.batch).collect(),
        )),
        notes: Some(changed.into_iter().map(|(_, note)| note).collect()),
    }
}

/// Without notes if there is none, and with constant columns as such.
fn trimmed(points: Points) -> Points {
    let n = points.len();
    Points {
        known_time: Column::of(points.known_time.to_vec(n)),
        batch: points.batch.map(|batch| Column::of(batch.to_vec(n))),
        notes: points
            .notes
            .filter(|notes| notes.iter().any(Option::is_some)),
        ..points
    }
}
