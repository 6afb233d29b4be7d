//! What EXPLAIN tells of a scan.

use super::conditions::Condition;
use super::node::{ReadScan, reader_of};
use crate::pg::error::shielded;
use pgrx::PgList;
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::ffi::CStr;
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
        let (mut followed, mut of_series) = (ptr::null_mut(), ptr::null_mut());
        reader_of(plan, |reader| {
            let expressions = PgList::<pg_sys::Node>::from_pg((*plan).custom_exprs);
            for clause in expressions.iter_ptr().skip(1) {
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
        if (*es).analyze {
            let segments = (*node.cast::<ReadScan>()).segments() as i64;
            pg_sys::ExplainPropertyInteger(c"Segments Read".as_ptr(), ptr::null(), segments, es);
        }
    })
}
