//! Running the scan: one chunk in memory at a time, a row for each call.

use super::functions::CHUNK_COLUMNS;
use crate::identity::settings;
use crate::pg::error::{Error, Result, entry, shielded};
use crate::pg::spi::{has_columns, memory_context};
use crate::sql::packed::malformed;
use crate::sql::rows::PointRows;
use pgrx::pg_sys::{self, Datum};
use pgrx::prelude::*;
use std::ffi::CStr;
use timedb_wire::Chunk;

/// The name of the node in EXPLAIN.
pub const NAME: &CStr = c"timedb read";

/// A table of C callbacks; PostgreSQL only reads it.
#[repr(transparent)]
pub struct Methods<T>(pub T);
// SAFETY: never written, and a PostgreSQL process has one thread.
unsafe impl<T> Sync for Methods<T> {}

static EXEC_METHODS: Methods<pg_sys::CustomExecMethods> = Methods(pg_sys::CustomExecMethods {
    CustomName: NAME.as_ptr(),
    BeginCustomScan: Some(begin),
    ExecCustomScan: Some(exec),
    EndCustomScan: Some(end),
    ReScanCustomScan: Some(rescan),
    MarkPosCustomScan: None,
    RestrPosCustomScan: None,
    EstimateDSMCustomScan: None,
    InitializeDSMCustomScan: None,
    ReInitializeDSMCustomScan: None,
    InitializeWorkerCustomScan: None,
    ShutdownCustomScan: None,
    ExplainCustomScan: None,
});

/// PostgreSQL's state node, followed by ours.
#[repr(C)]
struct ReadScan {
    custom: pg_sys::CustomScanState,
    chunks: *mut pg_sys::SetExprState,
    /// Holds the arguments of the call while it gives chunks.
    arguments: pg_sys::MemoryContext,
    /// Holds the current chunk, and with it what the slot points to.
    chunk: pg_sys::MemoryContext,
    /// Owned by the query's memory context.
    rows: *mut Rows,
}

/// The current chunk, and the position in it.
struct Rows {
    /// For each column of the slot, its place among the columns of `_read_rows`.
    columns: Vec<usize>,
    /// series_id, name, unit, labels of the chunk.
    series: [Datum; 4],
    /// Its columns stand in the bytes of the chunk, whose memory is given back only when this is None.
    points: Option<PointRows<Chunk<'static>>>,
    at: usize,
    done: bool,
    /// The tenant when the chunk came, and what [`settings::tenant_changes`] said then.
    tenant: Option<[u8; 16]>,
    tenant_changes: u64,
}

