//! A statement: its text, the types that go in and come out, and its plan.

use super::args::Arg;
use super::query::{Home, Query};
use super::row::{Row, has_columns};
use crate::pg::error::{Error, Result};
use pgrx::pg_sys::{self, Datum, Oid};
use std::ffi::CStr;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// One SQL statement, the types of its parameters and of the columns of its rows; its generic plan is made
/// at first use and kept for the backend's life (PostgreSQL replans it when roles or tables change).
pub struct Statement {
    sql: &'static CStr,
    parameters: &'static [Oid],
    columns: &'static [Oid],
    plan: AtomicPtr<pg_sys::_SPI_plan>,
}

/// Declares statements: `NAME(types of its parameters) -> (types of its columns) = sql;`, the types by the names of
/// [`types`]. Without columns a statement returns no rows.
macro_rules! statements {
    ($($name:ident($($parameter:ident),* $(,)?) $(-> ($($column:ident),*))? = $sql:expr;)*) => {$(
        static $name: $crate::pg::spi::Statement = {
            use $crate::pg::spi::types::*;
            $crate::pg::spi::Statement::new($sql, &[$($parameter),*], &[$($($column),*)?])
        };
    )*};
}
pub(crate) use statements;

/// The types of parameters and columns, named as the functions of [`Arg`] that make them.
pub mod types {
    pub use pgrx::pg_sys::{
        BOOLOID as BOOL, BYTEAARRAYOID as BYTEAS, BYTEAOID as BYTEA, INT2ARRAYOID as INT2S,
        INT4ARRAYOID as INT4S, INT4OID as INT4, INT8ARRAYOID as INT8S, INT8OID as INT8,
        JSONBOID as JSONB, TEXTARRAYOID as TEXTS, TEXTOID as TEXT,
        TIMESTAMPTZARRAYOID as TIMESTAMPS, TIMESTAMPTZOID as TIMESTAMP, UUIDARRAYOID as UUIDS,
        UUIDOID as UUID, XIDOID as XID,
    };
}

/// While it exists, statements are planned without JIT: PostgreSQL's guess of a cost says nothing of what a small
/// statement takes, and compiling takes a hundred times as long as most do. And without reading a whole table, or sorting
/// what an index has in order: what PostgreSQL takes for the size of a table may be long past, of tenants it knows nothing,
/// and plans are kept.
struct Planning {
    jit_enabled: bool,
    enable_seqscan: bool,
    enable_sort: bool,
}

impl Planning {
    fn begin() -> Self {
        // SAFETY: a PostgreSQL process has one thread; the planner reads the variables, and the settings' own texts stay.
        unsafe {
            let before = Self {
                jit_enabled: pg_sys::jit_enabled,
                enable_seqscan: pg_sys::enable_seqscan,
                enable_sort: pg_sys::enable_sort,
            };
            pg_sys::jit_enabled = false;
            pg_sys::enable_seqscan = false;
            pg_sys::enable_sort = false;
            before
        }
    }
}

impl Drop for Planning {
    fn drop(&mut self) {
        // SAFETY: as in `begin`.
        unsafe {
            pg_sys::jit_enabled = self.jit_enabled;
            pg_sys::enable_seqscan = self.enable_seqscan;
            pg_sys::enable_sort = self.enable_sort;
        }
    }
}

