//! A plan node that returns the rows of `timedb._read_rows()` as they are read.
//!
//! PostgreSQL writes what a function in FROM returns into a tuplestore before it returns the first row, and beyond
//! work_mem into a file. The planner hook offers a custom scan instead: it calls `timedb._read_chunks()` (same
//! arguments, same EXECUTE privilege, same row security) for one chunk after the other and fills the slot from its
//! columns. Where the scan cannot be used (row locks, data-modifying statements, the library not loaded yet), the
//! function itself runs.

mod exec;
mod functions;

pub use functions::{COLUMNS, ROW_COLUMNS};

use crate::pg::error::shielded;
use exec::{Methods, NAME};
use functions::{call_of, chunks_beside};
use pgrx::guc::{GucContext, GucFlags, GucRegistry, GucSetting};
use pgrx::pg_sys::{self, Oid};
use pgrx::prelude::*;
use std::ptr;
use std::sync::OnceLock;

/// Reading a row costs less than calling a function for it.
const COST_OF_ROW: f64 = 0.002;

static PATH_METHODS: Methods<pg_sys::CustomPathMethods> = Methods(pg_sys::CustomPathMethods {
    CustomName: NAME.as_ptr(),
    PlanCustomPath: Some(plan_path),
    ReparameterizeCustomPathByChild: None,
});

static SCAN_METHODS: Methods<pg_sys::CustomScanMethods> = Methods(pg_sys::CustomScanMethods {
    CustomName: NAME.as_ptr(),
    CreateCustomScanState: Some(exec::create_state),
});

static STREAMING_READS: GucSetting<bool> = GucSetting::<bool>::new(true);

/// The hook that stood before ours.
static PREVIOUS: OnceLock<pg_sys::set_rel_pathlist_hook_type> = OnceLock::new();

/// Defines the setting and hangs the hook in; called once, when the library is loaded.
pub fn define() {
    GucRegistry::define_bool_guc(
        c"timedb.streaming_reads",
        c"Return the rows of timedb.read_*() as they are read.",
        c"If off, the functions write all rows into a tuplestore first.",
        &STREAMING_READS,
        GucContext::Userset,
        GucFlags::default(),
    );
    // SAFETY: the methods live for ever; the hook chain is PostgreSQL's own convention.
    unsafe {
        pg_sys::RegisterCustomScanMethods(&SCAN_METHODS.0);
        PREVIOUS.get_or_init(|| pg_sys::set_rel_pathlist_hook);
        pg_sys::set_rel_pathlist_hook = Some(offer_path);
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn offer_path(
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
        if STREAMING_READS.get()
            && let Some(call) = call_of(rte)
            && let Some(chunks) = chunks_beside((*call).funcid)
            && fits(root, rel, rti)
        {
            pg_sys::add_path(rel, custom_path(root, rel, chunks));
        }
    })
}

