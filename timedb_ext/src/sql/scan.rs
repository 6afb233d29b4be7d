//! A plan node that returns the rows of `timedb_internal._read_rows()` as they are read, and reads no more than the query's
//! conditions ask for.
//!
//! PostgreSQL writes what a function in FROM returns into a tuplestore before it returns the first row, and beyond
//! work_mem into a file, and no condition reaches the function. The planner hook puts a custom scan in its place: it
//! calls `timedb_internal._read_chunks()` (same arguments, narrowed by the conditions; same EXECUTE privilege, same row
//! security) for one chunk after the other and fills the slot from its columns. Where the scan cannot be used (row
//! locks, statements that change rows), the function itself runs.

mod call;
mod choice;
mod columns;
mod comparison;
mod conditions;
mod current;
mod ends;
mod exec;
mod explain;
mod expressions;
mod fallback;
mod functions;
mod grouping;
mod groups;
mod loose;
mod monotone;
mod narrowed;
mod needed;
mod node;
mod offer;
mod order;
mod paths;
mod period;
mod plan;
mod reading;
mod shared;
mod sharing;
mod source;
mod states;
mod sums;
mod support;
mod times;
mod together;
mod values;

pub use columns::{COLUMNS, ROW_COLUMNS, SERIES_COLUMNS};

use crate::pg::error::shielded;
use call::ReadCall;
use functions::{CHUNKS_FUNCTION, LIST_FUNCTION, LIST_SERIES, READ_CHUNKS, beside, call_of};
use offer::Offer;
use pgrx::guc::{GucContext, GucFlags, GucRegistry, GucSetting};
use pgrx::pg_sys::{self, Oid};
use pgrx::prelude::*;
use std::ptr;
use std::sync::OnceLock;

static STREAMING_READS: GucSetting<bool> = GucSetting::<bool>::new(true);

/// The hook that stood before ours.
static PREVIOUS: OnceLock<pg_sys::set_rel_pathlist_hook_type> = OnceLock::new();

/// The same of the hook of groups.
static PREVIOUS_UPPER: OnceLock<pg_sys::create_upper_paths_hook_type> = OnceLock::new();

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
        PREVIOUS_UPPER.get_or_init(|| pg_sys::create_upper_paths_hook);
        pg_sys::create_upper_paths_hook = Some(offer_groups);
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
        match offer_of(root, rel, rti, call) {
            Some(offer) => paths::replace(&offer),
            None => fallback::narrow(rel, ReadCall(call)),
        }
    })
}

#[pg_guard]
unsafe extern "C-unwind" fn offer_groups(
    root: *mut pg_sys::PlannerInfo,
    stage: pg_sys::UpperRelationKind::Type,
    input: *mut pg_sys::RelOptInfo,
    output: *mut pg_sys::RelOptInfo,
    extra: *mut std::ffi::c_void,
) {
    // SAFETY: called by the planner with live nodes.
    shielded(|| unsafe {
        if let Some(hook) = PREVIOUS_UPPER.get().copied().flatten() {
            pg_sys::ffi::pg_guard_ffi_boundary(|| hook(root, stage, input, output, extra));
        }
        if stage != pg_sys::UpperRelationKind::UPPERREL_GROUP_AGG
            || (*input).reloptkind != pg_sys::RelOptKind::RELOPT_BASEREL
        {
            return;
        }
        let rti = (*input).relid;
        let rte = *(*root).simple_rte_array.add(rti as usize);
        if let Some(call) = call_of(rte)
            && let Some(offer) = offer_of(root, input, rti, call)
            && let Some(extra) = extra.cast::<pg_sys::GroupPathExtraData>().as_ref()
        {
            groups::offer(&offer, output, extra.havingQual);
        }
    })
}

/// What is offered in the place of a call, if the scan can be used.
unsafe fn offer_of(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    rti: pg_sys::Index,
    call: *mut pg_sys::FuncExpr,
) -> Option<Offer> {
    // SAFETY: as in `fits`.
    unsafe {
        let function = (*call).funcid;
        if !STREAMING_READS.get() {
            return None;
        }
        let chunks = beside(function, CHUNKS_FUNCTION, &READ_CHUNKS)?;
        let list = beside(function, LIST_FUNCTION, &LIST_SERIES);
        fits(root, rel, rti).then(|| Offer {
            root,
            rel,
            call: ReadCall(call),
            chunks,
            list: list.unwrap_or(Oid::INVALID),
        })
    }
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
