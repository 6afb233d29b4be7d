//! The answer of a function that PostgreSQL takes as a whole: rows written into a tuplestore and checked against the
//! function's declaration.

use crate::pg::error::{Error, Result};
use crate::pg::spi::{has_columns, memory_context};
use pgrx::pg_sys::{self, Datum, Oid};

/// The tuplestore of a call in progress, whose rows have `N` columns.
pub struct Tuplestore<const N: usize> {
    store: *mut pg_sys::Tuplestorestate,
    desc: pg_sys::TupleDesc,
    scratch: pg_sys::MemoryContext,
}

impl<const N: usize> Tuplestore<N> {
    /// Opens the tuplestore of a call.
    ///
    /// # Errors
    /// XX000 when the function is declared with other columns; PostgreSQL raises 0A000 where no set is wanted.
    ///
    /// # Safety
    /// `fcinfo` is that of a call in progress; the value does not outlive it.
    pub unsafe fn open(fcinfo: pg_sys::FunctionCallInfo, columns: &[Oid; N]) -> Result<Self> {
        // SAFETY: as promised; InitMaterializedSRF has checked that the result is wanted as a set, and has
        // filled in store and descriptor.
        unsafe {
            let result = (*fcinfo).resultinfo.cast::<pg_sys::ReturnSetInfo>();
            // The caller's descriptor, where there is one: to build another leaves memory behind until the query ends,
            // each time the function is called anew.
            let has_descriptor = result.as_ref().is_some_and(|result| {
                result.type_ == pg_sys::NodeTag::T_ReturnSetInfo && !result.expectedDesc.is_null()
            });
            let flags = match has_descriptor {
                true => pg_sys::MAT_SRF_USE_EXPECTED_DESC,
                false => 0,
            };
            pg_sys::InitMaterializedSRF(fcinfo, flags);
            let result = &*result;
            if !has_columns(result.setDesc, columns) {
                return Err(Error::other_declaration());
            }
            Ok(Self {
                store: result.setResult,
                desc: result.setDesc,
                scratch: memory_context(pg_sys::CurrentMemoryContext, c"timedb: rows"),
            })
        }
    }

    /// Runs `f`, which adds some rows, with memory for their datums that is freed afterwards: the store has copies.
    pub fn with_scratch(&mut self, f: impl FnOnce(&mut Self)) {
        // SAFETY: the context belongs to the call, and nothing of it is used after the reset.
        unsafe {
            let before = pg_sys::MemoryContextSwitchTo(self.scratch);
            f(self);
            pg_sys::MemoryContextSwitchTo(before);
            pg_sys::MemoryContextReset(self.scratch);
        }
    }

    /// Adds a row; `None` is NULL.
    ///
    /// # Safety
    /// Each datum is of its column's type.
    pub unsafe fn put(&mut self, row: [Option<Datum>; N]) {
        let mut nulls = row.map(|column| column.is_none());
        let mut values = row.map(|column| column.unwrap_or(Datum::null()));
        // SAFETY: the descriptor has N columns, of the types that the caller promises; the row is copied.
        unsafe {
            pg_sys::tuplestore_putvalues(
                self.store,
                self.desc,
                values.as_mut_ptr(),
                nulls.as_mut_ptr(),
            );
        }
    }
}
