//! What expressions of valid_time are at the instants of points: each is computed once for an instant, as long as it is
//! remembered.

use pgrx::pg_sys::{self, Datum, ExprState};

/// Values of a time that are kept, because other series have points at the same instants.
const KEPT: usize = 1 << 14;

/// An expression of valid_time that is grouped by.
pub struct GroupTime {
    expr: *mut ExprState,
    by_value: bool,
    length: i16,
    /// Where they may be remembered: the instant, which no point has before, and the value.
    kept: Vec<(i64, Value)>,
}

/// What it is at an instant.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    Null,
    Bits(usize),
    /// As PostgreSQL has it in memory, with its length if that is part of it. Words, so that it is aligned.
    Bytes(Vec<u64>),
}

impl Value {
    /// It, as long as this is not changed; `None` is NULL.
    pub fn datum(&self) -> Option<Datum> {
        match self {
            Self::Null => None,
            Self::Bits(bits) => Some(Datum::from(*bits)),
            Self::Bytes(words) => Some(Datum::from(words.as_ptr())),
        }
    }
}

impl GroupTime {
    /// The expression, prepared.
    ///
    /// # Safety
    /// The expression is a live one of a plan, and the state is its.
    pub unsafe fn new(expr: *mut pg_sys::Node, state: *mut ExprState) -> Self {
        let (mut length, mut by_value) = (0, false);
        // SAFETY: the caller's promise.
        unsafe { pg_sys::get_typlenbyval(pg_sys::exprType(expr), &mut length, &mut by_value) };
        Self {
            expr: state,
            by_value,
            length,
            kept: Vec::new(),
        }
    }

    /// Its value for the row in the slot of the context, which is at this instant.
    ///
    /// # Safety
    /// The context is that of the expression's node.
    pub unsafe fn value(&mut self, context: *mut pg_sys::ExprContext, instant: i64) -> &Value {
        let place = (instant as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 50;
        let place = place as usize % KEPT;
        if self.kept.is_empty() {
            self.kept.resize(KEPT, (i64::MAX, Value::Null));
        }
        if self.kept[place].0 != instant {
            // SAFETY: the caller's promise; a value is of the type of the expression.
            let value = unsafe {
                let before = pg_sys::MemoryContextSwitchTo((*context).ecxt_per_tuple_memory);
                let mut is_null = false;
                let datum = pg_sys::ExecEvalExpr(self.expr, context, &mut is_null);
                let value = match is_null {
                    true => Value::Null,
                    false if self.by_value => Value::Bits(datum.value()),
                    false => Value::Bytes(self.bytes(datum)),
                };
                pg_sys::MemoryContextSwitchTo(before);
                pg_sys::MemoryContextReset((*context).ecxt_per_tuple_memory);
                value
            };
            self.kept[place] = (instant, value);
        }
        &self.kept[place].1
    }

    /// Forgets its values.
    pub fn forget(&mut self) {
        self.kept.clear();
    }

    unsafe fn bytes(&self, datum: Datum) -> Vec<u64> {
        // SAFETY: the datum is of the type, whose length is fixed, -1 for a varlena and -2 for a text that ends in NUL. The
        // words have room for so many bytes.
        unsafe {
            let mut from = datum.cast_mut_ptr::<u8>();
            let length = match self.length {
                -1 => {
                    from = pg_sys::pg_detoast_datum(from.cast()).cast();
                    pgrx::varlena::varsize_any(from.cast())
                }
                -2 => std::ffi::CStr::from_ptr(from.cast())
                    .to_bytes_with_nul()
                    .len(),
                length => usize::try_from(length).unwrap_or(0),
            };
            let mut words = vec![0; length.div_ceil(8)];
            std::ptr::copy_nonoverlapping(from, words.as_mut_ptr().cast(), length);
            words
        }
    }
}
