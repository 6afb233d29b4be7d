//! The locks that writers hold, and what a reader learns from them: the change_time up to which nothing new can
//! appear. Owns their tags.
//!
//! They are advisory locks of a kind that pg_advisory_lock() cannot take, so nobody but this library can hold them or
//! wait for them. In pg_locks they have the objsubid 3, 4, 5 or 6; the other numbers there are hashes (database,
//! classid) and seconds (objid).

use crate::pg::error::{Error, Result, SqlState};
use crate::pg::time;
use pgrx::pg_sys;
use sha2::{Digest, Sha256};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// PostgreSQL's own advisory locks have 1 and 2 here.
const WRITING: u16 = 3;
const REQUEST: u16 = 4;
const CORRECTING: u16 = 5;
const UNITS: u16 = 6;

/// How long a read waits for the writes that it has to see or to rule out.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it looks again, in microseconds.
const PAUSE_US: i64 = 2_000;

const SECOND: i64 = 1_000_000;

thread_local! {
    // What the transaction that last wrote holds as a writer.
    static HELD: Cell<Option<Held>> = const { Cell::new(None) };
}

/// A writer's lock.
#[derive(Clone, Copy)]
struct Held {
    transaction: pg_sys::TransactionId,
    tenant: [u8; 16],
    /// The second that the lock names.
    second: u32,
    /// What was settled when it was taken first.
    settled: i64,
}

/// The change_time of a write, and the one up to which others had ended before it.
pub struct Begun {
    pub change_time: i64,
    pub settled: i64,
}

/// Enters the tenant's writers until the transaction ends, and returns the times of its write.
///
/// The lock names the second in which it is taken, and the time is taken afterwards: who looks at the
/// locks knows that no writer will ever have a change_time before the earliest second that is held.
pub fn begin_write(tenant: &[u8; 16]) -> Begun {
    // SAFETY: called in a transaction that writes.
    let transaction = unsafe { pg_sys::GetTopTransactionId() };
    let held = HELD
        .get()
        .filter(|held| held.transaction == transaction && held.tenant == *tenant);
    // The first lock of the transaction says enough, and what was settled then still is: looking costs as
    // much as there are locks. Taking it again matters where a rollback to a savepoint has released it.
    let held = held.unwrap_or_else(|| Held {
        transaction,
        tenant: *tenant,
        second: seconds(now()),
        settled: settled(tenant),
    });
    let tag = tag(tenant, &[], held.second, WRITING);
    acquire(&tag, pg_sys::ShareLock, true);
    HELD.set(Some(held));
    let change_time = time::change_time();
    Begun {
        change_time,
        settled: held.settled.min(change_time - 1),
    }
}

/// The change_time up to which all of the tenant's writes have ended, and are to be seen by snapshots
/// taken from now on. The transaction's own writes do not count.
pub fn settled(tenant: &[u8; 16]) -> i64 {
    // Before looking: who enters afterwards takes the same microsecond or a later one.
    let before = now() - 1;
    let of = tag(tenant, &[], 0, WRITING);
    // SAFETY: PostgreSQL allocates the list in the current memory context; it is freed here.
    unsafe {
        let data = pg_sys::GetLockStatusData();
        let locks = match (*data).nelements {
            n if n > 0 => std::slice::from_raw_parts((*data).locks, n as usize),
            _ => &[],
        };
        let writers = locks.iter().filter(|lock| {
            let tag = &lock.locktag;
            tag.locktag_type == of.locktag_type
                && tag.locktag_field4 == of.locktag_field4
                && tag.locktag_field1 == of.locktag_field1
                && tag.locktag_field2 == of.locktag_field2
                && lock.holdMask != 0
                && lock.pid != pg_sys::MyProcPid
        });
        let earliest = writers
            .map(|lock| i64::from(lock.locktag.locktag_field3))
            .min();
        if !(*data).locks.is_null() {
            pg_sys::pfree((*data).locks.cast());
        }
        pg_sys::pfree(data.cast());
        earliest.map_or(before, |second| {
            before.min(time::from_pg(second * SECOND) - 1)
        })
    }
}

