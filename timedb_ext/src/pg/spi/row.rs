//! A row of a result, whose datums can be read only as the types that its statement declares.

use crate::pg::error::{Error, Result};
use crate::pg::time;
use pgrx::datum::{Array, FromDatum, Uuid};
use pgrx::pg_sys::{self, Datum, Oid};

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

    /// The datum of a column as it stands in the row, to be passed on while the row is lent; `None` for NULL.
    ///
    /// # Errors
    /// XX000 for a column of another type.
    pub fn passed(&self, column: usize, of: Oid) -> Result<Option<Datum>> {
        self.datum(column, &[of])
    }

    fn required(&self, column: usize, types: &[Oid]) -> Result<Datum> {
        present(column, self.datum(column, types)?)
    }

    /// A `bigint` or `timestamptz`.
    pub fn int8(&self, column: usize) -> Result<i64> {
        Ok(self.required(column, INT8)?.value() as i64)
    }

    /// Whether a column of this type is not NULL, without taking it out of where it is stored.
    pub fn has_bytea(&self, column: usize) -> Result<bool> {
        Ok(self.datum(column, &[pg_sys::BYTEAOID])?.is_some())
    }

    /// A `boolean`.
    pub fn bool(&self, column: usize) -> Result<bool> {
        Ok(self.required(column, &[pg_sys::BOOLOID])?.value() & 0xff != 0)
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
        present(column, self.optional_uuid(column)?)
    }

    /// A `uuid`, or `None` for NULL.
    pub fn optional_uuid(&self, column: usize) -> Result<Option<[u8; 16]>> {
        let datum = self.datum(column, &[pg_sys::UUIDOID])?;
        // SAFETY: the column is a uuid, whose datums point to 16 bytes.
        Ok(datum.map(|datum| unsafe { *datum.cast_mut_ptr::<[u8; 16]>() }))
    }

    /// A `text`, or `None` for NULL.
    pub fn text(&self, column: usize) -> Result<Option<String>> {
        let bytes = self.copied(column, pg_sys::TEXTOID)?;
        bytes
            .map(String::from_utf8)
            .transpose()
            .map_err(|_| Error::internal("text that is not UTF-8: timedb needs a UTF8 database"))
    }

    /// A `bytea`, lent to `f` after detoasting.
    pub fn bytea<T>(&self, column: usize, f: impl FnOnce(&[u8]) -> Result<T>) -> Result<T> {
        let datum = self.required(column, &[pg_sys::BYTEAOID])?;
        // SAFETY: the column is a bytea.
        unsafe { with_varlena(datum, f) }
    }

    /// A `bytea`, or `None` for NULL.
    pub fn optional_bytea(&self, column: usize) -> Result<Option<Vec<u8>>> {
        self.copied(column, pg_sys::BYTEAOID)
    }

    /// The bytes of a text or bytea.
    fn copied(&self, column: usize, of: Oid) -> Result<Option<Vec<u8>>> {
        let datum = self.datum(column, &[of])?;
        // SAFETY: the column is of a type whose bytes stand in a varlena.
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
        present(column, self.optional_uuids(column)?)
    }

    /// The elements of a `uuid[]` without nulls, or `None` for NULL.
    pub fn optional_uuids(&self, column: usize) -> Result<Option<Vec<[u8; 16]>>> {
        let Some(datum) = self.datum(column, &[pg_sys::UUIDARRAYOID])? else {
            return Ok(None);
        };
        // SAFETY: the column is a uuid[], and stored; its elements are uuids.
        let ids = unsafe {
            check_stored(datum)?;
            let array = pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast::<pg_sys::ArrayType>();
            if (*array).elemtype != pg_sys::UUIDOID {
                return Err(Error::internal(
                    "an internal array has elements of the wrong type",
                ));
            }
            Array::<Uuid>::from_datum(Datum::from(array), false)
        };
        let bytes = |id: Option<Uuid>| id.map(|id| *id.as_bytes());
        let ids = ids.and_then(|ids| ids.iter().map(bytes).collect());
        match ids {
            Some(ids) => Ok(Some(ids)),
            None => Err(Error::internal("an internal array contains a null")),
        }
    }
}

fn present<T>(column: usize, value: Option<T>) -> Result<T> {
    value.ok_or_else(|| Error::internal(format!("column {column} of an internal row is null")))
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
