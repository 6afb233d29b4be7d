//! Statements prepared once a backend, run through SPI with plain datums.
//!
//! pgrx's own SPI converts row by row; here arrays go in and columns come out. Row-level security
//! binds as in any other statement: the role is that of the calling definer function.

use crate::error::{Error, Result};
use crate::time;
use pgrx::pg_sys::{self, Datum, Oid};
use pgrx::spi::Spi;
use std::cell::Cell;
use std::ffi::{CStr, CString};
use std::ptr;

/// One SQL statement and the types of its parameters; its generic plan is made at first use and
/// kept for the backend's life (PostgreSQL replans it when roles or tables change).
pub struct Statement {
    sql: &'static CStr,
    types: &'static [Oid],
    plan: Cell<pg_sys::SPIPlanPtr>,
}

impl Statement {
    /// Declares a statement; use in a `thread_local!`.
    pub const fn new(sql: &'static CStr, types: &'static [Oid]) -> Self {
        Self {
            sql,
            types,
            plan: Cell::new(ptr::null_mut()),
        }
    }

    /// The kept plan. Call with SPI connected.
    fn plan(&self) -> Result<pg_sys::SPIPlanPtr> {
        if self.plan.get().is_null() {
            // SAFETY: SPI is connected; the SQL and the types live for ever; a plan that has
            // been kept outlives SPI_finish.
            unsafe {
                let plan = pg_sys::SPI_prepare_cursor(
                    self.sql.as_ptr(),
                    self.types.len() as i32,
                    self.types.as_ptr().cast_mut(),
                    pg_sys::CURSOR_OPT_GENERIC_PLAN as i32,
                );
                if plan.is_null() || pg_sys::SPI_keepplan(plan) != 0 {
                    return Err(Error::internal("could not prepare an internal statement"));
                }
                self.plan.set(plan);
            }
        }
        Ok(self.plan.get())
    }

    /// Runs the statement and hands its rows to `each`. `read_only` keeps the caller's snapshot.
    ///
    /// # Errors
    /// Whatever `each` returns; the statement's own errors are raised.
    pub fn run(
        &self,
        read_only: bool,
        args: &[Arg],
        mut each: impl FnMut(&Row) -> Result<()>,
    ) -> Result<u64> {
        let plan = self.plan()?;
        let (mut values, nulls) = split(args);
        // SAFETY: the plan is valid, as many values and null flags as it has parameters.
        unsafe {
            debug_assert_eq!(values.len(), self.types.len());
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
            take_rows(&mut each)?;
            Ok(processed)
        }
    }

    /// Opens a cursor over the statement, read-only under the caller's snapshot, and returns its
    /// name: a cursor outlives the SPI connection, until it is closed or the transaction ends.
    ///
    /// # Errors
    /// XX000 when PostgreSQL gives no cursor.
    pub fn open(&self, args: &[Arg]) -> Result<CString> {
        let plan = self.plan()?;
        let (mut values, nulls) = split(args);
        // SAFETY: as in `run`; the name belongs to the portal and is copied.
        unsafe {
            let portal = pg_sys::SPI_cursor_open(
                ptr::null(),
                plan,
                values.as_mut_ptr(),
                nulls.as_ptr().cast(),
                true,
            );
            if portal.is_null() {
                return Err(Error::internal("could not open an internal cursor"));
            }
            Ok(CStr::from_ptr((*portal).name).to_owned())
        }
    }
}

/// Fetches up to `limit` rows of the cursor and hands them to `each`; closes it when it gave fewer.
/// Returns whether there may be more.
///
/// # Errors
/// 34000 when the cursor was closed by someone else; whatever `each` returns.
pub fn fetch(name: &CStr, limit: usize, mut each: impl FnMut(&Row) -> Result<()>) -> Result<bool> {
    // SAFETY: SPI is connected; a portal found by name is valid until closed.
    unsafe {
        let portal = pg_sys::SPI_cursor_find(name.as_ptr());
        if portal.is_null() {
            return Err(Error::new(
                pgrx::PgSqlErrorCode::ERRCODE_INVALID_CURSOR_NAME,
                "the read was interrupted: its cursor was closed",
            ));
        }
        pg_sys::SPI_cursor_fetch(portal, true, limit as _);
        let fetched = pg_sys::SPI_processed as usize;
        take_rows(&mut each)?;
        if fetched < limit {
            pg_sys::SPI_cursor_close(portal);
            return Ok(false);
        }
        Ok(true)
    }
}

/// Closes a cursor before its end; one that is gone is no error.
pub fn close(name: &CStr) {
    // SAFETY: SPI is connected; a portal found by name is valid until closed.
    unsafe {
        let portal = pg_sys::SPI_cursor_find(name.as_ptr());
        if !portal.is_null() {
            pg_sys::SPI_cursor_close(portal);
        }
    }
}

/// Runs `f` with SPI connected.
pub fn connected<T>(f: impl FnOnce() -> Result<T>) -> Result<T> {
    Spi::connect(|_| f())
}

