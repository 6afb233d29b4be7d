//! The paths of a read that the planner may choose from, and what they are said to cost.
//!
//! How much a read returns cannot be known: there are no statistics of what tenants have, and there must be none. So
//! the costs say only what matters for the order of joins and for the choice among these paths: a read of everything
//! is dear, a bounded one cheap. None is so dear that PostgreSQL would compile the query for it.

use super::columns::{KNOWN_TIME, NAME, SERIES_ID, VALID_TIME};
use super::conditions::{Axis, Condition};
use super::expressions::as_it_is_stored;
use super::needed::{self, Needed};
use super::node::{Methods, NODE_NAME, of_needed};
use super::offer::Offer;
use super::order;
use super::period::Period;
use super::plan;
use super::sharing;
use pgrx::PgList;
use pgrx::pg_sys::{self, NodeTag};
use pgrx::prelude::*;
use std::ptr;
use timedb_wire::reads::Argument;

/// Reading a row costs less than calling a function for it.
const COST_OF_ROW: f64 = 0.002;
/// Of a read of everything, and the parts of it that are left with conditions.
const COST_OF_ALL: f64 = 5_000.0;
const PART_OF_TIME: f64 = 0.05;
const PART_OF_HALF_OPEN_TIME: f64 = 0.5;
const PART_OF_A_SERIES: f64 = 0.002;
const PART_OF_SOME_SERIES: f64 = 0.02;
/// Rows of groups, of those that are grouped.
const PART_OF_GROUPS: f64 = 0.1;
/// How much more one from the end costs.
const COST_OF_TURNING: f64 = 1.005;
/// Of a read of the ends of series.
const PART_OF_ENDS: f64 = 0.1;
/// Of the smallest read.
const LEAST_COST: f64 = 2.0;
/// PostgreSQL takes a range for two hundredths of what an open one has left, which it seldom is.
const RANGE_IS_LARGER: f64 = 20.0;
/// Rows that a read is expected to return at least: without a range of time, and for each microsecond of one, where
/// there is a point each hour. PostgreSQL takes what names a series for something that few rows have. If so few were
/// expected here, joins would begin the other read anew for each of thousands.
const LEAST_ROWS: f64 = 3_000.0;
const ROWS_OF_TIME: f64 = 1.0 / 3_600_000_000.0;

static PATH_METHODS: Methods<pg_sys::CustomPathMethods> = Methods(pg_sys::CustomPathMethods {
    CustomName: NODE_NAME.as_ptr(),
    PlanCustomPath: Some(plan::plan_path),
    ReparameterizeCustomPathByChild: None,
});

/// Replaces the paths of a call of `_read_rows()` by those of the scan: one without conditions from elsewhere in the
/// query, and those that follow a join.
///
/// # Safety
/// The planner is looking for paths of this relation.
pub unsafe fn replace(offer: &Offer) {
    // SAFETY: the caller's promise; nothing refers to a path yet.
    unsafe {
        let rel = offer.rel;
        let own = (*rel).lateral_relids;
        (*rel).pathlist = ptr::null_mut();
        let given = restricted(offer, &[(*rel).baserestrictinfo]);
        (*rel).rows = given.rows((*rel).rows, (*rel).tuples);
        let period = Period::of(offer);
        if let Some(length) = period.length() {
            let rows = (length as f64 * ROWS_OF_TIME).min((*rel).tuples);
            (*rel).rows = (*rel).rows.max(rows.ceil());
        }
        let needed = needed::of(offer);
        let workers = match needed.is_some() {
            true => 0,
            false => sharing::workers(offer, &period),
        };
        pg_sys::add_path(rel, path(offer, own, needed, workers));
        if workers > 0 {
            (*rel).consider_parallel = true;
            let part = shared(path(offer, own, needed, workers), workers);
            pg_sys::add_partial_path(rel, part);
        }
        if needed.is_some() {
            // Nothing is joined.
            return;
        }
        if given.one_series && order::may_be_turned(offer) {
            let turned = path(offer, own, Needed::BACKWARD, 0);
            if !(*turned).pathkeys.is_null() {
                pg_sys::add_path(rel, turned);
            }
        }
        let mut joined: Vec<pg_sys::Relids> = Vec::new();
        let mut all = own;
        for clause in join_clauses(offer) {
            let outer = pg_sys::bms_union(own, (*clause).clause_relids);
            let outer = pg_sys::bms_del_member(outer, (*rel).relid as i32);
            all = pg_sys::bms_union(all, outer);
            joined.push(outer);
        }
        joined.push(all);
        for i in 0..joined.len() {
            let is_new = |other: &pg_sys::Relids| !pg_sys::bms_equal(*other, joined[i]);
            if joined[..i].iter().all(is_new) && !pg_sys::bms_equal(own, joined[i]) {
                pg_sys::add_path(rel, path(offer, joined[i], Needed::default(), 0));
            }
        }
    }
}

