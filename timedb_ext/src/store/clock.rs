//! The clock of writes: the change_time that each gets, and up to when change times are settled, so that no write with
//! such a time can appear any more.
//!
//! A change_time is unique among the tenant's and later than all that were committed before, also where the machine's
//! clock is behind them (a hybrid logical clock: Kulkarni et al., "Logical Physical Clocks", 2014). Writers do not
//! wait for each other: a lock gives each transaction microseconds of its own in a second.

use super::log::{self, Look};
use crate::pg::error::{Error, Result, SqlState};
use crate::pg::locks::{self, SLOTS, WriterPlace};
use crate::pg::time;
use pgrx::pg_sys;
use std::cell::RefCell;
use std::time::{Duration, Instant};

/// How long a read waits for the writes that it has to see or to rule out.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it looks again, in microseconds.
const PAUSE_US: i64 = 2_000;

thread_local! {
    // What the transaction that last wrote holds as a writer, of each tenant for which it wrote.
    static HELD: RefCell<Vec<Held>> = const { RefCell::new(Vec::new()) };
}

#[derive(Clone, Copy)]
struct Held {
    transaction: pg_sys::TransactionId,
    tenant: [u8; 16],
    place: WriterPlace,
    /// What was settled when it became a writer, as far as the clock is right, and whatever it does.
    settled: i64,
    foldable: Option<i64>,
}

/// What a write begins with.
pub struct Begun {
    pub change_time: i64,
    /// The change_time up to which all other writes had ended before it.
    pub settled: i64,
    /// As far as that is true whatever the clock does.
    pub foldable: Option<i64>,
    /// The log as the write has found it.
    pub log: Look,
}

/// Makes the transaction a writer of the tenant until it ends, and gives its next write a change_time. `list` is the
/// list of series that it writes to, if it may be a common one.
///
/// The lock comes first, then the look at what is committed, then the time: who looks at the locks knows that no
/// writer will ever have a change_time before the earliest second that is held, and who enters afterwards sees what
/// was committed by then and goes beyond it.
///
/// # Errors
/// XX000; the statement's own errors are raised.
pub fn begin_write(tenant: &[u8; 16], list: Option<[u8; 16]>) -> Result<Begun> {
    // SAFETY: called in a transaction that writes.
    let transaction = unsafe { pg_sys::GetTopTransactionId() };
    let held = held(tenant);
    let mut least = i64::MIN;
    let (place, log, change_time) = loop {
        let clock = now().max(least);
        let place = locks::enter(tenant, locks::second_of(clock), held.map(|held| held.place));
        let log = log::look(list, true)?;
        let clock = clock.max(locks::start_of(place.second));
        let change_time = next(
            clock.max(log.newest.map_or(i64::MIN, |t| t + 1)),
            place.slot,
        );
        if locks::second_of(change_time) == place.second {
            break (place, log, change_time);
        }
        // What is committed lies in a later second than the clock's.
        least = change_time;
    };
    let (settled, foldable) = match held {
        Some(held) => (held.settled, held.foldable),
        None => {
            let earliest = locks::earliest_writer(tenant).map_or(i64::MAX, |earliest| earliest - 1);
            // Who becomes a writer from now on goes beyond what is committed; and, unless the clock steps back before
            // this write ends, beyond what the clock says.
            let clock = (now() - 1)
                .max(log.newest.unwrap_or(i64::MIN))
                .min(change_time - 1);
            (
                clock.min(earliest),
                log.newest.map(|newest| newest.min(earliest)),
            )
        }
    };
    HELD.with_borrow_mut(|all| {
        all.retain(|held| held.transaction == transaction && held.tenant != *tenant);
        all.push(Held {
            transaction,
            tenant: *tenant,
            place,
            settled,
            foldable,
        });
    });
    Ok(Begun {
        change_time,
        settled,
        foldable,
        log,
    })
}

/// Whether the transaction in progress has written for the tenant.
pub fn has_written(tenant: &[u8; 16]) -> bool {
    held(tenant).is_some()
}

/// What the transaction in progress holds as a writer of the tenant.
fn held(tenant: &[u8; 16]) -> Option<Held> {
    // SAFETY: reads the backend's own state.
    let transaction = unsafe { pg_sys::GetTopTransactionIdIfAny() };
    let is_it = |held: &&Held| held.transaction == transaction && held.tenant == *tenant;
    HELD.with_borrow(|all| all.iter().find(is_it).copied())
}

