//! A row of a result, whose datums can be read only as the types that its statement declares.

use crate::pg::error::{Error, Result};
use crate::pg::time;
use pgrx::pg_sys::{self, Datum, Oid};
use std::ptr;

/// Whether the rows of a descriptor have just these columns.
///
/// # Safety
/// The descriptor is null or a live one.
pub unsafe fn has_columns(desc: pg_sys::TupleDesc, columns: &[Oid]) -> bool {
    if desc.is_null() {
        return columns.is_empty();
    }
    // SAFETY: the descriptor is a live one, and columns are asked for that it has.
    unsafe {
        usize::try_from((*desc).natts) == Ok(columns.len())
            && (1..)
                .zip(columns)
                .all(|(number, column)| pg_sys::SPI_gettypeid(desc, number) == *column)
    }
}

/// One row of a result, valid while it is lent. Columns count from 1.
pub struct Row {
    source: Source,
    /// Checked against the descriptor of the row.
    columns: &'static [Oid],
}

enum Source {
    Tuple(pg_sys::HeapTuple, pg_sys::TupleDesc),
    /// Of a slot with all its columns taken out.
    Slot(*const Datum, *const bool),
}

impl Row {
    /// # Safety
    /// Tuple and descriptor outlive the row, and the descriptor has these columns.
    pub(super) unsafe fn of_tuple(
        tuple: pg_sys::HeapTuple,
        desc: pg_sys::TupleDesc,
        columns: &'static [Oid],
    ) -> Self {
        Self {
            source: Source::Tuple(tuple, desc),
            columns,
        }
    }

    /// # Safety
    /// The slot holds a row that outlives this one, and its descriptor has these columns.
    pub(super) unsafe fn of_slot(
        slot: *mut pg_sys::TupleTableSlot,
        columns: &'static [Oid],
    ) -> Self {
        // SAFETY: the caller's promise; after this both arrays have an entry for each column.
        let source = unsafe {
            pg_sys::slot_getallattrs(slot);
            Source::Slot((*slot).tts_values, (*slot).tts_isnull)
        };
        Self { source, columns }
    }

    /// The datum of a column, if it is declared as one of these types.
    fn datum(&self, column: usize, types: &[Oid]) -> Result<Option<Datum>> {
        let at = column.wrapping_sub(1);
        if !self.columns.get(at).is_some_and(|of| types.contains(of)) {
            return Err(Error::internal(format!(
                "column {column} of an internal row does not have the expected type"
            )));
        }
        let mut is_null = false;
        // SAFETY: the column exists, so that both arrays have an entry for it; tuple and descriptor are live.
        let datum = unsafe {
            match self.source {
                Source::Tuple(tuple, desc) => {
                    pg_sys::SPI_getbinval(tuple, desc, column as i32, &mut is_null)
                }
                Source::Slot(values, nulls) => {
                    is_null = *nulls.add(at);
                    *values.add(at)
                }
            }
        };
        Ok((!is_null).then_some(datum))
    }

    fn required(&self, column: usize, types: &[Oid]) -> Result<Datum> {
        self.datum(column, types)?
            .ok_or_else(|| Error::internal(format!("column {column} of an internal row is null")))
    }

    /// A `bigint` or `timestamptz`.
    pub fn int8(&self, column: usize) -> Result<i64> {
        Ok(self.required(column, INT8)?.value() as i64)
    }

    /// A `bigint` or `timestamptz`, or `None` for NULL.
    pub fn optional_int8(&self, column: usize) -> Result<Option<i64>> {
        let datum = self.datum(column, INT8)?;
        Ok(datum.map(|datum| datum.value() as i64))
    }

    /// An `integer`.
    pub fn int4(&self, column: usize) -> Result<i32> {
        Ok(self.required(column, &[pg_sys::INT4OID])?.value() as i32)
    }

    /// A `uuid`.
    pub fn uuid(&self, column: usize) -> Result<[u8; 16]> {
        self.optional_uuid(column)?
            .ok_or_else(|| Error::internal(format!("column {column} of an internal row is null")))
    }

    /// A `uuid`, or `None` for NULL.
    pub fn optional_uuid(&self, column: usize) -> Result<Option<[u8; 16]>> {
        let datum = self.datum(column, &[pg_sys::UUIDOID])?;
        // SAFETY: the column is a uuid, whose datums point to 16 bytes.
        Ok(datum.map(|datum| unsafe { *datum.cast_mut_ptr::<[u8; 16]>() }))
    }

    /// A `text`, or `None` for NULL.
    pub fn text(&self, column: usize) -> Result<Option<String>> {
        let Some(datum) = self.datum(column, &[pg_sys::TEXTOID])? else {
            return Ok(None);
        };
        // SAFETY: the column is a text.
        unsafe {
            with_varlena(datum, |bytes| {
                String::from_utf8(bytes.to_vec()).map(Some).map_err(|_| {
                    Error::internal("text that is not UTF-8: timedb needs a UTF8 database")
                })
            })
        }
    }

