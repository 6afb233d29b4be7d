//! Changes as runs of points.

use super::scan::FeedChange;
use crate::pg::error::{Error, Result};
use crate::pg::spi::connected;
use crate::read::{Run, Runs, Writers};
use crate::series::SeriesInfo;
use std::collections::HashMap;
use timedb_segment::{Merged, NO_END};

/// Changes that follow each other in one write and one series, together; writers who are not known yet are
/// looked up.
///
/// # Errors
/// XX000 for a change of a series that is not among them.
pub fn runs<'a>(
    changes: &[FeedChange],
    series: &'a HashMap<[u8; 16], SeriesInfo>,
    writers: &'a mut Writers,
) -> Result<Runs<'a>> {
    let runs: Vec<Run> = changes
        .chunk_by(|a, b| (a.batch, a.series) == (b.batch, b.series))
        .map(|changes| {
            let series = changes.first().and_then(|first| series.get(&first.series));
            Ok(Run {
                series: series.ok_or_else(|| Error::internal("changes of an unknown series"))?,
                points: merged(changes),
            })
        })
        .collect::<Result<_>>()?;
    connected(|| writers.look_up(&runs))?;
    Ok(Runs {
        runs,
        with_known_time: true,
        writers: Some(writers),
    })
}

fn merged(changes: &[FeedChange]) -> Merged {
    fn each<T>(changes: &[FeedChange], of: impl Fn(&FeedChange) -> T) -> Vec<T> {
        changes.iter().map(of).collect()
    }
    let any = |has: fn(&FeedChange) -> bool| changes.iter().any(has);
    Merged {
        valid_time: each(changes, |change| change.valid_time),
        valid_time_end: any(|change| change.valid_time_end != NO_END)
            .then(|| each(changes, |change| change.valid_time_end)),
        value: each(changes, |change| change.value),
        nulls: any(|change| change.null).then(|| each(changes, |change| change.null)),
        known_time: each(changes, |change| change.known_time),
        change_time: each(changes, |change| change.change_time),
        value_id: each(changes, |change| change.value_id),
        batch: each(changes, |change| change.of_batch),
        notes: any(|change| change.note.is_some())
            .then(|| each(changes, |change| change.note.clone())),
    }
}