/// Runs `f` under a snapshot that has what was committed and what this transaction wrote up to now (above
/// READ COMMITTED: the transaction's own snapshot). Cursors that `f` opens keep it. Call with SPI connected.
///
/// # Errors
/// Whatever `f` returns.
pub fn under_latest_snapshot<T>(f: impl FnOnce() -> Result<T>) -> Result<T> {
    // SAFETY: the snapshot is popped below, or by PostgreSQL where `f` raises an error.
    unsafe {
        pg_sys::CommandCounterIncrement();
        pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot());
        let result = f();
        pg_sys::PopActiveSnapshot();
        result
    }
}

/// Hands over the rows of the last statement, then frees them.
///
/// # Safety
/// SPI is connected and a statement has just been run.
unsafe fn take_rows(each: &mut impl FnMut(&Row) -> Result<()>) -> Result<()> {
    unsafe {
        let table = pg_sys::SPI_tuptable;
        if table.is_null() {
            return Ok(());
        }
        let rows = std::slice::from_raw_parts((*table).vals, (*table).numvals as usize);
        for &tuple in rows {
            each(&Row {
                tuple,
                desc: (*table).tupdesc,
            })?;
        }
        pg_sys::SPI_freetuptable(table);
    }
    Ok(())
}

fn split(args: &[Arg]) -> (Vec<Datum>, Vec<u8>) {
    let values = args.iter().map(|a| a.0.unwrap_or(Datum::null()));
    let nulls = args.iter().map(|a| if a.0.is_some() { b' ' } else { b'n' });
    (values.collect(), nulls.collect())
}

/// A parameter of a statement: a datum, or NULL.
#[derive(Clone, Copy)]
pub struct Arg(pub Option<Datum>);

impl Arg {
    /// SQL NULL.
    pub const NULL: Self = Self(None);

    /// A `timestamptz` or `bigint`.
    pub fn int8(value: i64) -> Self {
        Self(Some(Datum::from(value)))
    }

    /// A `uuid`, copied into the current memory context.
    pub fn uuid(bytes: &[u8; 16]) -> Self {
        Self(Some(uuid_datum(bytes)))
    }

    /// A `text`, copied into the current memory context.
    pub fn text(value: &str) -> Self {
        Self(Some(varlena_datum(value.as_bytes())))
    }

    /// A `bytea`, copied into the current memory context.
    pub fn bytea(value: &[u8]) -> Self {
        Self(Some(varlena_datum(value)))
    }

    /// An array of `uuid`.
    pub fn uuids<'a>(values: impl Iterator<Item = &'a [u8; 16]>) -> Self {
        let values = values.map(uuid_datum).collect();
        Self::array(values, pg_sys::UUIDOID, 16, false, b'c')
    }

    /// An array of `timestamptz`.
    pub fn timestamps(values: impl Iterator<Item = i64>) -> Self {
        let values = values.map(Datum::from).collect();
        Self::array(values, pg_sys::TIMESTAMPTZOID, 8, true, b'd')
    }

    /// An array of `bigint`.
    pub fn int8s(values: impl Iterator<Item = i64>) -> Self {
        let values = values.map(Datum::from).collect();
        Self::array(values, pg_sys::INT8OID, 8, true, b'd')
    }

    /// An array of `integer`.
    pub fn int4s(values: impl Iterator<Item = i32>) -> Self {
        let values = values.map(Datum::from).collect();
        Self::array(values, pg_sys::INT4OID, 4, true, b'i')
    }

    /// An array of `smallint`.
    pub fn int2s(values: impl Iterator<Item = i16>) -> Self {
        let values = values.map(Datum::from).collect();
        Self::array(values, pg_sys::INT2OID, 2, true, b's')
    }

    /// An array of `text`.
    pub fn texts<'a>(values: impl Iterator<Item = &'a str>) -> Self {
        let values = values.map(|v| varlena_datum(v.as_bytes())).collect();
        Self::array(values, pg_sys::TEXTOID, -1, false, b'i')
    }

    /// An array of `bytea`.
    pub fn byteas<'a>(values: impl Iterator<Item = &'a [u8]>) -> Self {
        let values = values.map(varlena_datum).collect();
        Self::array(values, pg_sys::BYTEAOID, -1, false, b'i')
    }

    fn array(mut values: Vec<Datum>, element: Oid, len: i32, by_value: bool, align: u8) -> Self {
        // SAFETY: the datums are of the element type whose length, passing and alignment are given.
        let array = unsafe {
            pg_sys::construct_array(
                values.as_mut_ptr(),
                values.len() as i32,
                element,
                len as _,
                by_value,
                align as _,
            )
        };
        Self(Some(Datum::from(array)))
    }
}

fn uuid_datum(bytes: &[u8; 16]) -> Datum {
    // SAFETY: palloc gives 16 bytes or raises.
    unsafe {
        let copy = pg_sys::palloc(16).cast::<u8>();
        ptr::copy_nonoverlapping(bytes.as_ptr(), copy, 16);
        Datum::from(copy)
    }
}

fn varlena_datum(bytes: &[u8]) -> Datum {
    // SAFETY: copies the bytes behind a fresh varlena header.
    unsafe {
        let text = pg_sys::cstring_to_text_with_len(bytes.as_ptr().cast(), bytes.len() as i32);
        Datum::from(text)
    }
}

