//! Columns of numbers and of null bits: views of bytes for readers, and bytes for writers.

use std::fmt;

/// A number as columns have it.
pub trait Number: Copy {
    /// Its bytes.
    type Bytes: Copy + fmt::Debug + IntoIterator<Item = u8>;

    /// The number that these bytes are.
    fn from_le(bytes: Self::Bytes) -> Self;
    /// Its bytes, little-endian.
    fn to_le(self) -> Self::Bytes;
    /// All whole numbers of some bytes.
    fn split(bytes: &[u8]) -> &[Self::Bytes];
}

macro_rules! number {
    ($($type:ty),*) => {$(
        impl Number for $type {
            type Bytes = [u8; size_of::<$type>()];

            #[inline]
            fn from_le(bytes: Self::Bytes) -> Self {
                Self::from_le_bytes(bytes)
            }
            #[inline]
            fn to_le(self) -> Self::Bytes {
                self.to_le_bytes()
            }
            #[inline]
            fn split(bytes: &[u8]) -> &[Self::Bytes] {
                bytes.as_chunks().0
            }
        }
    )*};
}
number!(u32, i64, f64);

/// A column of numbers, within the bytes.
#[derive(Debug, Clone, Copy)]
pub struct Column<'a, T: Number>(&'a [T::Bytes]);

impl<'a, T: Number> Column<'a, T> {
    pub(crate) fn over(bytes: &'a [u8]) -> Self {
        Self(T::split(bytes))
    }

    /// The number at a place.
    ///
    /// # Panics
    /// Where the column has no such place.
    #[inline]
    pub fn at(&self, index: usize) -> T {
        T::from_le(self.0[index])
    }

    /// All numbers in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = T> + use<'a, T> {
        self.0.iter().map(|bytes| T::from_le(*bytes))
    }

    /// A copy.
    pub fn to_vec(&self) -> Vec<T> {
        self.iter().collect()
    }
}

/// Appends a column.
#[inline]
pub(crate) fn put_column<T: Number>(out: &mut Vec<u8>, column: &[T]) {
    out.extend(column.iter().flat_map(|number| number.to_le()));
}

/// A column of bits, within the bytes.
#[derive(Debug, Clone, Copy)]
pub struct Bits<'a>(pub(crate) &'a [u8]);

impl Bits<'_> {
    /// Whether the bit at a place is set.
    ///
    /// # Panics
    /// Where the column has no such place.
    #[inline]
    pub fn at(&self, index: usize) -> bool {
        self.0[index / 8] >> (index % 8) & 1 == 1
    }

    /// The first `n` bits.
    ///
    /// # Panics
    /// If the column does not have that many.
    pub fn to_vec(&self, n: usize) -> Vec<bool> {
        (0..n).map(|index| self.at(index)).collect()
    }
}

/// A column of bits that is being written.
#[derive(Debug, Clone, Default)]
pub struct Bitmap {
    bytes: Vec<u8>,
    len: usize,
}

impl Bitmap {
    /// Room for so many bits.
    pub fn with_capacity(bits: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bits.div_ceil(8)),
            ..Self::default()
        }
    }

    /// Appends a bit.
    #[inline]
    pub fn push(&mut self, bit: bool) {
        let at = self.len % 8;
        if at == 0 {
            self.bytes.push(0);
        }
        if let (true, Some(last)) = (bit, self.bytes.last_mut()) {
            *last |= 1 << at;
        }
        self.len += 1;
    }

    /// Whether any bit is set.
    pub fn any(&self) -> bool {
        self.bytes.iter().any(|&byte| byte != 0)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Appends a column of bits.
pub(crate) fn put_bits(out: &mut Vec<u8>, bits: impl Iterator<Item = bool>) {
    let start = out.len();
    for (at, bit) in bits.enumerate() {
        if at % 8 == 0 {
            out.push(0);
        }
        if bit {
            out[start + at / 8] |= 1 << (at % 8);
        }
    }
}
