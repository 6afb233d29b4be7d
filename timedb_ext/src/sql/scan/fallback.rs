//! A call of `_read_rows()` that stays one, because its rows may be locked or are wanted whole: constants and parameters
//! of the query are put among its arguments. That is less than the scan does, and enough that such statements do not
//! read everything.

use super::call::{Mode, ReadCall};
use super::conditions::{Axis, Comparison, Condition};
use super::expressions::has_columns_of_any;
use crate::sql::arguments::READ;
use pgrx::PgList;
use pgrx::pg_sys::{self, MinMaxOp, NodeTag, Oid};
use std::ptr;
use timedb_wire::reads::Argument;

/// Narrows the arguments of a call to what the conditions on its relation leave. All of them are checked again, and a
/// bound that includes too much is as good.
///
/// # Safety
/// The call belongs to a relation for which the planner is looking for paths, and which has no plan yet.
pub unsafe fn narrow(rel: *mut pg_sys::RelOptInfo, call: ReadCall) {
    // SAFETY: the caller's promise; the planner works on a copy of its own.
    unsafe {
        if ![Mode::Flat, Mode::Several].contains(&call.mode()) {
            return;
        }
        let reader = call.reader((*rel).relid, None);
        let clauses = PgList::<pg_sys::RestrictInfo>::from_pg((*rel).baserestrictinfo);
        for clause in clauses.iter_ptr() {
            let Some(condition) = reader.condition((*clause).clause.cast()) else {
                continue;
            };
            match condition {
                Condition::Time(axis, comparison, instant, pg_sys::TIMESTAMPTZOID)
                    if !has_columns_of_any(instant) =>
                {
                    let (start, end) = match axis {
                        Axis::Valid => (Argument::StartValid, Argument::EndValid),
                        Axis::Known => (Argument::StartKnown, Argument::EndKnown),
                    };
                    match comparison {
                        Comparison::AtLeast | Comparison::Greater => {
                            bound(call, start, MinMaxOp::IS_GREATEST, instant);
                        }
                        Comparison::Less => bound(call, end, MinMaxOp::IS_LEAST, instant),
                        // The end of a range is not in it.
                        Comparison::AtMost | Comparison::Same => {
                            if comparison == Comparison::Same {
                                bound(call, start, MinMaxOp::IS_GREATEST, instant);
                            }
                            if let Some(after) = just_after(instant) {
                                bound(call, end, MinMaxOp::IS_LEAST, after);
                            }
                        }
                    }
                }
                Condition::Series(id)
                    if !call.is_given(Argument::SeriesId) && !has_columns_of_any(id) =>
                {
                    let array =
                        pg_sys::palloc0(size_of::<pg_sys::ArrayExpr>()).cast::<pg_sys::ArrayExpr>();
                    (*array).xpr.type_ = NodeTag::T_ArrayExpr;
                    (*array).array_typeid = pg_sys::UUIDARRAYOID;
                    (*array).element_typeid = pg_sys::UUIDOID;
                    (*array).elements = pg_sys::lappend(ptr::null_mut(), copy(id).cast());
                    (*array).location = -1;
                    replace(call, Argument::SeriesId, array.cast());
                }
                Condition::Name(name)
                    if !call.is_given(Argument::Name) && !has_columns_of_any(name) =>
                {
                    replace(call, Argument::Name, copy(name));
                }
                _ => {}
            }
        }
    }
}

unsafe fn copy(expression: *mut pg_sys::Expr) -> *mut pg_sys::Expr {
    // SAFETY: the planner's own expression.
    unsafe { pg_sys::copyObjectImpl(expression.cast()).cast() }
}

/// Puts an expression in the place of an argument.
unsafe fn replace(call: ReadCall, argument: Argument, by: *mut pg_sys::Expr) {
    // SAFETY: as in `narrow`; the argument is of that type.
    unsafe {
        let arguments = (*call.0).args;
        if let Some(place) = READ.place(argument)
            && (place as i32) < (*arguments).length
        {
            (*(*arguments).elements.add(place)).ptr_value = by.cast();
        }
    }
}

/// Makes an argument the greatest, or the least, of what it is and another instant. Both pass over NULL, with which
/// nothing compares: no row meets such a condition, however many are read.
unsafe fn bound(
    call: ReadCall,
    argument: Argument,
    which: MinMaxOp::Type,
    instant: *mut pg_sys::Expr,
) {
    // SAFETY: as in `narrow`.
    unsafe {
        let Some(given) = call.argument(argument) else {
            return;
        };
        let both = pg_sys::lappend(ptr::null_mut(), given.cast());
        let both = pg_sys::lappend(both, copy(instant).cast());
        let bound = pg_sys::palloc0(size_of::<pg_sys::MinMaxExpr>()).cast::<pg_sys::MinMaxExpr>();
        (*bound).xpr.type_ = NodeTag::T_MinMaxExpr;
        (*bound).minmaxtype = pg_sys::TIMESTAMPTZOID;
        (*bound).minmaxcollid = Oid::INVALID;
        (*bound).inputcollid = Oid::INVALID;
        (*bound).op = which;
        (*bound).args = both;
        (*bound).location = -1;
        replace(call, argument, bound.cast());
    }
}

/// The next instant after a constant.
unsafe fn just_after(instant: *mut pg_sys::Expr) -> Option<*mut pg_sys::Expr> {
    // SAFETY: as in `narrow`; the constant is a timestamptz, which is passed by value.
    unsafe {
        if (*instant).type_ != NodeTag::T_Const {
            return None;
        }
        let after = copy(instant).cast::<pg_sys::Const>();
        let instant = (*after).constvalue.value() as i64;
        if (*after).constisnull || [i64::MIN, i64::MAX, i64::MAX - 1].contains(&instant) {
            return None;
        }
        (*after).constvalue = pg_sys::Datum::from(instant + 1);
        Some(after.cast())
    }
}
