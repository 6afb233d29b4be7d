//! The node in the executor: how it begins, gives a row for each call, begins anew and ends.

use super::call::ReadCall;
use super::choice::SeriesChoice;
use super::columns::VALID_TIME;
use super::conditions::Condition;
use super::explain;
use super::grouping::Grouping;
use super::monotone::Zones;
use super::narrowed::Asked;
use super::node::{Methods, NODE_NAME, Private, ReadScan, expressions, private, reader_of};
use super::reading::Read;
use super::source::RowSource;
use super::sums::Sum;
use super::times::GroupTime;
use super::together;
use crate::pg::error::{entry, shielded};
use crate::sql::arguments::{READ, SERIES};
use pgrx::PgList;
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::ptr;

static EXEC_METHODS: Methods<pg_sys::CustomExecMethods> = Methods(pg_sys::CustomExecMethods {
    CustomName: NODE_NAME.as_ptr(),
    BeginCustomScan: Some(begin),
    ExecCustomScan: Some(exec),
    EndCustomScan: Some(end),
    ReScanCustomScan: Some(rescan),
    MarkPosCustomScan: None,
    RestrPosCustomScan: None,
    EstimateDSMCustomScan: Some(together::estimate),
    InitializeDSMCustomScan: Some(together::initialize),
    ReInitializeDSMCustomScan: Some(together::reinitialize),
    InitializeWorkerCustomScan: Some(together::join),
    ShutdownCustomScan: Some(together::leave),
    ExplainCustomScan: Some(explain::explain),
});

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
    // SAFETY: the node is one that create_state made, of a plan that plan_path made.
    shielded(|| unsafe {
        let state = ptr::from_mut(&mut (*node).ss.ps);
        let plan = (*state).plan.cast::<pg_sys::CustomScan>();
        // Compiling them takes longer than computing them once.
        let jit = std::mem::replace(&mut (*estate).es_jit_flags, 0);
        let kept = private(plan);
        let (clauses, work) = expressions(plan, kept.of_work());
        let all = PgList::<pg_sys::Expr>::from_pg((*plan).custom_exprs);
        let Some(call) = all.get_ptr(0) else {
            pgrx::error!("a timedb read without its function call");
        };
        let call = ReadCall(call.cast());
        let mut conditions = Vec::new();
        let mut of_series: *mut pg_sys::List = ptr::null_mut();
        reader_of(plan, |reader| {
            for clause in clauses {
                match reader.condition(clause) {
                    Some(Condition::OfSeries(_)) => {
                        of_series = pg_sys::lappend(of_series, clause.cast());
                    }
                    Some(condition) => {
                        conditions.push(condition.map(|e| pg_sys::ExecInitExpr(e, state)));
                    }
                    None => {}
                }
            }
        });
        let arguments = PgList::<pg_sys::Expr>::from_pg((*call.0).args);
        let arguments = arguments.iter_ptr().map(|e| pg_sys::ExecInitExpr(e, state));
        let asked = Asked {
            mode: call.mode(),
            arguments: arguments.collect(),
            conditions,
        };
        let chunks = RowSource::new((*call.0).funcid, &READ, state);
        // Who shares a read among others has to know its series.
        let is_shared = (*plan).scan.plan.parallel_aware;
        let series = (is_shared || !of_series.is_null()).then(|| {
            let conditions = pg_sys::ExecInitQual(of_series, state);
            SeriesChoice::new(RowSource::new(kept.list, &SERIES, state), conditions)
        });
        let grouping = (!kept.work.is_empty()).then(|| grouping(&kept, &work, state));
        let mut read = Read::new(asked, chunks, series, kept.columns);
        read.need(kept.needed, kept.keeps_last);
        if let Some(grouping) = grouping {
            read.group(grouping);
        }
        (*estate).es_jit_flags = jit;
        (*node.cast::<ReadScan>()).read =
            pgrx::PgMemoryContexts::For((*estate).es_query_cxt).leak_and_drop_on_delete(read);
    })
}

/// Prepares what is computed of groups.
unsafe fn grouping(
    kept: &Private,
    work: &[*mut pg_sys::Node],
    state: *mut pg_sys::PlanState,
) -> Grouping {
    // SAFETY: as in `begin`.
    unsafe {
        let number = |place: usize| kept.work.get(place).copied().unwrap_or(0) as usize;
        let (of_series, rest) = work.split_at(number(0).min(work.len()));
        let (of_rows, times) = rest.split_at(number(1).min(rest.len()));
        let condition = |clauses: &[*mut pg_sys::Node]| {
            let clauses = clauses.iter().fold(ptr::null_mut(), |list, clause| {
                pg_sys::lappend(list, clause.cast())
            });
            pg_sys::ExecInitQual(clauses, state)
        };
        let place = (kept.columns.iter()).position(|column| *column == VALID_TIME);
        let attribute = place.map_or(0, |place| place as i16 + 1);
        let mut zones = Some(Zones::default());
        for time in times {
            zones = match (zones, Zones::of(*time, attribute)) {
                (Some(mut all), Some(of_time)) => {
                    all.join(&of_time);
                    Some(all)
                }
                _ => None,
            };
        }
        let times = times
            .iter()
            .map(|time| GroupTime::new(*time, pg_sys::ExecInitExpr(time.cast(), state)));
        let sums = kept.work.iter().skip(3);
        Grouping::new(
            condition(of_series),
            condition(of_rows),
            times.collect(),
            sums.filter_map(|sum| Sum::of_number(*sum)).collect(),
            zones,
        )
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn exec(
    node: *mut pg_sys::CustomScanState,
) -> *mut pg_sys::TupleTableSlot {
    // SAFETY: the node has been through `begin`.
    unsafe {
        let state = &mut (*node).ss;
        if state.ps.qual.is_null() && state.ps.ps_ProjInfo.is_null() {
            let slot = next_row(state);
            (*(*node.cast::<ReadScan>()).read).note_given();
            return slot;
        }
        let slot = pg_sys::ExecScan(state, Some(access), Some(recheck));
        (*(*node.cast::<ReadScan>()).read).note_given();
        slot
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
        let read = &mut *(*state.cast::<ReadScan>()).read;
        let slot = (*state).ss_ScanTupleSlot;
        let (empty, own) = (pg_sys::TTS_FLAG_EMPTY, pg_sys::TTS_FLAG_SHOULDFREE);
        // An upper node may have given the slot memory of its own.
        if u32::from((*slot).tts_flags) & (empty | own) == own {
            pg_sys::ExecClearTuple(slot);
        }
        if !entry(|| read.put_next_row(state, slot)) {
            return pg_sys::ExecClearTuple(slot);
        }
        (*slot).tts_flags &= !(empty as u16);
        (*slot).tts_nvalid = read.width() as i16;
        slot
    })
}

#[pg_guard]
unsafe extern "C-unwind" fn end(node: *mut pg_sys::CustomScanState) {
    // SAFETY: the node has been through `begin`; what it holds dies with the query.
    shielded(|| unsafe {
        if let Some(read) = (*node.cast::<ReadScan>()).read.as_mut() {
            read.stop();
        }
    })
}

#[pg_guard]
unsafe extern "C-unwind" fn rescan(node: *mut pg_sys::CustomScanState) {
    // SAFETY: as in `end`.
    shielded(|| unsafe {
        let scan = &mut *node.cast::<ReadScan>();
        if let Some(read) = scan.read.as_mut() {
            read.rewind();
        }
        pg_sys::ExecScanReScan(&mut scan.custom.ss);
    })
}