#[pg_guard]
pub(super) unsafe extern "C-unwind" fn create_state(
    _scan: *mut pg_sys::CustomScan,
) -> *mut pg_sys::Node {
    // SAFETY: zeroed memory is a valid ReadScan, as for all state nodes.
    unsafe {
        let scan = pg_sys::palloc0(size_of::<ReadScan>()).cast::<ReadScan>();
        (*scan).custom.ss.ps.type_ = pg_sys::NodeTag::T_CustomScanState;
        (*scan).custom.methods = &EXEC_METHODS.0;
        scan.cast()
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn begin(
    node: *mut pg_sys::CustomScanState,
    estate: *mut pg_sys::EState,
    _eflags: i32,
) {
    // SAFETY: the node is one that create_state made.
    shielded(|| unsafe {
        let scan = &mut *node.cast::<ReadScan>();
        let state = &mut scan.custom.ss.ps;
        let plan = &*state.plan.cast::<pg_sys::CustomScan>();
        let call = pgrx::PgList::<pg_sys::Expr>::from_pg(plan.custom_exprs).get_ptr(0);
        let Some(call) = call else {
            pgrx::error!("a timedb read without its function call");
        };
        // Also checks that the caller may execute the function.
        scan.chunks = pg_sys::ExecInitFunctionResultSet(call, state.ps_ExprContext, state);
        let query = pg_sys::CurrentMemoryContext;
        scan.arguments = memory_context(query, c"timedb read: arguments");
        scan.chunk = memory_context(query, c"timedb read: chunk");
        let columns = pgrx::PgList::<i32>::from_pg(plan.custom_private);
        let columns = columns.iter_int().map(|column| column as usize - 1);
        let rows = Rows {
            columns: columns.collect(),
            series: [Datum::null(); 4],
            points: None,
            at: 0,
            done: false,
            tenant: settings::tenant(),
            tenant_changes: settings::tenant_changes(),
        };
        scan.rows =
            pgrx::PgMemoryContexts::For((*estate).es_query_cxt).leak_and_drop_on_delete(rows);
    })
}

#[pg_guard]
unsafe extern "C-unwind" fn exec(
    node: *mut pg_sys::CustomScanState,
) -> *mut pg_sys::TupleTableSlot {
    // SAFETY: the node has been through `begin`.
    unsafe {
        let state = &mut (*node).ss;
        if state.ps.qual.is_null() && state.ps.ps_ProjInfo.is_null() {
            return next_row(state);
        }
        pg_sys::ExecScan(state, Some(access), Some(recheck))
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn access(state: *mut pg_sys::ScanState) -> *mut pg_sys::TupleTableSlot {
    // SAFETY: as in `exec`.
    unsafe { next_row(state) }
}

/// Never called: the planner offers no such scan where rows are locked.
#[pg_guard]
unsafe extern "C-unwind" fn recheck(
    _state: *mut pg_sys::ScanState,
    _slot: *mut pg_sys::TupleTableSlot,
) -> bool {
    true
}

/// Fills the slot with the next row, or empties it.
unsafe fn next_row(state: *mut pg_sys::ScanState) -> *mut pg_sys::TupleTableSlot {
    // SAFETY: the state is the beginning of a ReadScan; its slot is a virtual one with as many
    // columns as `columns`.
    shielded(|| unsafe {
        let scan = state.cast::<ReadScan>();
        let slot = (*state).ss_ScanTupleSlot;
        let (empty, own) = (pg_sys::TTS_FLAG_EMPTY, pg_sys::TTS_FLAG_SHOULDFREE);
        // An upper node may have given the slot memory of its own.
        if u32::from((*slot).tts_flags) & (empty | own) == own {
            pg_sys::ExecClearTuple(slot);
        }
        let rows = &mut *(*scan).rows;
        let has_row =
            |rows: &Rows| (rows.points.as_ref()).is_some_and(|points| rows.at < points.len());
        while !has_row(rows) {
            if !next_chunk(scan, rows) {
                return pg_sys::ExecClearTuple(slot);
            }
        }
        if rows.tenant_changes != settings::tenant_changes() && rows.tenant != settings::tenant() {
            entry::<()>(|| Err(settings::refuse_changed_tenant()));
        }
        if let Some(points) = &rows.points {
            for (place, &column) in rows.columns.iter().enumerate() {
                let value = match column {
                    0..=3 => Some(rows.series[column]),
                    _ => points.column(rows.at, column),
                };
                *(*slot).tts_values.add(place) = value.unwrap_or(Datum::null());
                *(*slot).tts_isnull.add(place) = value.is_none();
            }
        }
        rows.at += 1;
        (*slot).tts_flags &= !(empty as u16);
        (*slot).tts_nvalid = rows.columns.len() as i16;
        slot
    })
}

/// Calls the function for its next chunk. False: there is none.
unsafe fn next_chunk(scan: *mut ReadScan, rows: &mut Rows) -> bool {
    // SAFETY: as in `next_row`; datums and bytes of the chunk live in a context that is reset only here and when the
    // scan begins anew, where `points` is None.
    unsafe {
        rows.points = None;
        rows.at = 0;
        if rows.done {
            return false;
        }
        pgrx::check_for_interrupts!();
        let scan = &mut *scan;
        pg_sys::MemoryContextReset(scan.chunk);
        let before = pg_sys::MemoryContextSwitchTo(scan.chunk);
        let (mut is_null, mut is_done) = (false, pg_sys::ExprDoneCond::ExprSingleResult);
        let chunk = pg_sys::ExecMakeFunctionResultSet(
            scan.chunks,
            scan.custom.ss.ps.ps_ExprContext,
            scan.arguments,
            &mut is_null,
            &mut is_done,
        );
        if is_done == pg_sys::ExprDoneCond::ExprEndResult {
            rows.done = true;
        } else if !is_null {
            let [series_id, name, unit, labels, _, packed] = entry(|| chunk_columns(chunk));
            rows.series = [series_id, name, unit, labels];
            let packed = pg_sys::pg_detoast_datum_packed(packed.cast_mut_ptr());
            let bytes = pgrx::varlena::varlena_to_byte_slice(packed);
            let chunk = entry(|| Chunk::decode(bytes).map_err(malformed));
            rows.points = Some(PointRows::of(chunk));
            rows.tenant = settings::tenant();
            rows.tenant_changes = settings::tenant_changes();
        }
        pg_sys::MemoryContextSwitchTo(before);
        !rows.done
    }
}

/// The columns of a row of `_read_chunks`.
///
/// # Errors
/// XX000 for a row of another shape.
///
/// # Safety
/// The datum is of a composite type.
unsafe fn chunk_columns(chunk: Datum) -> Result<[Datum; CHUNK_COLUMNS.len()]> {
    let mut values = [Datum::null(); CHUNK_COLUMNS.len()];
    let mut nulls = [true; CHUNK_COLUMNS.len()];
    // SAFETY: as promised, the datum is a tuple that says of which type it is; the arrays are as long as that
    // has columns. A descriptor with a count of references is given back.
    unsafe {
        let header: pg_sys::HeapTupleHeader = pg_sys::pg_detoast_datum(chunk.cast_mut_ptr()).cast();
        let of = (*header).t_choice.t_datum;
        let desc = pg_sys::lookup_rowtype_tupdesc(of.datum_typeid, of.datum_typmod);
        let fits = has_columns(desc, &CHUNK_COLUMNS);
        if fits {
            let mut tuple = pg_sys::HeapTupleData {
                t_len: pgrx::varlena::varsize_4b(header.cast()) as u32,
                t_data: header,
                ..Default::default()
            };
            pg_sys::heap_deform_tuple(&mut tuple, desc, values.as_mut_ptr(), nulls.as_mut_ptr());
        }
        if (*desc).tdrefcount >= 0 {
            pg_sys::DecrTupleDescRefCount(desc);
        }
        match fits && nulls == [false; CHUNK_COLUMNS.len()] {
            true => Ok(values),
            false => Err(Error::other_declaration()),
        }
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn end(node: *mut pg_sys::CustomScanState) {
    // SAFETY: the node has been through `begin`; what it holds dies with the query.
    shielded(|| unsafe {
        if let Some(rows) = (*node.cast::<ReadScan>()).rows.as_mut() {
            rows.points = None;
            rows.done = true;
        }
    })
}

#[pg_guard]
unsafe extern "C-unwind" fn rescan(node: *mut pg_sys::CustomScanState) {
    // SAFETY: as in `end`; the executor has already shut down the function's own state.
    shielded(|| unsafe {
        let scan = &mut *node.cast::<ReadScan>();
        if let Some(rows) = scan.rows.as_mut() {
            rows.points = None;
            rows.at = 0;
            rows.done = false;
        }
        pg_sys::MemoryContextReset(scan.arguments);
        pg_sys::MemoryContextReset(scan.chunk);
        pg_sys::ExecScanReScan(&mut scan.custom.ss);
    })
}
