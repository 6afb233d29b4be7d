//! A read for which the planner is looking for paths.

use super::call::ReadCall;
use super::conditions::Reader;
use pgrx::pg_sys::{self, Oid};

/// A read that is being planned.
#[derive(Clone, Copy)]
pub struct Offer {
    pub root: *mut pg_sys::PlannerInfo,
    pub rel: *mut pg_sys::RelOptInfo,
    pub call: ReadCall,
    /// `_read_chunks`.
    pub chunks: Oid,
    /// `_list_series`, if it is there.
    pub list: Oid,
}

impl Offer {
    /// What recognises conditions on it.
    ///
    /// # Safety
    /// The planner is looking for paths of the relation.
    pub unsafe fn reader(&self) -> Reader<'_> {
        // SAFETY: the planner's own nodes.
        unsafe { self.call.reader((*self.rel).relid, None) }
    }
}