/// The conditions that compare a column with other relations, and that a read can follow once their rows are known.
unsafe fn join_clauses(offer: &Offer) -> Vec<*mut pg_sys::RestrictInfo> {
    // SAFETY: as in `replace`.
    unsafe {
        let Offer { root, rel, .. } = *offer;
        let mut clauses = Vec::new();
        if (*rel).has_eclass_joins {
            for column in [SERIES_ID, NAME, VALID_TIME, KNOWN_TIME] {
                let mut column = column as i16 + 1;
                let implied = pg_sys::generate_implied_equalities_for_column(
                    root,
                    rel,
                    Some(is_column),
                    ptr::from_mut(&mut column).cast(),
                    (*rel).lateral_referencers,
                );
                clauses.extend(PgList::<pg_sys::RestrictInfo>::from_pg(implied).iter_ptr());
            }
        }
        let others = PgList::<pg_sys::RestrictInfo>::from_pg((*rel).joininfo);
        clauses.extend(
            others
                .iter_ptr()
                .filter(|clause| pg_sys::join_clause_is_movable_to(*clause, rel)),
        );
        let reader = offer.reader();
        let is_followed =
            |clause: &*mut pg_sys::RestrictInfo| match reader.condition((**clause).clause.cast()) {
                None | Some(Condition::OfSeries(_)) => false,
                Some(_) => true,
            };
        clauses.retain(is_followed);
        clauses
    }
}

/// Whether a member of an equivalence class is the column whose attribute is given.
#[pg_guard]
unsafe extern "C-unwind" fn is_column(
    _root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    _class: *mut pg_sys::EquivalenceClass,
    member: *mut pg_sys::EquivalenceMember,
    attribute: *mut std::ffi::c_void,
) -> bool {
    // SAFETY: called by the planner, with the argument that `join_clauses` gives.
    unsafe {
        let var = as_it_is_stored((*member).em_expr.cast()).cast::<pg_sys::Var>();
        (*var).xpr.type_ == NodeTag::T_Var
            && (*var).varno as u32 == (*rel).relid
            && (*var).varattno == *attribute.cast::<i16>()
    }
}

/// What the conditions of a path leave of a read.
#[derive(Default)]
struct Restricted {
    starts: bool,
    ends: bool,
    one_series: bool,
    some_series: bool,
}

impl Restricted {
    fn note<E>(&mut self, condition: &Condition<E>) {
        match condition {
            Condition::Time(Axis::Valid, comparison, ..)
            | Condition::About(Axis::Valid, comparison, ..) => {
                let (starts, ends) = comparison.bounds();
                self.starts |= starts;
                self.ends |= ends;
            }
            Condition::OneOfTimes(Axis::Valid, ..) => (self.starts, self.ends) = (true, true),
            Condition::Time(Axis::Known, ..)
            | Condition::About(Axis::Known, ..)
            | Condition::OneOfTimes(Axis::Known, ..) => {}
            Condition::Series(_) => self.one_series = true,
            _ => self.some_series = true,
        }
    }

    /// Rows that are expected, of those that PostgreSQL expects.
    fn rows(&self, rows: f64, of_all: f64) -> f64 {
        match self.starts && self.ends {
            true => (rows * RANGE_IS_LARGER).min(of_all).max(rows),
            false => LEAST_ROWS.min(of_all).max(rows),
        }
    }

    fn cost(&self) -> f64 {
        let of_time = match (self.starts, self.ends) {
            (true, true) => PART_OF_TIME,
            (false, false) => 1.0,
            _ => PART_OF_HALF_OPEN_TIME,
        };
        let of_series = match (self.one_series, self.some_series) {
            (true, _) => PART_OF_A_SERIES,
            (false, true) => PART_OF_SOME_SERIES,
            (false, false) => 1.0,
        };
        (COST_OF_ALL * of_time * of_series).max(LEAST_COST)
    }
}

