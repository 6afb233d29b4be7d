//! A plan node that returns the rows of `timedb._read_rows()` as they are read, and reads no more than the query's
//! conditions ask for.
//!
//! PostgreSQL writes what a function in FROM returns into a tuplestore before it returns the first row, and beyond
//! work_mem into a file, and no condition reaches the function. The planner hook puts a custom scan in its place: it
//! calls `timedb._read_chunks()` (same arguments, narrowed by the conditions; same EXECUTE privilege, same row
//! security) for one chunk after the other and fills the slot from its columns. Where the scan cannot be used (row
//! locks, statements that change rows), the function itself runs.

mod call;
mod columns;
mod conditions;
mod exec;
mod explain;
mod expressions;
mod fallback;
mod functions;
mod narrowed;
mod node;
mod paths;
mod plan;
mod reading;
mod source;
mod support;
mod values;

pub use columns::{COLUMNS, ROW_COLUMNS, SERIES_COLUMNS};

use crate::pg::error::shielded;
use call::ReadCall;
use functions::{CHUNKS_FUNCTION, LIST_FUNCTION, LIST_SERIES, READ_CHUNKS, beside, call_of};
use paths::Offer;
use pgrx::guc::{GucContext, GucFlags, GucRegistry, GucSetting};
use pgrx::pg_sys::{self, Oid};
use pgrx::prelude::*;
use std::ptr;
use std::sync::OnceLock;

static STREAMING_READS: GucSetting<bool> = GucSetting::<bool>::new(true);

/// The hook that stood before ours.
static PREVIOUS: OnceLock<pg_sys::set_rel_pathlist_hook_type> = OnceLock::new();

/// Defines the setting and hangs the hook in; called once, when the library is loaded.
pub fn define() {
    GucRegistry::define_bool_guc(
        c"timedb.streaming_reads",
        c"Return the rows of timedb.read_*() as they are read.",
        c"If off, the functions write all rows into a tuplestore first, and no condition of the query reaches them.",
        &STREAMING_READS,
        GucContext::Userset,
        GucFlags::default(),
    );
    // SAFETY: the methods live for ever; the hook chain is PostgreSQL's own convention.
    unsafe {
        pg_sys::RegisterCustomScanMethods(&plan::SCAN_METHODS.0);
        PREVIOUS.get_or_init(|| pg_sys::set_rel_pathlist_hook);
        pg_sys::set_rel_pathlist_hook = Some(offer_paths);
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn offer_paths(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    rti: pg_sys::Index,
    rte: *mut pg_sys::RangeTblEntry,
) {
    // SAFETY: called by the planner with live nodes.
    shielded(|| unsafe {
        if let Some(hook) = PREVIOUS.get().copied().flatten() {
            // Another extension's, in C: its errors have to become panics like those of PostgreSQL's functions.
            pg_sys::ffi::pg_guard_ffi_boundary(|| hook(root, rel, rti, rte));
        }
        let Some(call) = call_of(rte) else {
            return;
        };
        if STREAMING_READS.get()
            && let Some(chunks) = beside((*call).funcid, CHUNKS_FUNCTION, &READ_CHUNKS)
            && fits(root, rel, rti)
        {
            let list = beside((*call).funcid, LIST_FUNCTION, &LIST_SERIES);
            paths::replace(&Offer {
                root,
                rel,
                call: ReadCall(call),
                chunks,
                list: list.unwrap_or(Oid::INVALID),
            });
        } else {
            fallback::narrow(rel, ReadCall(call));
        }
    })
}

/// Whether the scan can be used: statements that lock or change no rows they read (a recheck of those needs the
/// tuplestore), and that use columns, not the row as a whole.
unsafe fn fits(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    rti: pg_sys::Index,
) -> bool {
    // SAFETY: the planner's own nodes, of a base relation that it is planning; the array of attributes begins at min_attr.
    unsafe {
        let (root, rel) = (&*root, &*rel);
        let command = (*root.parse).commandType;
        if ![pg_sys::CmdType::CMD_SELECT, pg_sys::CmdType::CMD_INSERT].contains(&command)
            || !root.rowMarks.is_null()
            || rel.reloptkind != pg_sys::RelOptKind::RELOPT_BASEREL
        {
            return false;
        }
        // Attributes count from min_attr; number 0 is the whole row.
        let whole_row = *rel.attr_needed.offset(-(rel.min_attr as isize));
        if pg_sys::bms_membership(whole_row) != pg_sys::BMS_Membership::BMS_EMPTY_SET {
            return false;
        }
        let mut used: *mut pg_sys::Bitmapset = ptr::null_mut();
        for clause in pgrx::PgList::<pg_sys::RestrictInfo>::from_pg(rel.baserestrictinfo).iter_ptr()
        {
            pg_sys::pull_varattnos((*clause).clause.cast(), rti, &mut used);
        }
        !pg_sys::bms_is_member(-pg_sys::FirstLowInvalidHeapAttributeNumber, used)
    }
}