impl Statement {
    /// Declares a statement; [`statements`] does. Without columns it returns no rows.
    pub const fn new(
        sql: &'static CStr,
        parameters: &'static [Oid],
        columns: &'static [Oid],
    ) -> Self {
        Self {
            sql,
            parameters,
            columns,
            plan: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// The kept plan, for these arguments. Call with SPI connected.
    fn plan(&self, args: &[Arg]) -> Result<pg_sys::SPIPlanPtr> {
        super::check_connected()?;
        if args.len() != self.parameters.len() {
            return Err(Error::internal(
                "an internal statement was given the wrong number of parameters",
            ));
        }
        if self.plan.load(Ordering::Relaxed).is_null() {
            // SAFETY: SPI is connected. The SQL and the types live for ever; SPI copies them. A plan that has been
            // kept outlives SPI_finish, and nobody but this cell knows it.
            unsafe {
                let plan = pg_sys::SPI_prepare_cursor(
                    self.sql.as_ptr(),
                    self.parameters.len() as i32,
                    self.parameters.as_ptr().cast_mut(),
                    pg_sys::CURSOR_OPT_GENERIC_PLAN as i32,
                );
                if plan.is_null() || pg_sys::SPI_keepplan(plan) != 0 {
                    return Err(Error::internal("could not prepare an internal statement"));
                }
                self.plan.store(plan, Ordering::Relaxed);
            }
        }
        Ok(self.plan.load(Ordering::Relaxed))
    }

    /// Runs the statement and hands its rows to `each`. `read_only` keeps the caller's snapshot.
    ///
    /// # Errors
    /// XX000 for rows of other types than declared; whatever `each` returns; the statement's own errors are
    /// raised.
    pub fn run(
        &self,
        read_only: bool,
        args: &[Arg],
        mut each: impl FnMut(&Row) -> Result<()>,
    ) -> Result<u64> {
        let plan = self.plan(args)?;
        let values = args.iter().map(|a| a.datum().unwrap_or(Datum::null()));
        let mut values: Vec<Datum> = values.collect();
        let null = |a: &Arg| if a.datum().is_some() { b' ' } else { b'n' };
        let nulls: Vec<u8> = args.iter().map(null).collect();
        let _planning = Planning::begin();
        // SAFETY: the plan is a kept one; there are as many values and null flags as it has parameters, of
        // the types that the `Arg`s were made with.
        unsafe {
            let status = pg_sys::SPI_execute_plan(
                plan,
                values.as_mut_ptr(),
                nulls.as_ptr().cast(),
                read_only,
                0,
            );
            if status < 0 {
                return Err(Error::internal(format!(
                    "an internal statement failed with SPI code {status}"
                )));
            }
            let processed = pg_sys::SPI_processed;
            self.take_rows(&mut each)?;
            Ok(processed)
        }
    }

    /// [`Self::run`] for what each row holds.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn rows<T>(
        &self,
        read_only: bool,
        args: &[Arg],
        mut of: impl FnMut(&Row) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut rows = Vec::new();
        self.run(read_only, args, |row| {
            rows.push(of(row)?);
            Ok(())
        })?;
        Ok(rows)
    }

    /// [`Self::run`] for what the last row holds, `None` without rows.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn row<T>(
        &self,
        read_only: bool,
        args: &[Arg],
        mut of: impl FnMut(&Row) -> Result<T>,
    ) -> Result<Option<T>> {
        let mut last = None;
        self.run(read_only, args, |row| {
            last = Some(of(row)?);
            Ok(())
        })?;
        Ok(last)
    }

    /// Runs a statement that writes, or one of which only the number of rows counts.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn execute(&self, args: &[Arg]) -> Result<u64> {
        self.run(false, args, |_| Ok(()))
    }

    /// Starts the statement, a SELECT, under the caller's snapshot; its rows come in pieces
    /// ([`Query::fetch`]), as long as `home` says. Call with SPI connected; fetching does without.
    ///
    /// # Errors
    /// XX000 for rows of other types than declared; the statement's own errors are raised.
    pub fn open(&self, args: &[Arg], home: Home) -> Result<Query> {
        let plan = self.plan(args)?;
        let _planning = Planning::begin();
        Query::start(plan, self.sql, self.parameters, self.columns, args, home)
    }

    /// Hands over the rows of the statement that has just been run, then frees them.
    ///
    /// # Safety
    /// SPI is connected, and nothing has been run since.
    unsafe fn take_rows(&self, each: &mut impl FnMut(&Row) -> Result<()>) -> Result<()> {
        // SAFETY: the table of the last statement belongs to the SPI connection; `each` may run statements
        // of its own, which have tables of their own. PostgreSQL gives `vals` with `numvals` tuples of
        // the descriptor beside them.
        unsafe {
            let table = pg_sys::SPI_tuptable;
            if table.is_null() {
                return Ok(());
            }
            let desc = (*table).tupdesc;
            if !has_columns(desc, self.columns) {
                return Err(Error::other_columns());
            }
            let rows = std::slice::from_raw_parts((*table).vals, (*table).numvals as usize);
            for &tuple in rows {
                each(&Row::of_tuple(tuple, desc, self.columns))?;
            }
            pg_sys::SPI_freetuptable(table);
        }
        Ok(())
    }
}