/// What the arguments of the call and these lists of conditions leave of the read.
unsafe fn restricted(offer: &Offer, lists: &[*mut pg_sys::List]) -> Restricted {
    // SAFETY: as in `replace`.
    unsafe {
        let call = &offer.call;
        let mut restricted = Restricted {
            starts: call.is_given(Argument::StartValid),
            ends: call.is_given(Argument::EndValid),
            one_series: call.is_of_one_series(),
            some_series: [
                Argument::SeriesId,
                Argument::Name,
                Argument::Labels,
                Argument::Names,
            ]
            .into_iter()
            .any(|argument| call.is_given(argument)),
        };
        let reader = offer.reader();
        for clauses in lists {
            for clause in PgList::<pg_sys::RestrictInfo>::from_pg(*clauses).iter_ptr() {
                if let Some(condition) = reader.condition((*clause).clause.cast()) {
                    restricted.note(&condition);
                }
            }
        }
        restricted
    }
}

/// The path of a read that gives groups, whose target that is.
///
/// # Safety
/// The planner is looking for paths of groups of the relation.
pub unsafe fn of_groups(
    offer: &Offer,
    target: *mut pg_sys::PathTarget,
    workers: i32,
) -> *mut pg_sys::Path {
    // SAFETY: the caller's promise; the path is a custom one with a list of its own.
    unsafe {
        let path = path(
            offer,
            (*offer.rel).lateral_relids,
            Needed::default(),
            workers,
        );
        (*path).pathtarget = target;
        (*path).pathkeys = ptr::null_mut();
        (*path).rows = ((*path).rows * PART_OF_GROUPS).max(1.0);
        if workers > 0 {
            (*path).total_cost *= sharing::PART_OF_COST_OF_GROUPS;
        }
        let custom = path.cast::<pg_sys::CustomPath>();
        let lists = (*custom).custom_private;
        (*custom).custom_private = pg_sys::lappend(lists, ptr::null_mut());
        path
    }
}

/// Makes it the path of one of the participants of a read that so many workers share.
///
/// # Safety
/// The path is one that nothing refers to yet.
pub unsafe fn shared(path: *mut pg_sys::Path, workers: i32) -> *mut pg_sys::Path {
    let parts = sharing::divisor(workers);
    // SAFETY: the caller's promise.
    unsafe {
        (*path).parallel_aware = true;
        (*path).parallel_safe = true;
        (*path).parallel_workers = workers;
        (*path).rows = ((*path).rows / parts).max(1.0);
        (*path).total_cost /= parts * sharing::WORKERS_ARE_PREFERRED;
    }
    path
}

/// The scan, with what it needs of other relations. Where workers may share it, it is one of much.
unsafe fn path(
    offer: &Offer,
    required_outer: pg_sys::Relids,
    needed: Needed,
    workers: i32,
) -> *mut pg_sys::Path {
    // SAFETY: as in `replace`; the new path is zeroed memory of its size, in the planner's memory context.
    unsafe {
        let Offer { root, rel, .. } = *offer;
        let param_info = pg_sys::get_baserel_parampathinfo(root, rel, required_outer);
        let (of_join, rows) = match param_info.as_ref() {
            Some(joined) => (joined.ppi_clauses, joined.ppi_rows),
            None => (ptr::null_mut(), (*rel).rows),
        };
        let restricted = restricted(offer, &[(*rel).baserestrictinfo, of_join]);
        let custom = pg_sys::palloc0(size_of::<pg_sys::CustomPath>()).cast::<pg_sys::CustomPath>();
        let path = &mut (*custom).path;
        path.type_ = NodeTag::T_CustomPath;
        path.pathtype = NodeTag::T_CustomScan;
        path.parent = rel;
        path.pathtarget = (*rel).reltarget;
        path.param_info = param_info;
        path.rows = match param_info.is_null() {
            true => rows,
            false => restricted.rows(rows, (*rel).tuples),
        };
        let cost = match workers > 0 {
            true => COST_OF_ALL * sharing::COST_OF_SHARED,
            false => restricted.cost(),
        };
        path.total_cost = cost + path.rows * COST_OF_ROW;
        if needed == Needed::BACKWARD {
            path.total_cost *= COST_OF_TURNING;
        } else if needed.is_some() {
            path.total_cost *= PART_OF_ENDS;
        }
        path.pathkeys = order::of(offer, restricted.one_series, needed);
        (*custom).flags = pg_sys::CUSTOMPATH_SUPPORT_PROJECTION;
        let chunks = pg_sys::lappend_oid(ptr::null_mut(), offer.chunks);
        let functions = pg_sys::lappend_oid(chunks, offer.list);
        let keeps_last = order::keeps_last(offer);
        let lists = pg_sys::lappend(ptr::null_mut(), functions.cast());
        (*custom).custom_private = pg_sys::lappend(lists, of_needed(needed, keeps_last).cast());
        (*custom).methods = &PATH_METHODS.0;
        custom.cast()
    }
}
