//! The node of the scan: its name, its state, and what its plan says.

use super::call::ReadCall;
use super::conditions::Reader;
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

/// Hands over what recognises the conditions in a plan.
///
/// # Safety
/// The plan is one that `plan` has made.
pub unsafe fn reader_of<T>(plan: *mut pg_sys::CustomScan, with: impl FnOnce(&Reader) -> T) -> T {
    // SAFETY: the caller's promise; in the plan the columns are named by their places.
    unsafe {
        let (columns, _) = private(plan);
        let call = PgList::<pg_sys::FuncExpr>::from_pg((*plan).custom_exprs);
        let Some(call) = call.get_ptr(0) else {
            pgrx::error!("a timedb read without its function call");
        };
        with(&ReadCall(call).reader(pg_sys::INDEX_VAR as u32, Some(&columns)))
    }
}

/// The columns of the scan, and the function that lists series.
///
/// # Safety
/// The plan is one that `plan` has made.
pub unsafe fn private(plan: *mut pg_sys::CustomScan) -> (Vec<usize>, Oid) {
    // SAFETY: the caller's promise.
    unsafe {
        let lists = PgList::<pg_sys::List>::from_pg((*plan).custom_private);
        let list = |place| lists.get_ptr(place).unwrap_or(ptr::null_mut());
        let columns = PgList::<i32>::from_pg(list(0));
        let columns = columns.iter_int().map(|column| column as usize - 1);
        let function = PgList::<Oid>::from_pg(list(1)).get_oid(0);
        (columns.collect(), function.unwrap_or(Oid::INVALID))
    }
}
