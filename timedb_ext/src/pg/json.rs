//! `jsonb` in arguments and answers. PostgreSQL produces its text, not pgrx's JsonB: what serde refuses (deep nesting,
//! numbers out of range) would be an internal error there, and digits would be lost.

use crate::pg::error::{Error, Result};
use pgrx::datum::{AnyElement, Array, FromDatum, UnboxDatum};
use pgrx::pg_sys::{self, Datum, Oid};
use pgrx::varlena::varsize_any;

/// A `jsonb` of a JSON text, in the current memory context; `None` if there is no room for it.
pub fn jsonb_datum(json: &str) -> Option<Datum> {
    let text = std::ffi::CString::new(json).ok()?;
    // SAFETY: jsonb_in takes a C string and returns a jsonb; malformed JSON raises an error.
    unsafe {
        pgrx::direct_function_call_as_datum(pg_sys::jsonb_in, &[Some(Datum::from(text.as_ptr()))])
    }
}

/// A `jsonb` that a caller gave.
#[derive(Clone, Copy)]
pub struct Jsonb(Datum);

impl Jsonb {
    /// Takes an argument that is declared as one.
    ///
    /// # Errors
    /// XX000 where PostgreSQL says that it is something else.
    pub fn of_argument(argument: &AnyElement) -> Result<Self> {
        // Of a call that has no expression (the fast path of libpq) it does not say: there the declaration counts.
        match [pg_sys::JSONBOID, pg_sys::InvalidOid].contains(&argument.oid()) {
            true => Ok(Self(argument.datum())),
            false => Err(Error::other_declaration()),
        }
    }

    /// Its text.
    pub fn text(self) -> String {
        // SAFETY: it is a jsonb; jsonb_out returns a C string of its own, which is not used after it is freed. It
        // has a kilobyte at least, and there may be many.
        unsafe {
            let json = &[Some(self.0)];
            let text = pgrx::direct_function_call::<&std::ffi::CStr>(pg_sys::jsonb_out, json);
            let Some(text) = text else {
                return String::new();
            };
            let copy = text.to_string_lossy().into_owned();
            pg_sys::pfree(text.as_ptr().cast_mut().cast());
            copy
        }
    }

    /// How many bytes it has, without taking it out of where it is stored or unpacking it.
    pub fn bytes(self) -> usize {
        // SAFETY: it is a jsonb, which has variable length.
        unsafe { pg_sys::toast_raw_datum_size(self.0) }
    }

    /// The bytes of an element of an array, as they are stored: elements with the same bytes are equal.
    ///
    /// # Safety
    /// It is such an element, and the array lives as long.
    pub unsafe fn element_bytes<'a>(self) -> &'a [u8] {
        let start = self.0.cast_mut_ptr::<u8>();
        // SAFETY: an element of an array is a whole varlena.
        unsafe { std::slice::from_raw_parts(start, varsize_any(start.cast())) }
    }

    /// One that is neither compressed nor stored elsewhere, in the current memory context if it has to be copied.
    ///
    /// # Safety
    /// The datum is a `jsonb`.
    pub unsafe fn unpacked(json: Datum) -> Self {
        // SAFETY: the caller's promise.
        Self(Datum::from(unsafe {
            pg_sys::pg_detoast_datum(json.cast_mut_ptr())
        }))
    }

    /// How many elements it has if it is an array; `None` for anything else.
    pub fn array_length(self) -> Option<usize> {
        const COUNT: u32 = 0x0fff_ffff;
        const IS_SCALAR: u32 = 0x1000_0000;
        const IS_ARRAY: u32 = 0x4000_0000;
        // SAFETY: it is a jsonb, whose header stands right behind its length.
        let header = unsafe {
            let json = pg_sys::pg_detoast_datum(self.0.cast_mut_ptr());
            (*json.cast::<pg_sys::Jsonb>()).root.header
        };
        (header & IS_ARRAY != 0 && header & IS_SCALAR == 0).then_some((header & COUNT) as usize)
    }
}

impl FromDatum for Jsonb {
    unsafe fn from_polymorphic_datum(datum: Datum, is_null: bool, _type: Oid) -> Option<Self> {
        (!is_null).then_some(Self(datum))
    }
}

// SAFETY: any datum of a jsonb will do.
unsafe impl UnboxDatum for Jsonb {
    type As<'src> = Self;

    unsafe fn unbox<'src>(datum: pgrx::datum::Datum<'src>) -> Self
    where
        Self: 'src,
    {
        Self(datum.sans_lifetime())
    }
}

/// The elements of a `jsonb[]`, which are read when they are asked for.
///
/// # Safety
/// The datum is a `jsonb[]`.
pub unsafe fn elements<'a>(array: Datum) -> Option<Array<'a, Jsonb>> {
    // SAFETY: promised by the caller.
    unsafe { Array::from_polymorphic_datum(array, false, pg_sys::JSONBARRAYOID) }
}