/// One row of a result, valid while `each` runs. Columns count from 1.
pub struct Row {
    tuple: pg_sys::HeapTuple,
    desc: pg_sys::TupleDesc,
}

impl Row {
    fn datum(&self, column: i32) -> Option<Datum> {
        let mut is_null = false;
        // SAFETY: tuple and descriptor belong to the live SPI result.
        let datum = unsafe { pg_sys::SPI_getbinval(self.tuple, self.desc, column, &mut is_null) };
        (!is_null).then_some(datum)
    }

    fn required(&self, column: i32) -> Result<Datum> {
        self.datum(column)
            .ok_or_else(|| Error::internal(format!("column {column} of an internal row is null")))
    }

    /// A `bigint` or `timestamptz`.
    pub fn int8(&self, column: i32) -> Result<i64> {
        Ok(self.required(column)?.value() as i64)
    }

    /// A `bigint` or `timestamptz`, or `None` for NULL.
    pub fn optional_int8(&self, column: i32) -> Option<i64> {
        self.datum(column).map(|datum| datum.value() as i64)
    }

    /// An `integer`.
    pub fn int4(&self, column: i32) -> Result<i32> {
        Ok(self.required(column)?.value() as i32)
    }

    /// A `uuid`.
    pub fn uuid(&self, column: i32) -> Result<[u8; 16]> {
        let datum = self.required(column)?;
        // SAFETY: a uuid datum points to 16 bytes.
        Ok(unsafe { *datum.cast_mut_ptr::<[u8; 16]>() })
    }

    /// A `text`, or `None` for NULL.
    pub fn text(&self, column: i32) -> Result<Option<String>> {
        let Some(datum) = self.datum(column) else {
            return Ok(None);
        };
        with_varlena(datum, |bytes| {
            String::from_utf8(bytes.to_vec()).map(Some).map_err(|_| {
                Error::internal("text that is not UTF-8: timedb needs a UTF8 database")
            })
        })
    }

    /// A `bytea`, or `None` for NULL.
    pub fn optional_bytea(&self, column: i32) -> Result<Option<Vec<u8>>> {
        self.datum(column)
            .map(|datum| with_varlena(datum, |bytes| Ok(bytes.to_vec())))
            .transpose()
    }

    /// A `uuid`, or `None` for NULL.
    pub fn optional_uuid(&self, column: i32) -> Result<Option<[u8; 16]>> {
        match self.datum(column) {
            Some(_) => self.uuid(column).map(Some),
            None => Ok(None),
        }
    }

    /// Whether an `xmin` is one of the transaction that is under way.
    pub fn is_own(&self, column: i32) -> Result<bool> {
        let xid = pg_sys::TransactionId::from(self.required(column)?.value() as u32);
        // SAFETY: looks at the backend's own transactions.
        Ok(unsafe { pg_sys::TransactionIdIsCurrentTransactionId(xid) })
    }

    /// A `timestamptz` in Unix microseconds.
    pub fn instant(&self, column: i32) -> Result<i64> {
        self.int8(column).map(time::from_pg)
    }

    /// The elements of a `uuid[]` without nulls, or `None` for NULL.
    pub fn optional_uuids(&self, column: i32) -> Result<Option<Vec<[u8; 16]>>> {
        match self.datum(column) {
            Some(_) => self.uuids(column).map(Some),
            None => Ok(None),
        }
    }

    /// The elements of a `uuid[]` without nulls.
    pub fn uuids(&self, column: i32) -> Result<Vec<[u8; 16]>> {
        let array = self.required(column)?;
        // SAFETY: the column is a uuid[]; deconstruct_array gives n datums that point to 16 bytes each.
        unsafe {
            let array = pg_sys::pg_detoast_datum(array.cast_mut_ptr()).cast();
            let (mut elements, mut nulls, mut n) = (ptr::null_mut(), ptr::null_mut(), 0);
            pg_sys::deconstruct_array(
                array,
                pg_sys::UUIDOID,
                16,
                false,
                b'c' as _,
                &mut elements,
                &mut nulls,
                &mut n,
            );
            Ok((0..n as usize)
                .map(|i| *(*elements.add(i)).cast_mut_ptr::<[u8; 16]>())
                .collect())
        }
    }

    /// A `bytea`, lent to `f` after detoasting.
    pub fn bytea<T>(&self, column: i32, f: impl FnOnce(&[u8]) -> Result<T>) -> Result<T> {
        with_varlena(self.required(column)?, f)
    }
}

fn with_varlena<T>(datum: Datum, f: impl FnOnce(&[u8]) -> Result<T>) -> Result<T> {
    // SAFETY: the datum is a varlena; the detoasted copy lives until it is freed below.
    unsafe {
        let original = datum.cast_mut_ptr::<pg_sys::varlena>();
        let plain = pg_sys::pg_detoast_datum_packed(original);
        let result = f(pgrx::varlena::varlena_to_byte_slice(plain));
        if plain != original {
            pg_sys::pfree(plain.cast());
        }
        result
    }
}
