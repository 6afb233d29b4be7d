//! The order in which a read gives its rows, which saves the query a sort, and what may be said of the last ones.

use super::call::Mode;
use super::columns::{SERIES_ID, VALID_TIME};
use super::conditions::{Axis, Condition};
use super::needed::{EARLIER, LATER, Needed};
use super::offer::Offer;
use pgrx::PgList;
use pgrx::pg_sys::{self, Oid};
use std::ptr;
use timedb_wire::reads::Argument;

/// `uuid < uuid`, whose oid PostgreSQL fixes.
const LESS_ID: Oid = Oid::from_u32(2974);

/// The order in which the rows come, as far as anything in the query could use it: by series and valid_time.
///
/// # Safety
/// The planner is looking for paths of the relation.
pub unsafe fn of(offer: &Offer, one_series: bool, needed: Needed) -> *mut pg_sys::List {
    // SAFETY: the caller's promise.
    unsafe {
        let is_known = [Mode::Flat, Mode::Several, Mode::Relative].contains(&offer.call.mode());
        match (needed.first > 0, needed.last > 0) {
            _ if !is_known => ptr::null_mut(),
            (false, true) if one_series => {
                by_column(offer, VALID_TIME, pg_sys::TIMESTAMPTZOID, LATER)
            }
            (_, true) => ptr::null_mut(),
            _ => {
                let by_time = by_column(offer, VALID_TIME, pg_sys::TIMESTAMPTZOID, EARLIER);
                if one_series {
                    return by_time;
                }
                let by_series = by_column(offer, SERIES_ID, pg_sys::UUIDOID, LESS_ID);
                match by_series.is_null() {
                    true => by_series,
                    false => pg_sys::list_concat_unique_ptr(by_series, by_time),
                }
            }
        }
    }
}

unsafe fn by_column(offer: &Offer, column: usize, of_type: Oid, by: Oid) -> *mut pg_sys::List {
    // SAFETY: the caller's promise.
    unsafe {
        let Offer { root, rel, .. } = *offer;
        let (rti, number) = ((*rel).relid, column as i16 + 1);
        let var = pg_sys::makeVar(rti as _, number, of_type, -1, Oid::INVALID, 0);
        #[cfg(feature = "pg15")]
        return pg_sys::build_expression_pathkey(
            root,
            var.cast(),
            ptr::null_mut(),
            by,
            (*rel).relids,
            false,
        );
        #[cfg(not(feature = "pg15"))]
        pg_sys::build_expression_pathkey(root, var.cast(), by, (*rel).relids, false)
    }
}

/// Whether the rows of a read of one series may also come from the end.
///
/// # Safety
/// The planner is looking for paths of the relation.
pub unsafe fn may_be_turned(offer: &Offer) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        [Mode::Flat, Mode::Several].contains(&offer.call.mode())
            && !offer.call.is_given(Argument::AsOfChange)
    }
}

/// Whether all conditions, with which the read is called, hold for the last point of a series within them if they hold
/// for any: they are bounds of valid_time, or are about series.
///
/// # Safety
/// The planner is looking for paths of the relation.
pub unsafe fn keeps_last(offer: &Offer) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        let reader = offer.reader();
        let clauses = PgList::<pg_sys::RestrictInfo>::from_pg((*offer.rel).baserestrictinfo);
        offer.call.mode() == Mode::Flat
            && clauses.iter_ptr().all(|clause| {
                let condition = reader.condition((*clause).clause.cast());
                condition.is_some_and(|condition| {
                    !matches!(
                        condition,
                        Condition::OneOfTimes(..)
                            | Condition::About(..)
                            | Condition::Time(Axis::Known, ..)
                    )
                })
            })
    }
}
