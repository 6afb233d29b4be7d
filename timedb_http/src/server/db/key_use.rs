//! Which keys are in use: the database is told, in transactions of their own, so that no request waits
//! for it and a request that only reads stays one that only reads.

use std::{
    collections::HashMap,
    sync::Mutex,
    time::{Duration, Instant},
};

use super::{Access, ApiKey, Database};

/// A key's last use is true to this.
const PRECISION: Duration = Duration::from_secs(60);
/// From this many keys on, those whose time has run out are forgotten.
const FORGET_FROM: usize = 1024;

/// Noting a use must not keep a connection from the requests for longer.
const LIMIT: Duration = Duration::from_secs(5);

const REPORT: &str = "SELECT timedb.report_key_use()";

/// When this server last reported which key; keys stand here as their hashes.
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
    fn is_due(&self, key: [u8; 32], now: Instant) -> bool {
        let is_recent = |at: &Instant| now.saturating_duration_since(*at) < PRECISION;
        let mut guard = self
            .reported
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
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

impl Database {
    /// Takes note of a request that the key was good for. One that wrote has noted it in passing.
    pub(super) fn note_use(&self, key: Option<&ApiKey>, access: Access) {
        let Some(key) = key else { return };
        if !self.key_use.is_due(key.fingerprint(), Instant::now()) || access == Access::Write {
            return;
        }
        let (database, key) = (self.clone(), key.clone());
        tokio::spawn(async move {
            let report =
                async |client: &tokio_postgres::Client| client.query_typed(REPORT, &[]).await;
            let report = database.transact(Access::Write, Some(&key), report);
            // A failure is in the log; the next use after a minute is another chance.
            if tokio::time::timeout(LIMIT, report).await.is_err() {
                tracing::warn!("the use of a key could not be noted in time");
            }
        });
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
