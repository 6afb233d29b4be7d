//! The locks that writers hold, by which readers know who is writing. Owns their tags; what follows from them for
//! change times is in `store/clock.rs`.
//!
//! They are advisory locks of a kind that pg_advisory_lock() cannot take, so nobody but this library can hold them or
//! wait for them. In pg_locks their objsubid is 3 to 9, of writers plus 16 for each slot; the other numbers there are
//! hashes (database, classid) and seconds (objid).

use crate::pg::time;
use pgrx::pg_sys;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// PostgreSQL's own advisory locks have 1 and 2 here.
const WRITING: u16 = 3;
const REQUEST: u16 = 4;
const CORRECTING: u16 = 5;
const UNITS: u16 = 6;
const COMPACTING: u16 = 7;
const STORE: u16 = 8;
const IMPORT: u16 = 9;
/// What a slot adds.
const SLOT: u16 = 16;

const SECOND: i64 = 1_000_000;

/// So many transactions of a tenant can be writers in one second; each has its own microseconds of it.
pub const SLOTS: u16 = 64;

/// What a writer's lock names: a second, and one of the [`SLOTS`] in it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct WriterPlace {
    /// Since PostgreSQL's epoch.
    pub second: u32,
    pub slot: u16,
}

/// The second of an instant, as far as a tag can hold it.
pub fn second_of(time: i64) -> u32 {
    let seconds = time::to_pg(time).div_euclid(SECOND);
    seconds.clamp(0, i64::from(u32::MAX)) as u32
}

/// When a second begins.
pub fn start_of(second: u32) -> i64 {
    time::from_pg(i64::from(second) * SECOND)
}

/// Makes the transaction a writer of the tenant until it ends, in the first place from this second on that no other
/// transaction has, `held` before all others. Waits for nobody.
pub fn enter(tenant: &[u8; 16], second: u32, held: Option<WriterPlace>) -> WriterPlace {
    let take = |place: &WriterPlace| {
        let tag = tag(tenant, &[], place.second, WRITING + SLOT * place.slot);
        acquire(&tag, pg_sys::ExclusiveLock, false)
    };
    let held = held.filter(|held| held.second == second);
    let places = (second..=u32::MAX)
        .flat_map(|second| (0..SLOTS).map(move |slot| WriterPlace { second, slot }));
    let mut places = held.into_iter().chain(places);
    // There are more seconds than transactions.
    places.find(take).unwrap_or(WriterPlace { second, slot: 0 })
}

/// When the earliest second begins that a writer of the tenant holds, the own transaction aside.
pub fn earliest_writer(tenant: &[u8; 16]) -> Option<i64> {
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
                && tag.locktag_field4 % SLOT == WRITING
                && tag.locktag_field1 == of.locktag_field1
                && tag.locktag_field2 == of.locktag_field2
                && lock.holdMask != 0
                && lock.pid != pg_sys::MyProcPid
        });
        let earliest = writers.map(|lock| lock.locktag.locktag_field3).min();
        if !(*data).locks.is_null() {
            pg_sys::pfree((*data).locks.cast());
        }
        pg_sys::pfree(data.cast());
        earliest.map(start_of)
    }
}

/// Claims the compaction of the tenant's store until the transaction ends. False if another transaction is at it.
pub fn try_compaction(tenant: &[u8; 16]) -> bool {
    claim_compaction(tenant, false)
}

/// Claims the compaction of the tenant's store until the transaction ends, and waits for whoever is at it.
pub fn await_compaction(tenant: &[u8; 16]) {
    claim_compaction(tenant, true);
}

fn claim_compaction(tenant: &[u8; 16], wait: bool) -> bool {
    let tag = tag(tenant, &[], 0, COMPACTING);
    acquire(&tag, pg_sys::ExclusiveLock, wait)
}

/// Keeps everything in the tenant's store from being deleted until the transaction ends; waits for whoever deletes.
pub fn hold_store(tenant: &[u8; 16]) {
    claim_store(tenant, true);
}

/// The same without waiting. False if somebody deletes, or waits to.
pub fn try_hold_store(tenant: &[u8; 16]) -> bool {
    claim_store(tenant, false)
}

/// Takes back the last claim of the transaction; earlier ones hold until it ends.
pub fn let_store_go(tenant: &[u8; 16]) {
    release(&tag(tenant, &[], 0, STORE), pg_sys::ShareLock);
}

/// The same of the compaction.
pub fn let_compaction_go(tenant: &[u8; 16]) {
    release(&tag(tenant, &[], 0, COMPACTING), pg_sys::ExclusiveLock);
}

fn claim_store(tenant: &[u8; 16], wait: bool) -> bool {
    acquire(&tag(tenant, &[], 0, STORE), pg_sys::ShareLock, wait)
}

/// Waits for all who hold the tenant's store, and keeps them waiting until the transaction ends.
pub fn take_store(tenant: &[u8; 16]) {
    acquire(&tag(tenant, &[], 0, STORE), pg_sys::ExclusiveLock, true);
}

/// Says that the transaction imports the tenant. Undone with what it belongs to, be it up to a savepoint.
pub fn begin_import(tenant: &[u8; 16]) {
    acquire(&tag(tenant, &[], 0, IMPORT), pg_sys::ExclusiveLock, true);
}

/// Whether the transaction has begun to import the tenant. If not, its error has to end what asks: the lock is taken.
pub fn import_has_begun(tenant: &[u8; 16]) -> bool {
    let tag = tag(tenant, &[], 0, IMPORT);
    // SAFETY: as in `acquire`.
    let outcome = unsafe { pg_sys::LockAcquire(&tag, pg_sys::ExclusiveLock as i32, false, true) };
    outcome == pg_sys::LockAcquireResult::LOCKACQUIRE_ALREADY_HELD
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

fn release(tag: &pg_sys::LOCKTAG, mode: u32) {
    // SAFETY: the tag is copied; a lock that the transaction does not have is only warned of.
    unsafe { pg_sys::LockRelease(tag, mode as i32, false) };
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
