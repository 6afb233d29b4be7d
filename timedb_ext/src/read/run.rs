//! What reads yield: runs of points, who wrote them, and their ids. What becomes of them is not known here.

use crate::pg::error::Result;
use crate::pg::snapshot;
use crate::pg::spi::{Arg, statements};
use crate::series::SeriesInfo;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use timedb_segment::Merged;

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
    WRITERS(UUIDS) -> (UUID, UUID) =
        c"SELECT batch_id, user_id FROM timedb.batches WHERE batch_id = ANY ($1)";
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
    /// XX000; the statement's own errors are raised.
    pub fn look_up(&mut self, runs: &[Run]) -> Result<()> {
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
        let args = [Arg::uuids(unknown.into_iter())];
        // Not under the caller's snapshot, which may be older than the read's own.
        snapshot::under_fresh(|| {
            WRITERS.run(true, &args, |row| {
                self.0.insert(row.uuid(1)?, row.optional_uuid(2)?);
                Ok(())
            })
        })?;
        Ok(())
    }

    /// The user who wrote a batch, if that is known.
    pub fn of(&self, batch: &[u8; 16]) -> Option<&[u8; 16]> {
        self.0.get(batch)?.as_ref()
    }
}

/// The id by which API clients know the values of a write, which its versions carry: 53 bits, so that every client can
/// read it as a number.
pub fn value_id_of(batch_id: &[u8; 16]) -> i64 {
    let digest: [u8; 32] = Sha256::digest(batch_id).into();
    let mut head = [0; 8];
    head.copy_from_slice(&digest[..8]);
    (u64::from_be_bytes(head) >> 11) as i64
}
