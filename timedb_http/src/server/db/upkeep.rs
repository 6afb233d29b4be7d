//! Which tenants' stores are due for compaction: those that have been written to again and again through this server. So
//! the writes themselves seldom have to fold the log.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::server::share::lock;

/// After so many writes with a key its tenant's store is due. A write that finds twice as many in the log folds it.
const WRITES: u32 = 32;
/// From this many keys on, all are forgotten: then they are due a little later.
const MOST_KEYS: usize = 10_000;

/// How often was written with which key since its tenant's store was compacted; keys are represented by their hashes.
pub(super) struct Upkeep {
    is_on: bool,
    written: Mutex<HashMap<[u8; 32], u32>>,
    /// One compaction at a time: requests come first.
    turn: Arc<Semaphore>,
}

impl Upkeep {
    pub(super) fn new(is_on: bool) -> Self {
        Self {
            is_on,
            written: Mutex::default(),
            turn: Arc::new(Semaphore::new(1)),
        }
    }

    /// How many writes have been counted and not been followed by a compaction.
    pub(super) fn backlog(&self) -> i64 {
        lock(&self.written).values().copied().map(i64::from).sum()
    }

    /// Counts a write, and says whether to compact now. While another compaction is under way, it stays due.
    pub(super) fn is_due(&self, key: [u8; 32]) -> Option<OwnedSemaphorePermit> {
        if !self.is_on {
            return None;
        }
        let mut written = lock(&self.written);
        if written.len() >= MOST_KEYS && !written.contains_key(&key) {
            written.clear();
        }
        let count = written.entry(key).or_default();
        *count = count.saturating_add(1);
        if *count < WRITES {
            return None;
        }
        let permit = Arc::clone(&self.turn).try_acquire_owned().ok()?;
        *count = 0;
        Some(permit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_due_after_some_writes_and_one_at_a_time() {
        let upkeep = Upkeep::new(true);
        let due = |key: u8| upkeep.is_due([key; 32]);
        for _ in 1..WRITES {
            assert!(due(1).is_none() && due(2).is_none());
        }
        let first = due(1).expect("is due");
        assert!(due(2).is_none(), "the other one waits for its turn");
        drop(first);
        assert!(due(1).is_none(), "it was");
        assert!(due(2).is_some(), "it still is");
        let off = Upkeep::new(false);
        assert!((0..3 * WRITES).all(|_| off.is_due([1; 32]).is_none()));
    }

    #[test]
    fn keys_of_the_past_take_no_memory() {
        let upkeep = Upkeep::new(true);
        for n in 0..3 * MOST_KEYS {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&n.to_le_bytes());
            assert!(upkeep.is_due(key).is_none());
        }
        assert!(lock(&upkeep.written).len() <= MOST_KEYS);
    }
}
