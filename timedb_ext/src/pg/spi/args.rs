//! Parameters of statements: datums that this library constructs itself.

use pgrx::pg_sys::{
    self, BYTEAOID, Datum, INT2OID, INT4OID, INT8OID, Oid, TEXTOID, TIMESTAMPTZOID, UUIDOID,
};
use std::ptr;

/// A parameter of a statement: a datum, or NULL.
#[derive(Clone, Copy)]
pub struct Arg(Option<Datum>);

impl Arg {
    /// SQL NULL.
    pub const NULL: Self = Self(None);

    /// An `integer`.
    pub fn int4(value: i32) -> Self {
        Self(Some(Datum::from(value)))
    }

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

    /// The datum, `None` for NULL.
    pub fn datum(self) -> Option<Datum> {
        self.0
    }

    /// An array of `uuid`.
    pub fn uuids<'a>(values: impl Iterator<Item = &'a [u8; 16]>) -> Self {
        Self::array(values.map(uuid_datum), UUIDOID, 16, false, b'c')
    }

    /// An array of `timestamptz`.
    pub fn timestamps(values: impl Iterator<Item = i64>) -> Self {
        Self::array(values.map(Datum::from), TIMESTAMPTZOID, 8, true, b'd')
    }

    /// An array of `bigint`.
    pub fn int8s(values: impl Iterator<Item = i64>) -> Self {
        Self::array(values.map(Datum::from), INT8OID, 8, true, b'd')
    }

    /// An array of `integer`.
    pub fn int4s(values: impl Iterator<Item = i32>) -> Self {
        Self::array(values.map(Datum::from), INT4OID, 4, true, b'i')
    }

    /// An array of `smallint`.
    pub fn int2s(values: impl Iterator<Item = i16>) -> Self {
        Self::array(values.map(Datum::from), INT2OID, 2, true, b's')
    }

    /// An array of `text`.
    pub fn texts<'a>(values: impl Iterator<Item = &'a str>) -> Self {
        let values = values.map(|text| varlena_datum(text.as_bytes()));
        Self::array(values, TEXTOID, -1, false, b'i')
    }

    /// An array of `bytea`.
    pub fn byteas<'a>(values: impl Iterator<Item = &'a [u8]>) -> Self {
        Self::array(values.map(varlena_datum), BYTEAOID, -1, false, b'i')
    }

    fn array(
        values: impl Iterator<Item = Datum>,
        element: Oid,
        len: i32,
        by_value: bool,
        align: u8,
    ) -> Self {
        let mut values: Vec<Datum> = values.collect();
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
    let Ok(length) = i32::try_from(bytes.len()) else {
        pgrx::ereport!(
            ERROR,
            pgrx::PgSqlErrorCode::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
            "a value is too large to be stored"
        );
    };
    // SAFETY: copies the bytes behind a fresh varlena header.
    unsafe {
        let text = pg_sys::cstring_to_text_with_len(bytes.as_ptr().cast(), length);
        Datum::from(text)
    }
}