/// Whether the scan can be used: plain SELECTs (a recheck of locked rows needs the tuplestore)
/// that use columns, not the row as a whole.
unsafe fn fits(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    rti: pg_sys::Index,
) -> bool {
    // SAFETY: the planner's own nodes, of a base relation that it is planning; the array of attributes begins at min_attr.
    unsafe {
        let (root, rel) = (&*root, &*rel);
        if (*root.parse).commandType != pg_sys::CmdType::CMD_SELECT
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

unsafe fn custom_path(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    chunks: Oid,
) -> *mut pg_sys::Path {
    // SAFETY: the planner's own nodes; the new path is zeroed memory of its size, in the planner's memory context.
    unsafe {
        let custom = pg_sys::palloc0(size_of::<pg_sys::CustomPath>()).cast::<pg_sys::CustomPath>();
        let path = &mut (*custom).path;
        path.type_ = pg_sys::NodeTag::T_CustomPath;
        path.pathtype = pg_sys::NodeTag::T_CustomScan;
        path.parent = rel;
        path.pathtarget = (*rel).reltarget;
        path.param_info = pg_sys::get_baserel_parampathinfo(root, rel, (*rel).lateral_relids);
        path.rows = match path.param_info.as_ref() {
            Some(param_info) => param_info.ppi_rows,
            None => (*rel).rows,
        };
        path.total_cost = (*rel).tuples.max(path.rows) * COST_OF_ROW;
        (*custom).flags = pg_sys::CUSTOMPATH_SUPPORT_PROJECTION;
        (*custom).custom_private = pg_sys::lappend_oid(ptr::null_mut(), chunks);
        (*custom).methods = &PATH_METHODS.0;
        custom.cast()
    }
}

/// Makes the plan: the one custom expression is the call of `_read_chunks`; the scan's columns are
/// just those the query uses if that saves a projection, and all of them otherwise.
#[pg_guard]
unsafe extern "C-unwind" fn plan_path(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    best_path: *mut pg_sys::CustomPath,
    tlist: *mut pg_sys::List,
    clauses: *mut pg_sys::List,
    _custom_plans: *mut pg_sys::List,
) -> *mut pg_sys::Plan {
    // SAFETY: called by the planner for a path that `custom_path` made.
    shielded(|| unsafe {
        let rti = (*rel).relid;
        let rte = *(*root).simple_rte_array.add(rti as usize);
        let chunks = pgrx::PgList::<Oid>::from_pg((*best_path).custom_private).get_oid(0);
        let (Some(rows_call), Some(chunks)) = (call_of(rte), chunks) else {
            pgrx::error!("a timedb read without its function call");
        };
        // Of the same arguments and in the same schema, so that the right to call one is that to call the other.
        let chunks_call = pg_sys::copyObjectImpl(rows_call.cast()).cast::<pg_sys::FuncExpr>();
        (*chunks_call).funcid = chunks;

        // Not from `tlist`: it is empty when a projection above is going to replace it.
        let needed = (*(*rel).reltarget).exprs;
        let scan_tlist = match clauses.is_null() && are_columns(needed) {
            true => entries(needed),
            false => all_columns(rows_call, rti),
        };
        let mut columns: *mut pg_sys::List = ptr::null_mut();
        for entry in pgrx::PgList::<pg_sys::TargetEntry>::from_pg(scan_tlist).iter_ptr() {
            let column = (*(*entry).expr.cast::<pg_sys::Var>()).varattno;
            columns = pg_sys::lappend_int(columns, i32::from(column));
        }

        let scan = pg_sys::palloc0(size_of::<pg_sys::CustomScan>()).cast::<pg_sys::CustomScan>();
        (*scan).scan.plan.type_ = pg_sys::NodeTag::T_CustomScan;
        (*scan).scan.plan.targetlist = tlist;
        (*scan).scan.plan.qual = pg_sys::extract_actual_clauses(clauses, false);
        (*scan).flags = (*best_path).flags;
        (*scan).custom_exprs = pg_sys::lappend(ptr::null_mut(), chunks_call.cast());
        (*scan).custom_private = columns;
        (*scan).custom_scan_tlist = scan_tlist;
        (*scan).methods = &SCAN_METHODS.0;
        scan.cast()
    })
}

/// Whether all expressions are plain columns.
unsafe fn are_columns(exprs: *mut pg_sys::List) -> bool {
    // SAFETY: the planner's own list of nodes.
    unsafe {
        pgrx::PgList::<pg_sys::Node>::from_pg(exprs)
            .iter_ptr()
            .all(|expr| (*expr).type_ == pg_sys::NodeTag::T_Var)
    }
}

/// A target list of copies of the expressions, in their order.
unsafe fn entries(exprs: *mut pg_sys::List) -> *mut pg_sys::List {
    // SAFETY: the planner's own list of expressions; what is made here is copies.
    unsafe {
        let mut tlist: *mut pg_sys::List = ptr::null_mut();
        let exprs = pgrx::PgList::<pg_sys::Expr>::from_pg(exprs);
        for (i, expr) in exprs.iter_ptr().enumerate() {
            let copy = pg_sys::copyObjectImpl(expr.cast()).cast();
            let entry = pg_sys::makeTargetEntry(copy, i as i16 + 1, ptr::null_mut(), false);
            tlist = pg_sys::lappend(tlist, entry.cast());
        }
        tlist
    }
}

unsafe fn all_columns(call: *mut pg_sys::FuncExpr, rti: pg_sys::Index) -> *mut pg_sys::List {
    // SAFETY: a call that `call_of` found: its descriptor has columns, and lives with the planner's memory context.
    unsafe {
        let desc = pg_sys::get_expr_result_tupdesc(call.cast(), false);
        let mut tlist: *mut pg_sys::List = ptr::null_mut();
        for (i, column) in pgrx::PgTupleDesc::from_pg_unchecked(desc)
            .iter()
            .enumerate()
        {
            let number = i as i16 + 1;
            let (typmod, collation) = (column.atttypmod, column.attcollation);
            let var = pg_sys::makeVar(rti as _, number, column.atttypid, typmod, collation, 0);
            let entry = pg_sys::makeTargetEntry(var.cast(), number, ptr::null_mut(), false);
            tlist = pg_sys::lappend(tlist, entry.cast());
        }
        tlist
    }
}
