//! What EXPLAIN tells of a scan.

use super::conditions::Condition;
use super::needed::Needed;
use super::node::{ReadScan, expressions, private, reader_of};
use crate::pg::error::shielded;
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::ffi::{CStr, CString};
use std::ptr;

/// Tells which conditions the read follows, which decide on series before anything of them is read, and how many
/// segments were read.
#[pg_guard]
pub(super) unsafe extern "C-unwind" fn explain(
    node: *mut pg_sys::CustomScanState,
    ancestors: *mut pg_sys::List,
    es: *mut pg_sys::ExplainState,
) {
    // SAFETY: called by EXPLAIN with a node that has been started.
    shielded(|| unsafe {
        let plan = (*node).ss.ps.plan.cast::<pg_sys::CustomScan>();
        let kept = private(plan);
        let (clauses, work) = expressions(plan, kept.of_work());
        let (mut followed, mut of_series) = (ptr::null_mut(), ptr::null_mut());
        reader_of(plan, |reader| {
            for clause in clauses {
                match reader.condition(clause) {
                    Some(Condition::OfSeries(_)) => {
                        of_series = pg_sys::lappend(of_series, clause.cast());
                    }
                    _ => followed = pg_sys::lappend(followed, clause.cast()),
                }
            }
        });
        let context = pg_sys::set_deparse_context_plan((*es).deparse_cxt, plan.cast(), ancestors);
        let tell = |label: &CStr, clauses: *mut pg_sys::List| {
            if !clauses.is_null() {
                let all = pg_sys::make_ands_explicit(clauses).cast();
                let text = pg_sys::deparse_expression(all, context, (*es).verbose, false);
                pg_sys::ExplainPropertyText(label.as_ptr(), text, es);
            }
        };
        tell(c"Read Cond", followed);
        tell(c"Series Filter", of_series);
        let of_rows = kept.work.first().map_or(0, |n| *n as usize)..;
        let of_rows = work.get(of_rows).into_iter().flatten();
        let of_rows = of_rows.take(kept.work.get(1).map_or(0, |n| *n as usize));
        let of_rows = of_rows.fold(ptr::null_mut(), |list, clause| {
            pg_sys::lappend(list, clause.cast())
        });
        tell(c"Row Filter", of_rows);
        {
            let Needed { first, last, .. } = kept.needed;
            let ends = [(first, "first"), (last, "last")];
            let ends = (ends.into_iter()).filter(|(rows, _)| (1..i32::MAX).contains(rows));
            let ends: Vec<_> = ends.map(|(rows, end)| format!("{end} {rows}")).collect();
            if let Ok(text) = CString::new(ends.join(", "))
                && !ends.is_empty()
            {
                pg_sys::ExplainPropertyText(c"Of Each Series".as_ptr(), text.as_ptr(), es);
            }
            if !kept.work.is_empty() {
                pg_sys::ExplainPropertyText(c"Aggregates".as_ptr(), c"Partial".as_ptr(), es);
            }
            if last == i32::MAX {
                pg_sys::ExplainPropertyText(c"Direction".as_ptr(), c"Backward".as_ptr(), es);
            }
        }
        if (*es).analyze {
            let segments = (*node.cast::<ReadScan>()).segments() as i64;
            pg_sys::ExplainPropertyInteger(c"Segments Read".as_ptr(), ptr::null(), segments, es);
        }
    })
}