/// The change_time up to which all of the tenant's writes have ended: snapshots taken from now on have them, and no
/// later write will have such a time, whatever the machine's clock does. The transaction's own writes do not count.
/// `None` if there are no writes.
///
/// # Errors
/// XX000; the statement's own errors are raised.
pub fn settled(tenant: &[u8; 16]) -> Result<Option<i64>> {
    // Before looking at the locks: who enters afterwards goes beyond it.
    let newest = log::look(None, false)?.newest;
    if held(tenant).is_some() {
        // Others do not see what this transaction has written, and go beyond what the clock says.
        let ahead = newest.unwrap_or(i64::MIN).saturating_sub(now() - 1);
        if (1..=i64::from(SLOTS)).contains(&ahead) {
            // SAFETY: sleeps.
            unsafe { pg_sys::pg_usleep(ahead as _) };
        }
        let settled = newest.map(|newest| newest.min(now() - 1));
        return Ok(settled.map(|settled| before_writers(tenant, settled)));
    }
    Ok(newest.map(|newest| before_writers(tenant, newest)))
}

/// The change_time up to which the log can be folded: nobody will have an earlier one, whatever the clock does, nor is
/// anything before it this transaction's own.
///
/// # Errors
/// XX000; the statement's own errors are raised.
pub fn foldable(tenant: &[u8; 16]) -> Result<Option<i64>> {
    if let Some(held) = held(tenant) {
        return Ok(held.foldable);
    }
    let newest = log::look(None, true)?.newest;
    Ok(newest.map(|newest| before_writers(tenant, newest)))
}

/// The same for who has the store alone: all writers have ended. The locks that name their seconds may go a moment later
/// than those of the store, and are not looked at.
///
/// # Errors
/// XX000; the statement's own errors are raised.
pub fn foldable_alone() -> Result<Option<i64>> {
    Ok(log::look(None, true)?.newest)
}

/// The instant, but before the earliest writer other than this transaction.
fn before_writers(tenant: &[u8; 16], instant: i64) -> i64 {
    match locks::earliest_writer(tenant) {
        Some(earliest) => instant.min(earliest - 1),
        None => instant,
    }
}

/// Waits until all of the tenant's writes up to `change_time` have ended.
///
/// # Errors
/// 22008 for an instant in the future, 55P03 when writes take longer than ten seconds.
pub fn settle(tenant: &[u8; 16], change_time: i64) -> Result<()> {
    let started = Instant::now();
    while !is_settled(tenant, change_time)? {
        if change_time.saturating_sub(now()) > PATIENCE.as_micros() as i64 {
            return Err(Error::time("as_of_change is in the future")
                .detail(format!("It is {}.", time::text(change_time)))
                .hint("What will have been written by then cannot be known. Leave as_of_change out for now."));
        }
        if started.elapsed() > PATIENCE {
            return Err(Error::new(
                SqlState::LOCK_NOT_AVAILABLE,
                format!(
                    "a write that began before {} has not ended",
                    time::text(change_time)
                ),
            )
            .hint("Try again when it has ended, or use an earlier as_of_change."));
        }
        pgrx::check_for_interrupts!();
        // SAFETY: sleeps.
        unsafe { pg_sys::pg_usleep(PAUSE_US as _) };
    }
    Ok(())
}

/// Whether writes up to `change_time` have ended. If the tenant's latest one is earlier, the clock has to say that no
/// other will have such a time.
fn is_settled(tenant: &[u8; 16], change_time: i64) -> Result<bool> {
    let is_past = change_time < now();
    if !is_past {
        let newest = log::look(None, false)?.newest;
        if newest.is_none_or(|newest| newest < change_time) {
            return Ok(false);
        }
    }
    Ok(locks::earliest_writer(tenant).is_none_or(|earliest| change_time < earliest))
}

/// The first instant from this one on whose microsecond belongs to a slot: it has passed when the write has been made.
fn next(from: i64, slot: u16) -> i64 {
    from + (i64::from(slot) - from).rem_euclid(i64::from(SLOTS))
}

fn now() -> i64 {
    // SAFETY: reads the clock.
    time::from_pg(unsafe { pg_sys::GetCurrentTimestamp() })
}
