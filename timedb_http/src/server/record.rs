//! What is found out about one request while it is answered, for its line in the log and for the metrics. It decides
//! nothing.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use uuid::Uuid;

use crate::server::key::ApiKey;

/// Whose a key is, as the database has said. Nothing of it is secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub tenant: Uuid,
    /// The id of the key, which lists of keys show.
    pub key: Option<Uuid>,
}

/// The notes of one request; a clone is of the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record(Arc<RecordParts>);

#[derive(Debug, Default)]
struct RecordParts {
    identity: OnceLock<Identity>,
    key: OnceLock<ApiKey>,
    has_key: AtomicBool,
    is_accepted: AtomicBool,
    rows_in: AtomicU64,
    rows_out: AtomicU64,
    database_us: AtomicU64,
}

impl Record {
    /// Whether the request came with something that is meant to be a key.
    pub(crate) fn note_key(&self, has_key: bool) {
        self.0.has_key.store(has_key, Relaxed);
    }

    pub(crate) fn has_key(&self) -> bool {
        self.0.has_key.load(Relaxed)
    }

    /// The database has taken the request for somebody's; of whom without a key nothing is known.
    pub(crate) fn accept(&self, identity: Option<Identity>, key: Option<&ApiKey>) {
        self.0.is_accepted.store(true, Relaxed);
        if let Some(key) = key {
            // A request has one key, and may be accepted for each of its statements.
            self.0.key.get_or_init(|| key.clone());
        }
        if let Some(identity) = identity {
            // The first time counts: a request has one key.
            let _known = self.0.identity.set(identity);
        }
    }

    pub(crate) fn is_accepted(&self) -> bool {
        self.0.is_accepted.load(Relaxed)
    }

    pub(crate) fn identity(&self) -> Option<Identity> {
        self.0.identity.get().copied()
    }

    /// The key that was good, for counting its use.
    pub(crate) fn key(&self) -> Option<&ApiKey> {
        self.0.key.get()
    }

    /// So many more values were written.
    pub(crate) fn add_rows_in(&self, rows: u64) {
        self.0.rows_in.fetch_add(rows, Relaxed);
    }

    /// So many more values were read.
    pub(crate) fn add_rows_out(&self, rows: u64) {
        self.0.rows_out.fetch_add(rows, Relaxed);
    }

    /// The database was busy with it for so long, or the request waited for a connection.
    pub(crate) fn add_database_time(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.0.database_us.fetch_add(micros, Relaxed);
    }

    /// Values written and read.
    pub(crate) fn rows(&self) -> (u64, u64) {
        (self.0.rows_in.load(Relaxed), self.0.rows_out.load(Relaxed))
    }

    pub(crate) fn database_time(&self) -> Duration {
        Duration::from_micros(self.0.database_us.load(Relaxed))
    }
}
