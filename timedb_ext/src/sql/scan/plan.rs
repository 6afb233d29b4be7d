//! From the path that the planner has chosen to the plan.
//!
//! The first custom expression is the call of `_read_chunks`, the others are the conditions that the read follows. The
//! private data are lists of numbers: the columns of the scan, the function that lists series, and what is needed.

use super::call::ReadCall;
use super::columns::VALID_TIME;
use super::conditions::Condition;
use super::exec;
use super::expressions::{attributes, disguised};
use super::functions::call_of;
use super::node::{Methods, NODE_NAME};
use super::sums::{Summing, is_of_time};
use crate::pg::error::shielded;
use pgrx::PgList;
use pgrx::pg_sys::{self, NodeTag, Oid};
use pgrx::prelude::*;
use std::ptr;

/// The node, by which PostgreSQL also finds it in plans that it copies.
pub static SCAN_METHODS: Methods<pg_sys::CustomScanMethods> = Methods(pg_sys::CustomScanMethods {
    CustomName: NODE_NAME.as_ptr(),
    CreateCustomScanState: Some(exec::create_state),
});

/// Makes the plan.
#[pg_guard]
pub(super) unsafe extern "C-unwind" fn plan_path(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    best_path: *mut pg_sys::CustomPath,
    tlist: *mut pg_sys::List,
    clauses: *mut pg_sys::List,
    _custom_plans: *mut pg_sys::List,
) -> *mut pg_sys::Plan {
    // SAFETY: called by the planner for a path of `paths`.
    shielded(|| unsafe {
        let rti = (*rel).relid;
        let rte = *(*root).simple_rte_array.add(rti as usize);
        let lists = PgList::<pg_sys::List>::from_pg((*best_path).custom_private);
        let list = |place| lists.get_ptr(place).unwrap_or(ptr::null_mut());
        let functions = PgList::<Oid>::from_pg(list(0));
        let of_needed = list(1);
        let sums_up = lists.len() > 2;
        let (Some(rows_call), Some(chunks), Some(list)) =
            (call_of(rte), functions.get_oid(0), functions.get_oid(1))
        else {
            pgrx::error!("a timedb read without its function call");
        };
        // Of the same arguments and in the same schema, so that the right to call one is that to call the other.
        let chunks_call = pg_sys::copyObjectImpl(rows_call.cast()).cast::<pg_sys::FuncExpr>();
        (*chunks_call).funcid = chunks;
        let mut expressions = pg_sys::lappend(ptr::null_mut(), chunks_call.cast());
        let reader = ReadCall(rows_call).reader(rti, None);
        for clause in PgList::<pg_sys::RestrictInfo>::from_pg(clauses).iter_ptr() {
            let follows = match reader.condition((*clause).clause.cast()) {
                _ if (*clause).pseudoconstant => false,
                None => false,
                // It may tell of series what other conditions, which come first, would keep from it.
                Some(Condition::OfSeries(_)) => {
                    list != Oid::INVALID && pg_sys::restriction_is_securely_promotable(clause, rel)
                }
                Some(_) => true,
            };
            if follows {
                let copy = pg_sys::copyObjectImpl((*clause).clause.cast());
                expressions = pg_sys::lappend(expressions, copy);
            }
        }
        let is_state = |expr: &*mut pg_sys::Node| (**expr).type_ == NodeTag::T_Aggref;
        let mut qual = pg_sys::extract_actual_clauses(clauses, false);
        let mut wanted = (*(*rel).reltarget).exprs;
        let mut of_work: *mut pg_sys::List = ptr::null_mut();
        let target = (*best_path).path.pathtarget;
        if sums_up {
            // What it gives is no row any more, so that it checks conditions itself.
            let work = Summing::of(&reader, target, qual);
            of_work = work.numbers();
            let last = work.expressions();
            let all = pg_sys::list_concat(rows_of(expressions), last);
            let all = disguised(all, rti, VALID_TIME as i16 + 1);
            let call = pg_sys::lappend(ptr::null_mut(), chunks_call.cast());
            expressions = pg_sys::list_concat(call, all);
            let exprs = PgList::<pg_sys::Node>::from_pg((*target).exprs);
            let groups = exprs.iter_ptr().filter(|expr| !is_state(expr));
            wanted = groups.fold(ptr::null_mut(), |list, expr| {
                pg_sys::lappend(list, expr.cast())
            });
            qual = ptr::null_mut();
        }

        // Not from `tlist`: it is empty when a projection above is going to replace it. The conditions on series are among
        // the expressions.
        let mut scan_tlist = columns(
            rows_call,
            rti,
            wanted,
            pg_sys::list_concat_copy(qual, rows_of(expressions)),
        );
        let mut columns: *mut pg_sys::List = ptr::null_mut();
        for entry in PgList::<pg_sys::TargetEntry>::from_pg(scan_tlist).iter_ptr() {
            let column = (*(*entry).expr.cast::<pg_sys::Var>()).varattno;
            columns = pg_sys::lappend_int(columns, i32::from(column));
        }
        if sums_up {
            // Times as they are grouped by, which the scan has computed then, and states.
            let reader = &reader;
            let exprs = PgList::<pg_sys::Node>::from_pg((*target).exprs);
            let exprs: Vec<_> = exprs.iter_ptr().collect();
            let times = exprs.iter().filter(|expr| is_of_time(reader, **expr));
            let states = exprs.iter().filter(|expr| is_state(expr));
            for &expr in times.chain(states) {
                let place = PgList::<pg_sys::Node>::from_pg(scan_tlist).len() as i16 + 1;
                let state = pg_sys::copyObjectImpl(expr.cast()).cast();
                let entry = pg_sys::makeTargetEntry(state, place, ptr::null_mut(), false);
                scan_tlist = pg_sys::lappend(scan_tlist, entry.cast());
            }
        }
        let list = pg_sys::lappend_oid(ptr::null_mut(), list);

        let scan = pg_sys::palloc0(size_of::<pg_sys::CustomScan>()).cast::<pg_sys::CustomScan>();
        (*scan).scan.plan.type_ = NodeTag::T_CustomScan;
        (*scan).scan.plan.targetlist = tlist;
        (*scan).scan.plan.qual = qual;
        (*scan).flags = (*best_path).flags;
        (*scan).custom_exprs = expressions;
        let of_needed = pg_sys::copyObjectImpl(of_needed.cast()).cast();
        (*scan).custom_private = [columns, list, of_needed, of_work]
            .into_iter()
            .fold(ptr::null_mut(), |all, list| {
                pg_sys::lappend(all, list.cast())
            });
        (*scan).custom_scan_tlist = scan_tlist;
        (*scan).methods = &SCAN_METHODS.0;
        scan.cast()
    })
}

