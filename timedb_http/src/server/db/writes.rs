//! Whether writes succeed, judging by the most recent ones. A database with a full disk, or without transaction ids,
//! can still be read; asking it whether it can write would be a write.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use crate::server::{
    error::{ApiError, OPERATORS_RETRY_S},
    share::lock,
};

/// A failure is remembered for as long as clients are told to wait: if nobody sends writes any more because of
/// it, some have to try.
const MEMORY: Duration = Duration::from_secs(OPERATORS_RETRY_S as u64);

/// When a write last failed for a reason that the operator has to fix, unless one has succeeded since.
#[derive(Default)]
pub(super) struct Writes {
    failed: Mutex<Option<Instant>>,
}

impl Writes {
    /// Takes note of what has become of a write.
    pub(super) fn note<T>(&self, outcome: &Result<T, ApiError>, now: Instant) {
        let failed = match outcome {
            Ok(_) => None,
            Err(error) if error.stops_all() => Some(now),
            // A mistake of the client's, or what will pass: it tells nothing.
            Err(_) => return,
        };
        *lock(&self.failed) = failed;
    }

    /// Whether the last writes have failed, and not through their clients.
    pub(super) fn are_failing(&self, now: Instant) -> bool {
        lock(&self.failed).is_some_and(|failed| now.saturating_duration_since(failed) < MEMORY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_counts_until_a_write_goes_through_or_a_minute_is_over() {
        let writes = Writes::default();
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(!writes.are_failing(start));
        writes.note::<()>(&Err(ApiError::operators("gone")), start);
        assert!(writes.are_failing(after(59)));
        assert!(!writes.are_failing(after(60)));
        writes.note::<()>(&Err(ApiError::operators("gone")), after(61));
        writes.note::<()>(&Err(ApiError::bad_request("no".to_owned())), after(62));
        writes.note::<()>(&Err(ApiError::unavailable("later")), after(62));
        // What one request has met stops nobody else, or a tenant could have the server taken out of service.
        let large = ApiError::operators("too large").of_this_request();
        writes.note::<()>(&Err(large), after(300));
        assert!(!writes.are_failing(after(300)));
        writes.note::<()>(&Err(ApiError::operators("gone")), after(62));
        assert!(writes.are_failing(after(63)));
        writes.note(&Ok(()), after(64));
        assert!(!writes.are_failing(after(65)));
    }
}
