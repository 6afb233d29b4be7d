//! What reads yield: runs of points, who wrote them, and their ids. What becomes of them is not known here.

use crate::pg::error::Result;
use crate::pg::snapshot;
use crate::pg::spi::{Arg, Home, statements};
use crate::pg::time;
use crate::series::SeriesInfo;
use crate::store::batches::{self, BatchWalk};
use std::collections::HashMap;
use timedb_segment::{Batch, Merged, change_time_of};

/// Points of one series that follow each other.
pub struct Run<'a> {
    pub series: &'a SeriesInfo,
    pub points: Merged,
}

/// Runs that are answered together.
pub struct Runs<'a> {
    pub runs: Vec<Run<'a>>,
    /// Whether the known_time of each version is answered.
    pub with_known_time: bool,
    /// Who wrote their batches, where versions are answered.
    pub writers: Option<&'a Writers>,
}

statements! {
    CHOSEN(UUIDS) -> (UUID, TIMESTAMP) =
        c"SELECT i.batch_id, r.change_time FROM unnest($1) AS i(batch_id) \
          CROSS JOIN LATERAL (SELECT change_time FROM timedb.requests WHERE batch_id = i.batch_id OFFSET 0) AS r";
    // The first of these that reaches a change_time holds it, if a chunk does.
    CHUNK(TIMESTAMP) -> (TIMESTAMP, TIMESTAMP, INT4, BYTEA) =
        c"SELECT min_change, max_change, count, blob FROM timedb_internal.batch_chunks \
          WHERE max_change >= $1 ORDER BY max_change LIMIT 1";
}

/// The users who wrote batches, as far as they have been looked up.
#[derive(Default)]
pub struct Writers(HashMap<[u8; 16], Option<[u8; 16]>>);

impl Writers {
    /// Notes who wrote a batch, so that it need not be looked up.
    pub fn insert(&mut self, batch: [u8; 16], user: Option<[u8; 16]>) {
        self.0.insert(batch, user);
    }

    /// Looks up the batches of these runs. Call with SPI connected.
    ///
    /// # Errors
    /// XX001 for a damaged chunk; XX000; the statements' own errors are raised.
    pub fn look_up(&mut self, tenant: &[u8; 16], runs: &[Run]) -> Result<()> {
        let mut unknown: Vec<&[u8; 16]> = Vec::new();
        for batch in runs.iter().flat_map(|run| &run.points.batch) {
            if !self.0.contains_key(batch) && unknown.last() != Some(&batch) {
                unknown.push(batch);
            }
        }
        unknown.sort_unstable();
        unknown.dedup();
        if unknown.is_empty() {
            return Ok(());
        }
        for batch in &unknown {
            self.0.insert(**batch, None);
        }
        // Not under the caller's snapshot, which may be older than the read's own.
        snapshot::under_fresh(|| {
            let mut times = Vec::with_capacity(unknown.len());
            let mut chosen = Vec::new();
            for id in unknown {
                match change_time_of(tenant, id) {
                    Some(change_time) => times.push((change_time, *id)),
                    None => chosen.push(id),
                }
            }
            if !chosen.is_empty() {
                let args = [Arg::uuids(chosen.into_iter())];
                CHOSEN.run(true, &args, |row| {
                    times.push((row.instant(2)?, row.uuid(1)?));
                    Ok(())
                })?;
            }
            times.sort_unstable();
            self.look_up_times(tenant, &times)
        })
    }

    /// Looks up batches by their change times, ascending.
    fn look_up_times(&mut self, tenant: &[u8; 16], mut times: &[(i64, [u8; 16])]) -> Result<()> {
        let mut note = |times: &mut &[(i64, [u8; 16])], batch: &Batch| {
            let passed = times.partition_point(|(t, _)| *t < batch.change_time);
            *times = &times[passed..];
            if let Some(((_, id), rest)) = times
                .split_first()
                .filter(|((t, _), _)| *t == batch.change_time)
            {
                self.0.insert(*id, batch.user);
                *times = rest;
            }
        };
        while let Some(&(first, _)) = times.first() {
            let args = [Arg::int8(time::to_pg(first))];
            let Some(batches) = CHUNK.row(true, &args, |row| batches::chunk(row, tenant))? else {
                break;
            };
            for batch in &batches {
                note(&mut times, batch);
            }
            // What lies before the next chunk is in none.
            let end = batches.last().map_or(first, |batch| batch.change_time);
            let passed = times.partition_point(|(t, _)| *t <= end);
            times = &times[passed..];
            pgrx::check_for_interrupts!();
        }
        if let (Some((first, _)), Some((last, _))) = (times.first(), times.last()) {
            let mut walk = BatchWalk::open(*tenant, *first, *last, Home::here())?;
            while let Some(batch) = walk.next()? {
                note(&mut times, &batch);
            }
        }
        Ok(())
    }

    /// The user who wrote a batch, if that is known.
    pub fn of(&self, batch: &[u8; 16]) -> Option<&[u8; 16]> {
        self.0.get(batch)?.as_ref()
    }
}