    /// A `bytea`, lent to `f` after detoasting.
    pub fn bytea<T>(&self, column: usize, f: impl FnOnce(&[u8]) -> Result<T>) -> Result<T> {
        let datum = self.required(column, &[pg_sys::BYTEAOID])?;
        // SAFETY: the column is a bytea.
        unsafe { with_varlena(datum, f) }
    }

    /// A `bytea`, or `None` for NULL.
    pub fn optional_bytea(&self, column: usize) -> Result<Option<Vec<u8>>> {
        let datum = self.datum(column, &[pg_sys::BYTEAOID])?;
        // SAFETY: the column is a bytea.
        let copy = |datum| unsafe { with_varlena(datum, |bytes| Ok(bytes.to_vec())) };
        datum.map(copy).transpose()
    }

    /// Whether an `xmin` belongs to the current transaction.
    pub fn is_own(&self, column: usize) -> Result<bool> {
        let datum = self.required(column, &[pg_sys::XIDOID])?;
        let xid = pg_sys::TransactionId::from(datum.value() as u32);
        // SAFETY: looks at the backend's own transactions.
        Ok(unsafe { pg_sys::TransactionIdIsCurrentTransactionId(xid) })
    }

    /// A `timestamptz` in Unix microseconds.
    pub fn instant(&self, column: usize) -> Result<i64> {
        self.int8(column).map(time::from_pg)
    }

    /// The elements of a `uuid[]` without nulls.
    pub fn uuids(&self, column: usize) -> Result<Vec<[u8; 16]>> {
        self.optional_uuids(column)?
            .ok_or_else(|| Error::internal(format!("column {column} of an internal row is null")))
    }

    /// The elements of a `uuid[]` without nulls, or `None` for NULL.
    pub fn optional_uuids(&self, column: usize) -> Result<Option<Vec<[u8; 16]>>> {
        let Some(datum) = self.datum(column, &[pg_sys::UUIDARRAYOID])? else {
            return Ok(None);
        };
        // SAFETY: the column is a uuid[], stored; deconstruct_array gives n datums that point to 16 bytes
        // each, or are null.
        unsafe {
            check_stored(datum)?;
            let array: *mut pg_sys::ArrayType =
                pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast();
            if (*array).elemtype != pg_sys::UUIDOID {
                return Err(Error::internal(
                    "an internal array has elements of the wrong type",
                ));
            }
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
            let of = |i: usize| match *nulls.add(i) {
                true => Err(Error::internal("an internal array contains a null")),
                false => Ok(*(*elements.add(i)).cast_mut_ptr::<[u8; 16]>()),
            };
            (0..n as usize).map(of).collect::<Result<_>>().map(Some)
        }
    }
}

/// What is passed as 64 bits and read as a number.
const INT8: &[Oid] = &[pg_sys::INT8OID, pg_sys::TIMESTAMPTZOID];

/// Lends the bytes of a varlena, after detoasting.
///
/// # Safety
/// The datum is of a varlena type, out of a live row.
unsafe fn with_varlena<T>(datum: Datum, f: impl FnOnce(&[u8]) -> Result<T>) -> Result<T> {
    // SAFETY: as promised; the detoasted copy lives until it is freed below.
    unsafe {
        check_stored(datum)?;
        let original = datum.cast_mut_ptr::<pg_sys::varlena>();
        let plain = pg_sys::pg_detoast_datum_packed(original);
        let result = f(pgrx::varlena::varlena_to_byte_slice(plain));
        if plain != original {
            pg_sys::pfree(plain.cast());
        }
        result
    }
}

/// Refuses a varlena that is a pointer into memory (indirect or expanded). In a row of a statement it is in the
/// row itself or in a TOAST table: PostgreSQL flattens what it computes before it stores or returns it,
/// and no statement of the library computes an array or a text with pointers.
///
/// # Safety
/// The datum is of a varlena type, out of a live row.
unsafe fn check_stored(datum: Datum) -> Result<()> {
    let varlena = datum.cast_mut_ptr::<pg_sys::varlena>();
    // SAFETY: as promised; an external varlena has a tag behind its first byte.
    let in_memory = unsafe {
        pgrx::varlena::varatt_is_1b_e(varlena)
            && u32::from(pgrx::varlena::vartag_external(varlena))
                != pg_sys::vartag_external::VARTAG_ONDISK
    };
    match in_memory {
        true => Err(Error::internal(
            "a value of an internal row is a pointer into memory",
        )),
        false => Ok(()),
    }
}
