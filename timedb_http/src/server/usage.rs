//! How much each key is used, counted here until the database is told. Only requests count whose key the database has
//! found good; but one that takes no reports, a standby for instance, finds ever new keys good.

use std::{collections::HashMap, sync::Mutex};

use crate::server::{key::ApiKey, share::lock};

/// So many keys are counted between two reports. What others are used for is lost.
const MOST_KEYS: usize = 65_536;

/// What has not been reported yet; keys are found by their hashes.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    counts: Mutex<HashMap<[u8; 32], KeyCounts>>,
}

/// What one key was used for.
#[derive(Debug)]
pub(crate) struct KeyCounts {
    pub key: ApiKey,
    pub requests: u64,
    /// Values written.
    pub rows_in: u64,
    /// Values read.
    pub rows_out: u64,
}

impl Usage {
    /// Counts a request.
    pub(crate) fn add(&self, key: &ApiKey, rows_in: u64, rows_out: u64) {
        self.sum(key, [1, rows_in, rows_out]);
    }

    /// Adds what could not be reported.
    pub(crate) fn put(&self, back: &KeyCounts) {
        self.sum(&back.key, [back.requests, back.rows_in, back.rows_out]);
    }

    fn sum(&self, key: &ApiKey, [requests, rows_in, rows_out]: [u64; 3]) {
        let mut counts = lock(&self.counts);
        if counts.len() >= MOST_KEYS && !counts.contains_key(&key.fingerprint()) {
            return;
        }
        let sums = counts
            .entry(key.fingerprint())
            .or_insert_with(|| KeyCounts {
                key: key.clone(),
                requests: 0,
                rows_in: 0,
                rows_out: 0,
            });
        sums.requests = sums.requests.saturating_add(requests);
        sums.rows_in = sums.rows_in.saturating_add(rows_in);
        sums.rows_out = sums.rows_out.saturating_add(rows_out);
    }

    /// The hashes of keys for which there is something to report.
    pub(crate) fn keys(&self) -> Vec<[u8; 32]> {
        lock(&self.counts).keys().copied().collect()
    }

    /// Takes out what there is for a key.
    pub(crate) fn take(&self, key: &[u8; 32]) -> Option<KeyCounts> {
        lock(&self.counts).remove(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> ApiKey {
        ApiKey::parse(text).expect("a key")
    }

    #[test]
    fn each_key_has_its_own_sums_and_what_is_put_back_is_not_lost() {
        let usage = Usage::default();
        let keys = ["a".repeat(43), "b".repeat(43)];
        usage.add(&key(&keys[0]), 5, 0);
        usage.add(&key(&keys[0]), 0, 7);
        usage.add(&key(&keys[1]), 0, 1);
        let take_all = || {
            let taken = usage.keys().into_iter();
            taken.filter_map(|key| usage.take(&key)).collect::<Vec<_>>()
        };
        let mut taken = take_all();
        assert!(usage.keys().is_empty());
        taken.sort_by_key(|counts| counts.requests);
        let sums = |counts: &KeyCounts| (counts.requests, counts.rows_in, counts.rows_out);
        assert_eq!(
            taken.iter().map(sums).collect::<Vec<_>>(),
            [(1, 0, 1), (2, 5, 7)]
        );
        usage.add(&key(&keys[0]), 1, 1);
        taken.iter().for_each(|counts| usage.put(counts));
        let total: u64 = take_all().iter().map(|counts| counts.requests).sum();
        assert_eq!(total, 4);
    }

    #[test]
    fn keys_that_are_never_reported_take_a_bounded_memory() {
        let usage = Usage::default();
        for n in 0..MOST_KEYS + 10 {
            usage.add(&key(&format!("{n:a>43}")), 1, 0);
        }
        assert_eq!(usage.keys().len(), MOST_KEYS);
        let first = key(&format!("{:a>43}", 0));
        usage.add(&first, 1, 0);
        let sums = usage.take(&first.fingerprint()).expect("it was there");
        assert_eq!(sums.requests, 2);
    }
}