/// The expressions that are computed of rows: all but the call.
unsafe fn rows_of(expressions: *mut pg_sys::List) -> *mut pg_sys::List {
    // SAFETY: a list of the planner's, whose first element is the call.
    unsafe { pg_sys::list_copy_tail(expressions, 1) }
}

/// The columns that the query uses, as a target list: those it asks for first and in that order, which saves a
/// projection where nothing else is needed.
unsafe fn columns(
    call: *mut pg_sys::FuncExpr,
    rti: pg_sys::Index,
    wanted: *mut pg_sys::List,
    conditions: *mut pg_sys::List,
) -> *mut pg_sys::List {
    // SAFETY: the planner's own lists of expressions. A call that `call_of` found has a descriptor, which lives with the
    // planner's memory context.
    unsafe {
        let mut numbers: Vec<i16> = Vec::new();
        let expressions = [wanted, conditions].map(|list| PgList::<pg_sys::Node>::from_pg(list));
        for expression in expressions.iter().flat_map(PgList::iter_ptr) {
            let Some(used) = attributes(expression, rti) else {
                pgrx::error!("a timedb read of rows as a whole");
            };
            for number in used {
                if !numbers.contains(&number) {
                    numbers.push(number);
                }
            }
        }
        let desc = pg_sys::get_expr_result_tupdesc(call.cast(), false);
        let desc = pgrx::PgTupleDesc::from_pg_unchecked(desc);
        let mut tlist: *mut pg_sys::List = ptr::null_mut();
        for (place, number) in numbers.into_iter().enumerate() {
            let Some(column) = desc.get(number as usize - 1) else {
                pgrx::error!("a timedb read has no column {number}");
            };
            let (typmod, collation) = (column.atttypmod, column.attcollation);
            let var = pg_sys::makeVar(rti as _, number, column.atttypid, typmod, collation, 0);
            let place = place as i16 + 1;
            let entry = pg_sys::makeTargetEntry(var.cast(), place, ptr::null_mut(), false);
            tlist = pg_sys::lappend(tlist, entry.cast());
        }
        tlist
    }
}
