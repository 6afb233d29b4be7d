//! What the planner is told of `timedb_internal._read_rows()` before the scan takes its place. Asking for it also loads the
//! library, so that the first statement of a session has the scan already.

use super::call::{Mode, ReadCall};
use super::functions::READ_ROWS;
use crate::pg::error::shielded;
use pgrx::pg_sys::{self, Datum, NodeTag};
use pgrx::prelude::*;
use timedb_wire::reads::Argument;

/// Rows of a read of all series, of some, of one. How many there are is not known here; they only say which is more.
const ROWS: [f64; 3] = [10_000.0, 2_000.0, 200.0];
/// The same of last points.
const LAST: [f64; 3] = [1_000.0, 10.0, 1.0];

finfo!(pg_finfo_timedb_plan_read, timedb_plan_read);

/// SQL `timedb_internal._plan_read(internal)`: a planner support function.
///
/// # Safety
/// Called by PostgreSQL's planner as declared in `sql/functions/read.sql`.
#[unsafe(no_mangle)]
#[pg_guard]
pub unsafe extern "C-unwind" fn timedb_plan_read(fcinfo: pg_sys::FunctionCallInfo) -> Datum {
    // SAFETY: the argument of a support function is a request, which says what it is.
    shielded(|| unsafe {
        let request = pgrx::fcinfo::pg_getarg_datum(fcinfo, 0);
        let request = request.map_or(std::ptr::null_mut(), |request| {
            request.cast_mut_ptr::<pg_sys::SupportRequestRows>()
        });
        if request.is_null() || (*request).type_ != NodeTag::T_SupportRequestRows {
            return Datum::null();
        }
        let call = (*request).node.cast::<pg_sys::FuncExpr>();
        if (*call).xpr.type_ != NodeTag::T_FuncExpr || !READ_ROWS.is_called_by(call) {
            return Datum::null();
        }
        let call = ReadCall(call);
        let chosen = [
            Argument::SeriesId,
            Argument::Name,
            Argument::Labels,
            Argument::Names,
        ];
        let place = match call.is_of_one_series() {
            true => 2,
            false => usize::from(chosen.into_iter().any(|argument| call.is_given(argument))),
        };
        let rows = match call.mode() {
            Mode::Other => LAST,
            _ => ROWS,
        };
        (*request).rows = rows[place];
        Datum::from(request)
    })
}