/// Waits until all of the tenant's writes up to `change_time` have ended.
///
/// # Errors
/// 22008 for an instant in the future, 55P03 when writes take longer than ten seconds.
pub fn settle(tenant: &[u8; 16], change_time: i64) -> Result<()> {
    let ahead = change_time.saturating_sub(now());
    if ahead > PATIENCE.as_micros() as i64 {
        return Err(Error::time("as_of_change is in the future")
            .detail(format!("It is {}.", time::text(change_time)))
            .hint("What will have been written by then cannot be known. Leave as_of_change out for now."));
    }
    let started = Instant::now();
    while settled(tenant) < change_time {
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

/// Claims a request of the tenant, by whatever identifies it, until the transaction ends. False if
/// it is in progress in another transaction.
pub fn try_request(tenant: &[u8; 16], request: &[u8]) -> bool {
    acquire(
        &tag(tenant, request, 0, REQUEST),
        pg_sys::ExclusiveLock,
        false,
    )
}

/// Waits for other corrections of these series, and keeps them waiting until the transaction ends.
///
/// Series share a number of locks: one each could fill PostgreSQL's table of locks. Taken in one order by
/// everybody, so that two calls do not wait for each other.
pub fn begin_corrections<'a>(tenant: &[u8; 16], series: impl Iterator<Item = &'a [u8; 16]>) {
    let mix = |slot: u8, byte: &u8| slot.rotate_left(3) ^ byte;
    let slots: BTreeSet<u8> = series.map(|series| series.iter().fold(0, mix)).collect();
    for slot in slots {
        acquire(
            &tag(tenant, &[slot], 0, CORRECTING),
            pg_sys::ExclusiveLock,
            true,
        );
    }
}

/// Keeps the units of the tenant's series as they are until the transaction ends: what it writes may have been
/// converted to them.
pub fn hold_units(tenant: &[u8; 16]) {
    acquire(&tag(tenant, &[], 0, UNITS), pg_sys::ShareLock, true);
}

/// Waits for all who hold the tenant's units, and keeps them waiting until the transaction ends.
pub fn begin_unit_change(tenant: &[u8; 16]) {
    acquire(&tag(tenant, &[], 0, UNITS), pg_sys::ExclusiveLock, true);
}

/// Whether the transaction sees to its end what it saw first (REPEATABLE READ and above).
pub fn snapshot_is_kept() -> bool {
    // SAFETY: reads the backend's own state.
    unsafe { pg_sys::XactIsoLevel >= pg_sys::XACT_REPEATABLE_READ as i32 }
}

fn acquire(tag: &pg_sys::LOCKTAG, mode: u32, wait: bool) -> bool {
    // SAFETY: the tag is copied; the lock belongs to the transaction and is released at its end. Errors
    // (a deadlock, a timeout, no memory) are raised by PostgreSQL.
    let outcome = unsafe { pg_sys::LockAcquire(tag, mode as i32, false, !wait) };
    outcome != pg_sys::LockAcquireResult::LOCKACQUIRE_NOT_AVAIL
}

/// The tag of a lock of this kind, with 64 bits that represent something of a tenant of this database. If others
/// happened to have the same ones, they would wait for each other now and then, but see nothing of each other.
fn tag(tenant: &[u8; 16], what: &[u8], second: u32, kind: u16) -> pg_sys::LOCKTAG {
    // SAFETY: reads the backend's own state.
    let database = u32::from(unsafe { pg_sys::MyDatabaseId });
    let digest: [u8; 32] = Sha256::new()
        .chain_update(database.to_le_bytes())
        .chain_update(tenant)
        .chain_update(what)
        .finalize()
        .into();
    let [a, b, c, d, e, f, g, h, ..] = digest;
    pg_sys::LOCKTAG {
        locktag_field1: u32::from_le_bytes([a, b, c, d]),
        locktag_field2: u32::from_le_bytes([e, f, g, h]),
        locktag_field3: second,
        locktag_field4: kind,
        locktag_type: pg_sys::LockTagType::LOCKTAG_ADVISORY as u8,
        locktag_lockmethodid: pg_sys::USER_LOCKMETHOD as u8,
    }
}

fn now() -> i64 {
    // SAFETY: reads the clock.
    time::from_pg(unsafe { pg_sys::GetCurrentTimestamp() })
}

/// Seconds since PostgreSQL's epoch, as far as a tag can hold them.
fn seconds(time: i64) -> u32 {
    let seconds = time::to_pg(time).div_euclid(SECOND);
    seconds.clamp(0, i64::from(u32::MAX)) as u32
}
