//! The call of `_read_rows()` that a scan takes the place of, as the planner and the executor see it.

use super::conditions::Reader;
use crate::sql::arguments::READ;
use pgrx::PgList;
use pgrx::datum::{Array, FromDatum, Uuid};
use pgrx::pg_sys::{self, NodeTag};
use timedb_wire::reads::Argument;

/// A call of a function that takes the arguments of [`READ`].
#[derive(Clone, Copy)]
pub struct ReadCall(pub *mut pg_sys::FuncExpr);

/// What the mode of a read, where it is known, says of its rows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Of each point one version, which known_time helps to choose.
    Flat,
    /// As flat, with cut-offs that may depend on where the range begins.
    Relative,
    /// Of each point several versions, of which known_time is a part of their key or of themselves.
    Several,
    /// Of each series one point, which valid_time helps to choose; or unknown.
    Other,
}

impl ReadCall {
    /// The expression of an argument.
    ///
    /// # Safety
    /// The call is a live node.
    pub unsafe fn argument(self, argument: Argument) -> Option<*mut pg_sys::Node> {
        // SAFETY: the caller's promise.
        let arguments = unsafe { PgList::<pg_sys::Node>::from_pg((*self.0).args) };
        arguments.get_ptr(READ.place(argument)?)
    }

    /// The value of an argument that is a constant.
    unsafe fn constant<T: FromDatum>(self, argument: Argument) -> Option<T> {
        // SAFETY: as in `argument`; the constant has the type that the function is declared with.
        unsafe {
            let constant = self.argument(argument)?.cast::<pg_sys::Const>();
            match (*constant).xpr.type_ {
                NodeTag::T_Const => T::from_datum((*constant).constvalue, (*constant).constisnull),
                _ => None,
            }
        }
    }

    /// Whether an argument is anything but NULL.
    ///
    /// # Safety
    /// The call is a live node.
    pub unsafe fn is_given(self, argument: Argument) -> bool {
        // SAFETY: the caller's promise.
        unsafe {
            self.argument(argument).is_some_and(|node| {
                (*node).type_ != NodeTag::T_Const || !(*node.cast::<pg_sys::Const>()).constisnull
            })
        }
    }

    /// Whether the argument series_id has one element.
    ///
    /// # Safety
    /// The call is a live node.
    pub unsafe fn is_of_one_series(self) -> bool {
        // SAFETY: the caller's promise.
        unsafe {
            let Some(ids) = self.argument(Argument::SeriesId) else {
                return false;
            };
            match (*ids).type_ {
                NodeTag::T_ArrayExpr => {
                    let array = ids.cast::<pg_sys::ArrayExpr>();
                    !(*array).multidims
                        && PgList::<pg_sys::Node>::from_pg((*array).elements).len() == 1
                }
                _ => (self.constant::<Array<Uuid>>(Argument::SeriesId))
                    .is_some_and(|ids| ids.len() == 1),
            }
        }
    }

    /// What the mode says.
    ///
    /// # Safety
    /// The call is a live node.
    pub unsafe fn mode(self) -> Mode {
        // SAFETY: the caller's promise.
        match unsafe { self.constant::<String>(Argument::Mode) }.as_deref() {
            Some("flat") => Mode::Flat,
            Some("relative") => Mode::Relative,
            Some("overlapping" | "versions") => Mode::Several,
            _ => Mode::Other,
        }
    }

    /// What recognises the conditions that this read can follow. A bound that would change which version or point is
    /// chosen is no such condition.
    ///
    /// # Safety
    /// The call is a live node.
    pub unsafe fn reader(self, read: u32, columns: Option<&[usize]>) -> Reader<'_> {
        // SAFETY: the caller's promise.
        let (mode, has_own_unit) = unsafe { (self.mode(), !self.is_given(Argument::Unit)) };
        Reader {
            read,
            columns,
            bounds: [mode != Mode::Other, mode == Mode::Several],
            has_own_unit,
        }
    }
}
