//! A function of the library that the scan calls for one row after the other, with arguments that it computes itself.

use crate::pg::error::{Error, Result};
use crate::pg::role::acting_as_role;
use crate::pg::spi::{has_columns, memory_context};
use crate::sql::arguments::Signature;
use pgrx::pg_catalog::pg_proc::PgProc;
use pgrx::pg_sys::{self, Datum, ExprDoneCond, NodeTag, Oid};
use std::ptr;

/// A function with its arguments, and the rows that are left of the call under way.
pub struct RowSource {
    state: *mut pg_sys::SetExprState,
    /// A context of its own, so that its parameters are nobody else's.
    context: *mut pg_sys::ExprContext,
    arguments: pg_sys::MemoryContext,
    number: usize,
    function: Oid,
}

impl RowSource {
    /// Prepares calls of a function; also checks that the caller may execute it.
    ///
    /// # Safety
    /// The node is one that the executor is starting; the function has this signature and returns rows.
    pub unsafe fn new(function: Oid, signature: &Signature, node: *mut pg_sys::PlanState) -> Self {
        // SAFETY: the caller's promise; all of it is allocated in the query's memory, where PostgreSQL looks for it as
        // long as the query lasts.
        unsafe {
            let mut parameters: *mut pg_sys::List = ptr::null_mut();
            let mut number = 0;
            for of_type in signature.types() {
                let parameter = pg_sys::palloc0(size_of::<pg_sys::Param>()).cast::<pg_sys::Param>();
                (*parameter).xpr.type_ = NodeTag::T_Param;
                (*parameter).paramkind = pg_sys::ParamKind::PARAM_EXEC;
                (*parameter).paramid = number;
                (*parameter).paramtype = of_type;
                (*parameter).paramtypmod = -1;
                parameters = pg_sys::lappend(parameters, parameter.cast());
                number += 1;
            }
            let none = Oid::INVALID;
            let form = pg_sys::CoercionForm::COERCE_EXPLICIT_CALL;
            let call =
                pg_sys::makeFuncExpr(function, pg_sys::RECORDOID, parameters, none, none, form);
            (*call).funcretset = true;
            let context = pg_sys::CreateExprContext((*node).state);
            let number = number as usize;
            (*context).ecxt_param_exec_vals =
                pg_sys::palloc0(size_of::<pg_sys::ParamExecData>() * number).cast();
            Self {
                state: pg_sys::ExecInitFunctionResultSet(call.cast(), context, node),
                context,
                arguments: memory_context(pg_sys::CurrentMemoryContext, c"timedb read: arguments"),
                number,
                function,
            }
        }
    }

    /// Runs `f` with the rights of the function, which the caller may execute.
    pub fn as_owner<T>(&self, f: impl FnOnce() -> T) -> T {
        match PgProc::new(self.function).filter(PgProc::prosecdef) {
            Some(function) => acting_as_role(function.proowner(), f),
            None => f(),
        }
    }

    /// Begins a call; nothing may be left of another one. The values live as long as rows are fetched.
    pub fn begin(&mut self, values: &[Option<Datum>]) {
        assert_eq!(values.len(), self.number);
        for (i, value) in values.iter().enumerate() {
            // SAFETY: there are so many.
            let parameter = unsafe { &mut *(*self.context).ecxt_param_exec_vals.add(i) };
            parameter.execPlan = ptr::null_mut();
            parameter.value = value.unwrap_or(Datum::null());
            parameter.isnull = value.is_none();
        }
    }

    /// The next row of the call, in the current memory context; `None` at the end.
    ///
    /// # Errors
    /// XX000 for a row of other columns, or with a NULL.
    pub fn next<const N: usize>(&mut self, columns: &[Oid]) -> Result<Option<[Datum; N]>> {
        let (mut is_null, mut is_done) = (false, ExprDoneCond::ExprSingleResult);
        // SAFETY: as `new` has prepared it.
        let row = unsafe {
            pg_sys::ExecMakeFunctionResultSet(
                self.state,
                self.context,
                self.arguments,
                &mut is_null,
                &mut is_done,
            )
        };
        match is_done {
            ExprDoneCond::ExprEndResult => Ok(None),
            _ if is_null => Err(Error::other_declaration()),
            // SAFETY: the function returns rows.
            _ => unsafe { columns_of(row, columns).map(Some) },
        }
    }

    /// Ends a call that has rows left.
    pub fn end(&mut self) {
        // SAFETY: as `new` has prepared it; the function's state is told by the context.
        unsafe {
            pg_sys::ReScanExprContext(self.context);
            pg_sys::MemoryContextReset(self.arguments);
        }
    }
}

/// The columns of a row.
///
/// # Errors
/// XX000 for a row of another shape.
///
/// # Safety
/// The datum is of a composite type.
unsafe fn columns_of<const N: usize>(row: Datum, columns: &[Oid]) -> Result<[Datum; N]> {
    let mut values = [Datum::null(); N];
    let mut nulls = [true; N];
    // SAFETY: as promised, the datum is a tuple that says of which type it is; the arrays are as long as that
    // has columns. A descriptor with a count of references is given back.
    unsafe {
        let header: pg_sys::HeapTupleHeader = pg_sys::pg_detoast_datum(row.cast_mut_ptr()).cast();
        let of = (*header).t_choice.t_datum;
        let desc = pg_sys::lookup_rowtype_tupdesc(of.datum_typeid, of.datum_typmod);
        let fits = columns.len() == N && has_columns(desc, columns);
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
        match fits && nulls == [false; N] {
            true => Ok(values),
            false => Err(Error::other_declaration()),
        }
    }
}
