//! The node of the scan: its name, its state, and what its plan says.

use super::call::ReadCall;
use super::conditions::Reader;
use super::needed::Needed;
use super::reading::Read;
use pgrx::PgList;
use pgrx::pg_sys::{self, Oid};
use std::ffi::CStr;
use std::ptr;

/// The name of the node in EXPLAIN.
pub const NODE_NAME: &CStr = c"timedb read";

/// A table of C callbacks; PostgreSQL only reads it.
#[repr(transparent)]
pub struct Methods<T>(pub T);
// SAFETY: never written, and a PostgreSQL process has one thread.
unsafe impl<T> Sync for Methods<T> {}

/// PostgreSQL's state node, followed by ours.
#[repr(C)]
pub struct ReadScan {
    pub custom: pg_sys::CustomScanState,
    /// Owned by the query's memory context.
    pub read: *mut Read,
}

impl ReadScan {
    /// How many segments have been read.
    pub fn segments(&self) -> u64 {
        // SAFETY: null, or what `begin` has put there.
        unsafe { self.read.as_ref() }.map_or(0, Read::segments)
    }
}

/// What a plan keeps beside expressions.
pub struct Private {
    /// The columns that the scan fills.
    pub columns: Vec<usize>,
    /// The function that lists series.
    pub list: Oid,
    pub needed: Needed,
    /// Whether the conditions keep the last point of a series if they keep any.
    pub keeps_last: bool,
    /// Where it sums up: how many of the last expressions are conditions of series, conditions of rows, and times; and the
    /// numbers of what is computed.
    pub work: Vec<i32>,
}

impl Private {
    /// How many expressions follow the conditions that the read follows.
    pub fn of_work(&self) -> usize {
        self.work.iter().take(3).sum::<i32>() as usize
    }
}

/// Hands over what recognises the conditions in a plan.
///
/// # Safety
/// The plan is one that `plan` has made.
pub unsafe fn reader_of<T>(plan: *mut pg_sys::CustomScan, with: impl FnOnce(&Reader) -> T) -> T {
    // SAFETY: the caller's promise; in the plan the columns are named by their places.
    unsafe {
        let columns = private(plan).columns;
        let call = PgList::<pg_sys::FuncExpr>::from_pg((*plan).custom_exprs);
        let Some(call) = call.get_ptr(0) else {
            pgrx::error!("a timedb read without its function call");
        };
        with(&ReadCall(call).reader(pg_sys::INDEX_VAR as u32, Some(&columns)))
    }
}

/// The expressions of a plan but the call: the conditions that the read follows, and those of its work.
///
/// # Safety
/// The plan is one that `plan` has made.
pub unsafe fn expressions(
    plan: *mut pg_sys::CustomScan,
    of_work: usize,
) -> (Vec<*mut pg_sys::Node>, Vec<*mut pg_sys::Node>) {
    // SAFETY: the caller's promise.
    let all = unsafe { PgList::<pg_sys::Node>::from_pg((*plan).custom_exprs) };
    let mut followed: Vec<_> = all.iter_ptr().skip(1).collect();
    let work = followed.split_off(followed.len().saturating_sub(of_work));
    (followed, work)
}

/// Makes the list of what is needed.
///
/// # Safety
/// Called while planning.
pub unsafe fn of_needed(needed: Needed, keeps_last: bool) -> *mut pg_sys::List {
    let Needed {
        first,
        last,
        any_of_time,
    } = needed;
    let numbers = [first, last, any_of_time.into(), keeps_last.into()];
    // SAFETY: the list is a new one in the planner's memory.
    let append = |list, number| unsafe { pg_sys::lappend_int(list, number) };
    numbers.into_iter().fold(ptr::null_mut(), append)
}

/// What a plan keeps beside expressions, in lists of numbers.
///
/// # Safety
/// The plan is one that `plan` has made.
pub unsafe fn private(plan: *mut pg_sys::CustomScan) -> Private {
    // SAFETY: the caller's promise.
    unsafe {
        let lists = PgList::<pg_sys::List>::from_pg((*plan).custom_private);
        let list = |place| lists.get_ptr(place).unwrap_or(ptr::null_mut());
        let numbers =
            |place| -> Vec<i32> { PgList::<i32>::from_pg(list(place)).iter_int().collect() };
        let columns = numbers(0).into_iter().map(|column| column as usize - 1);
        let function = PgList::<Oid>::from_pg(list(1)).get_oid(0);
        let needed = numbers(2);
        let number = |place| needed.get(place).copied().unwrap_or(0);
        Private {
            columns: columns.collect(),
            list: function.unwrap_or(Oid::INVALID),
            needed: Needed {
                first: number(0),
                last: number(1),
                any_of_time: number(2) != 0,
            },
            keeps_last: number(3) != 0,
            work: numbers(3),
        }
    }
}
