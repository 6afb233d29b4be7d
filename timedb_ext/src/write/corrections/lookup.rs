//! Reading the versions that updates mean: few scans of the index, and only segments that contain one.

use crate::pg::error::{Error, Result, SqlState};
use crate::pg::locks;
use crate::pg::snapshot;
use crate::pg::spi::Home;
use crate::read::{Instants, ReadCursor, ReadRequest};
use crate::series::{SeriesFilter, find};
use std::collections::HashSet;
use std::rc::Rc;
use timedb_rules::corrections::{Candidates, CurrentVersion, PointUpdate};
use timedb_segment::{Filter, Mode};

/// Scans of one call, and the gap between instants from which one more may pay, in microseconds. What lies
/// between the instants of a scan costs a look at the rows of its segments, which are not decoded.
const MOST_SCANS: usize = 16;
const LEAST_GAP: i64 = 86_400_000_000;

/// The version that each update means, in what is committed by now and what this transaction has written.
///
/// # Errors
/// As [`Candidates::of`] and [`Candidates::resolve`]; 40001 in a transaction that keeps one snapshot, if it
/// cannot see such a version; XX001 for a damaged segment.
pub fn current(updates: &[PointUpdate]) -> Result<Vec<CurrentVersion>> {
    let (series, candidates) = snapshot::under_latest(|| Ok((existing(updates)?, read(updates)?)))?;
    let found = candidates.resolve(updates, &series)?;
    if locks::snapshot_is_kept() {
        let seen = snapshot::under_own(|| read(updates))?;
        if seen.differ(&found) {
            return Err(Error::new(
                SqlState::T_R_SERIALIZATION_FAILURE,
                "could not correct a point that was written after this transaction's snapshot",
            )
            .hint("Run the transaction again."));
        }
    }
    Ok(found)
}

fn existing(updates: &[PointUpdate]) -> Result<HashSet<[u8; 16]>> {
    let ids: HashSet<[u8; 16]> = updates.iter().map(|update| update.target.series).collect();
    let found = find(&SeriesFilter::of_ids(ids.into_iter().collect()))?;
    Ok(found.into_iter().map(|series| series.id).collect())
}

fn read(updates: &[PointUpdate]) -> Result<Candidates> {
    let mut candidates = Candidates::of(updates)?;
    let targets = || updates.iter().map(|update| &update.target);
    let instants = Rc::new(Instants::of(targets().map(|t| (t.series, t.valid_time))));
    // Where all updates name one, other known_times need not be read.
    let known: Option<Vec<i64>> = targets().map(|target| target.known_time).collect();
    let bounds =
        known.and_then(|known| known.iter().min().copied().zip(known.iter().max().copied()));
    for (first, last) in instants.stretches(MOST_SCANS, LEAST_GAP) {
        let range = Filter {
            start_valid: Some(first),
            end_valid: Some(last.saturating_add(1)),
            start_known: bounds.map(|(least, _)| least),
            end_known: bounds.map(|(_, greatest)| greatest.saturating_add(1)),
            ..Filter::default()
        };
        let series = SeriesFilter::of_ids(instants.series_in(first, last));
        let request = ReadRequest {
            range,
            instants: Some(Rc::clone(&instants)),
            ..ReadRequest::new(Mode::Versions, series)
        };
        let mut cursor = ReadCursor::open(request, Home::here())?;
        while let Some(run) = cursor.next_run()? {
            pgrx::check_for_interrupts!();
            candidates.take(&run.series.id, &run.points);
        }
    }
    Ok(candidates)
}
