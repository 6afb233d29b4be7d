//! Which reads parallel workers may share, and how many of them there are to be: what the planner decides, and what is
//! decided when the read begins.
//!
//! The planner must not know how much there is to read: what it knew, EXPLAIN would tell of others. It knows the form of
//! the query, and PostgreSQL's settings. How much there is, the leader looks up as the caller, before it starts workers.

use super::call::Mode;
use super::conditions::{Axis, Condition};
use super::offer::Offer;
use super::period::Period;
use pgrx::PgList;
use pgrx::pg_sys::{self, Oid};
use std::ptr;
use timedb_wire::reads::Argument;

/// How much dearer than others a read is that may be shared: enough that workers pay with PostgreSQL's own settings.
pub const COST_OF_SHARED: f64 = 4.0;
/// What of that is left where the scan gives states of aggregates and no rows, which PostgreSQL would have to aggregate.
pub const PART_OF_COST_OF_GROUPS: f64 = 0.85;
/// How much less than its part a part costs: where the settings make workers free, they are used.
pub const WORKERS_ARE_PREFERRED: f64 = 1.03;
/// The pages of such a read as far as the planner knows: so many that only PostgreSQL's settings bound the number of
/// workers.
const PAGES: f64 = (1 << 20) as f64;
/// What a point counts as, in bytes, where PostgreSQL counts pages. With its own settings one worker then starts from where
/// it was measured to pay: for 1.7 million points.
const POINT_BYTES: u64 = 5;
/// A range of time that is no longer is not worth looking further, in microseconds: 31 days.
const SHORT_TIME: i64 = 31 * 86_400_000_000;
/// What the filter of a query may leave of the rows at most, if it needs each of them. Rows come from workers more slowly
/// than they are read.
const FEW_ROWS: f64 = 0.1;
/// What a leader gives of its time to the rows of each of its workers, as PostgreSQL has it.
const LEADING: f64 = 0.3;

/// How many workers a read may have, as far as the query and the settings say: 0 if it is none to be shared.
///
/// # Safety
/// The planner is looking for paths of the relation, of which there are none that follow a join yet.
pub unsafe fn workers(offer: &Offer, period: &Period) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        let (root, rel) = (&*offer.root, &*offer.rel);
        let is_alone = pg_sys::bms_membership(root.all_baserels)
            == pg_sys::BMS_Membership::BMS_SINGLETON
            && rel.lateral_relids.is_null()
            // Other reads below the same Gather would have other workers.
            && (root.parent_root.as_ref()).is_none_or(|parent| (*parent.parse).setOperations.is_null());
        let can_be = (*root.glob).parallelModeOK
            && is_alone
            && offer.list != Oid::INVALID
            && [Mode::Flat, Mode::Several].contains(&offer.call.mode())
            // It waits until what it reads is settled, and takes a snapshot of its own then.
            && !offer.call.is_given(Argument::AsOfChange)
            && !offer.call.is_of_one_series()
            && !offer.call.is_given(Argument::Name)
            && period.is_longer_than(SHORT_TIME)
            && is_of_several(offer)
            && passes_few(offer);
        let lists = [
            (*offer.call.0).args,
            rel.baserestrictinfo,
            (*rel.reltarget).exprs,
        ];
        let is_safe = |list: *mut pg_sys::List| pg_sys::is_parallel_safe(offer.root, list.cast());
        if !can_be || !lists.into_iter().all(is_safe) {
            return 0;
        }
        let most = pg_sys::max_parallel_workers_per_gather;
        pg_sys::compute_parallel_worker(offer.rel, PAGES, -1.0, most)
    }
}

/// Whether the conditions leave several series, and a range of time.
unsafe fn is_of_several(offer: &Offer) -> bool {
    // SAFETY: as in `workers`.
    unsafe {
        let reader = offer.reader();
        let clauses = PgList::<pg_sys::RestrictInfo>::from_pg((*offer.rel).baserestrictinfo);
        let is_of_few = |clause: *mut pg_sys::RestrictInfo| {
            let condition = reader.condition((*clause).clause.cast());
            matches!(
                condition,
                Some(
                    Condition::Series(_)
                        | Condition::Name(_)
                        | Condition::OneOfTimes(Axis::Valid, ..)
                )
            )
        };
        !clauses.iter_ptr().any(is_of_few)
    }
}

/// Whether few rows leave the workers: those of groups, or those that a filter leaves.
unsafe fn passes_few(offer: &Offer) -> bool {
    // SAFETY: as in `workers`.
    unsafe {
        let query = &*(*offer.root).parse;
        let has_groups =
            query.hasAggs || !query.groupClause.is_null() || !query.distinctClause.is_null();
        if has_groups || pg_sys::parallel_tuple_cost == 0.0 {
            return true;
        }
        let reader = offer.reader();
        let clauses = PgList::<pg_sys::RestrictInfo>::from_pg((*offer.rel).baserestrictinfo);
        let of_rows = |clause: &*mut pg_sys::RestrictInfo| {
            reader.condition((**clause).clause.cast()).is_none()
        };
        let filter = (clauses.iter_ptr().filter(of_rows)).fold(ptr::null_mut(), |list, clause| {
            pg_sys::lappend(list, clause.cast())
        });
        let inner = pg_sys::JoinType::JOIN_INNER;
        pg_sys::clauselist_selectivity(offer.root, filter, 0, inner, ptr::null_mut()) <= FEW_ROWS
    }
}

/// Into how many parts the time of a read is divided, as PostgreSQL reckons.
pub fn divisor(workers: i32) -> f64 {
    let workers = f64::from(workers);
    // SAFETY: reads a setting.
    let leads = unsafe { pg_sys::parallel_leader_participation };
    let of_leader = if leads { 1.0 - LEADING * workers } else { 0.0 };
    workers + of_leader.max(0.0)
}

/// How many workers are worth starting for so many points: as many as PostgreSQL would plan for a table that takes as long
/// to read.
pub fn workers_for(points: u64) -> i32 {
    // SAFETY: reads a setting.
    let least = unsafe { pg_sys::min_parallel_table_scan_size };
    let pages = points.saturating_mul(POINT_BYTES) / u64::from(pg_sys::BLCKSZ);
    let least = u64::try_from(least).unwrap_or(0);
    if pages < least {
        return 0;
    }
    let mut step = least.max(1);
    let mut workers = 1;
    while pages >= step * 3 && step < u64::from(u32::MAX) {
        workers += 1;
        step *= 3;
    }
    workers
}
