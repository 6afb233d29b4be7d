//! Which keys are in use, as far as the database needs to be told: once a minute for each.

use std::{
    collections::HashMap,
    sync::Mutex,
    time::{Duration, Instant},
};

use crate::server::share::lock;

/// A key's last use is true to this.
const PRECISION: Duration = Duration::from_secs(60);
/// From this many keys on, those whose time has run out are forgotten.
const FORGET_FROM: usize = 1024;

/// When this server last reported which key; keys are represented by their hashes.
#[derive(Default)]
pub(super) struct KeyUse {
    reported: Mutex<Reported>,
}

#[derive(Default)]
struct Reported {
    at: HashMap<[u8; 32], Instant>,
    forget_from: usize,
}

impl KeyUse {
    /// Whether a use at `now` is to be reported; it counts as reported then.
    pub(super) fn is_due(&self, key: [u8; 32], now: Instant) -> bool {
        let is_recent = |at: &Instant| now.saturating_duration_since(*at) < PRECISION;
        let mut guard = lock(&self.reported);
        let reported = &mut *guard;
        if reported.at.get(&key).is_some_and(is_recent) {
            return false;
        }
        if reported.at.len() >= reported.forget_from.max(FORGET_FROM) {
            reported.at.retain(|_, at| is_recent(at));
            reported.forget_from = reported.at.len() * 2;
        }
        reported.at.insert(key, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: usize) -> [u8; 32] {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&n.to_le_bytes());
        key
    }

    #[test]
    fn a_key_is_due_once_a_minute_and_each_for_itself() {
        let uses = KeyUse::default();
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(uses.is_due(key(1), start));
        assert!(uses.is_due(key(2), after(30)));
        assert!(!uses.is_due(key(1), after(59)));
        assert!(uses.is_due(key(1), after(60)));
        assert!(!uses.is_due(key(2), after(61)));
        assert!(!uses.is_due(key(1), after(119)));
    }

    #[test]
    fn keys_of_the_past_take_no_memory() {
        let uses = KeyUse::default();
        let start = Instant::now();
        for n in 0..10 * FORGET_FROM {
            assert!(uses.is_due(key(n), start + Duration::from_secs(n as u64)));
        }
        assert!(uses.reported.lock().unwrap().at.len() <= FORGET_FROM);
    }
}
