//! Reading columns of integers, as a whole or in part.

use std::ops::{ControlFlow, Range};

use pco::data_types::Number;

use super::runs::Runs;
use super::{
    CONSTANT, DICTIONARY, PACKED, PACKED_DELTAS, PCO_16, PCO_32, PCO_64, REGULAR, REPEATING, RUNS,
};
use crate::bits::{packed_len, unpack};
use crate::format::{Reader, unknown_codec};
use crate::pcodec::{Modes, Pages};
use crate::{Column, SegmentError};

/// A column whose numbers have not been read yet.
pub(crate) struct Ints<'a> {
    n: usize,
    pub(super) a: i64,
    pub(super) form: Form<'a>,
}

pub(super) enum Form<'a> {
    Constant,
    Regular {
        step: i64,
    },
    Packed(Packed<'a>),
    Deltas {
        b: i64,
        deltas: Packed<'a>,
    },
    // Boxed: every column would be moved around with room for pco's tables.
    Pco16(Box<ScaledPages<'a, u16>>),
    Pco32(Box<ScaledPages<'a, u32>>),
    Pco64(Box<ScaledPages<'a, u64>>),
    Runs(Box<Runs>),
    Dictionary {
        once: Vec<i64>,
        indexes: Box<Ints<'a>>,
    },
}

pub(super) struct Packed<'a> {
    unit: u64,
    width: u32,
    bytes: &'a [u8],
}

impl<'a> Packed<'a> {
    fn open(mut reader: Reader<'a>, n: usize) -> Result<Self, SegmentError> {
        let unit = reader.varint()?;
        let width = u32::from(reader.u8()?);
        if width > 64 {
            return Err(SegmentError::Damaged("numbers are too wide"));
        }
        let bytes = reader.bytes(packed_len(n, width))?;
        reader.finish()?;
        Ok(Packed { unit, width, bytes })
    }

    /// Hands over the numbers at these positions, times the unit.
    #[inline]
    fn each(&self, range: Range<usize>, mut each: impl FnMut(i64)) {
        unpack(self.bytes, self.width, range, |x| {
            each(self.unit.wrapping_mul(x) as i64);
        });
    }
}

/// Numbers `a + unit * x`.
pub(super) struct ScaledPages<'a, T: Number> {
    a: i64,
    unit: u64,
    pub(super) pages: Pages<'a, T>,
}

impl<'a, T: Number + Default + Into<u64>> ScaledPages<'a, T> {
    fn open(mut reader: Reader<'a>, a: i64, n: usize) -> Result<Box<Self>, SegmentError> {
        Ok(Box::new(ScaledPages {
            a,
            unit: reader.varint()?,
            pages: Pages::open(reader, Modes::Classic, n)?,
        }))
    }

    pub(super) fn number(&self, x: T) -> i64 {
        self.a.wrapping_add(self.unit.wrapping_mul(x.into()) as i64)
    }

    fn map<R>(
        &self,
        range: Range<usize>,
        mut f: impl FnMut(i64) -> R,
    ) -> Result<Vec<R>, SegmentError> {
        let mut out = Vec::with_capacity(range.len());
        self.pages.read(range, |numbers| {
            // Multiplying is slow enough to be worth a loop without.
            if self.unit == 1 {
                out.extend(
                    numbers
                        .iter()
                        .map(|&x| f(self.a.wrapping_add(x.into() as i64))),
                );
            } else {
                out.extend(numbers.iter().map(|&x| f(self.number(x))));
            }
            ControlFlow::Continue(())
        })?;
        Ok(out)
    }

    fn between(
        &self,
        n: usize,
        start: Option<i64>,
        end: Option<i64>,
    ) -> Result<(usize, Vec<i64>), SegmentError> {
        let before = |bound: Option<i64>| move |x: T| bound.is_some_and(|b| self.number(x) < b);
        let mut from = self.pages.seek(before(start))?;
        let mut found = Vec::new();
        self.pages.read(from..n, |numbers| {
            let mut numbers = numbers;
            if found.is_empty() {
                let skipped = numbers.partition_point(|&x| before(start)(x));
                from += skipped;
                numbers = &numbers[skipped..];
            }
            let inside = match end {
                None => numbers.len(),
                Some(_) => numbers.partition_point(|&x| before(end)(x)),
            };
            found.extend(numbers[..inside].iter().map(|&x| self.number(x)));
            if inside < numbers.len() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        Ok((from, found))
    }
}

impl<T: Number + Default + Into<u64> + Into<f64>> ScaledPages<'_, T> {
    /// The numbers divided by a power, or None if they don't come out exact as doubles.
    fn divide(&self, range: Range<usize>, power: f64) -> Option<Result<Vec<f64>, SegmentError>> {
        const EXACT: u64 = 1 << 52;
        let greatest = u64::MAX >> (u64::BITS - 8 * size_of::<T>() as u32);
        if self.a.unsigned_abs() > EXACT || self.unit > EXACT / greatest {
            return None;
        }
        // The processor converts narrow numbers several at a time, i64 one by one.
        let (a, unit) = (self.a as f64, self.unit as f64);
        let mut out = Vec::with_capacity(range.len());
        let read = self.pages.read(range, |numbers| {
            out.extend(numbers.iter().map(|&x| {
                let x: f64 = x.into();
                (a + unit * x) / power
            }));
            ControlFlow::Continue(())
        });
        Some(read.map(|()| out))
    }
}

/// The numbers at these positions of a column of `n` with this codec.
#[inline]
pub(crate) fn decode(
    codec: u8,
    base: i64,
    n: usize,
    range: Range<usize>,
    mut reader: Reader<'_>,
) -> Result<Column<i64>, SegmentError> {
    // Most columns are: in short segments the way over [`Ints`] would show.
    if codec == CONSTANT {
        let a = reader.zigzag()?;
        reader.finish()?;
        return Ok(Column::Constant(base.wrapping_add(a)));
    }
    Ints::open(codec, base, n, reader)?.read(range)
}

impl<'a> Ints<'a> {
    /// The column of `n` numbers with this codec.
    pub(crate) fn open(
        codec: u8,
        base: i64,
        n: usize,
        mut reader: Reader<'a>,
    ) -> Result<Self, SegmentError> {
        if codec == REPEATING {
            return Self::open_repeating(base, n, reader);
        }
        if codec > PCO_64 {
            return Err(unknown_codec());
        }
        let a = base.wrapping_add(reader.zigzag()?);
        let form = match codec {
            CONSTANT => {
                reader.finish()?;
                Form::Constant
            }
            REGULAR => {
                let step = reader.zigzag()?;
                reader.finish()?;
                Form::Regular { step }
            }
            PACKED => Form::Packed(Packed::open(reader, n)?),
            PACKED_DELTAS => Form::Deltas {
                b: reader.zigzag()?,
                deltas: Packed::open(reader, n - 1)?,
            },
            PCO_16 => Form::Pco16(ScaledPages::open(reader, a, n)?),
            PCO_32 => Form::Pco32(ScaledPages::open(reader, a, n)?),
            _ => Form::Pco64(ScaledPages::open(reader, a, n)?),
        };
        Ok(Ints { n, a, form })
    }

    fn open_repeating(base: i64, n: usize, mut reader: Reader<'a>) -> Result<Self, SegmentError> {
        let kind = reader.u8()?;
        let count = reader.count()?;
        if count == 0 || count > n {
            return Err(SegmentError::Damaged("too many numbers are repeated"));
        }
        let list = |codec: u8, base: i64, n: usize, reader: Reader<'a>| match codec {
            // Lists in lists are not written, and would let bytes demand depth.
            REPEATING => Err(unknown_codec()),
            _ => Ints::open(codec, base, n, reader),
        };
        let codec = reader.u8()?;
        let once = Reader(reader.sized()?);
        let once = list(codec, base, count, once)?
            .read(0..count)?
            .into_vec(count);
        let codec = reader.u8()?;
        let form = match kind {
            RUNS => Form::Runs(Runs::of(
                once,
                list(codec, 0, count, reader)?.read(0..count)?,
                n,
            )?),
            DICTIONARY => Form::Dictionary {
                once,
                indexes: Box::new(list(codec, 0, n, reader)?),
            },
            _ => return Err(unknown_codec()),
        };
        Ok(Ints { n, a: base, form })
    }

    /// What `f` makes of the numbers at these positions; constant if that is how they were written.
    pub(crate) fn map<R>(
        &self,
        range: Range<usize>,
        mut f: impl FnMut(i64) -> R,
    ) -> Result<Column<R>, SegmentError> {
        let mut out = Vec::new();
        match &self.form {
            Form::Constant => return Ok(Column::Constant(f(self.a))),
            Form::Regular { step } => {
                let (a, step) = (self.a, *step);
                let number = |i: usize| a.wrapping_add(step.wrapping_mul(i as i64));
                out.extend(range.map(|i| f(number(i))));
            }
            Form::Packed(packed) => {
                out.reserve_exact(range.len());
                packed.each(range, |x| out.push(f(self.a.wrapping_add(x))));
            }
            Form::Deltas { b, deltas } => {
                out.reserve_exact(range.len());
                sums(self.a, *b, deltas, range, |number| out.push(f(number)));
            }
            Form::Pco16(scaled) => out = scaled.map(range, f)?,
            Form::Pco32(scaled) => out = scaled.map(range, f)?,
            Form::Pco64(scaled) => out = scaled.map(range, f)?,
            Form::Runs(runs) => {
                out.reserve_exact(range.len());
                runs.each(range, |number, count| {
                    out.extend((0..count).map(|_| f(number)));
                });
            }
            Form::Dictionary { once, indexes } => {
                let number = |index: i64| looked_up(once, index);
                match indexes.read(range)? {
                    Column::Constant(index) => return Ok(Column::Constant(f(number(index)?))),
                    Column::Each(indexes) => {
                        out.reserve_exact(indexes.len());
                        for index in indexes {
                            out.push(f(number(index)?));
                        }
                    }
                }
            }
        }
        Ok(Column::Each(out))
    }

    /// The numbers at these positions as doubles, divided by a power: correctly rounded divisions
    /// of the nearest doubles.
    pub(crate) fn divide(
        &self,
        range: Range<usize>,
        power: f64,
    ) -> Result<Column<f64>, SegmentError> {
        let exact = match &self.form {
            Form::Pco16(scaled) => scaled.divide(range.clone(), power),
            Form::Pco32(scaled) => scaled.divide(range.clone(), power),
            _ => None,
        };
        if let Some(values) = exact {
            return values.map(Column::Each);
        }
        let mut numbers = self.map(range, |number| number as f64)?;
        // A loop of its own divides several at a time.
        match &mut numbers {
            Column::Constant(one) => *one /= power,
            Column::Each(each) => each.iter_mut().for_each(|number| *number /= power),
        }
        Ok(numbers)
    }

    /// The numbers at these positions.
    pub(crate) fn read(&self, range: Range<usize>) -> Result<Column<i64>, SegmentError> {
        self.map(range, |number| number)
    }

    /// Of ascending numbers those from `start` on and below `end`, and the position of the first.
    pub(crate) fn between(
        &self,
        start: Option<i64>,
        end: Option<i64>,
    ) -> Result<(usize, Vec<i64>), SegmentError> {
        match &self.form {
            Form::Constant | Form::Regular { .. } | Form::Packed(_) => {
                let from = start.map_or(0, |start| self.position(start));
                let to = end.map_or(self.n, |end| self.position(end)).max(from);
                let found = self.read(from..to)?.into_vec(to - from);
                Ok((from, found))
            }
            Form::Deltas { b, deltas } => {
                let mut from = 0;
                let mut found = Vec::new();
                sums(self.a, *b, deltas, 0..self.n, |number| {
                    if found.is_empty() && start.is_some_and(|start| number < start) {
                        from += 1;
                    } else if end.is_none_or(|end| number < end) {
                        found.push(number);
                    }
                });
                Ok((from, found))
            }
            Form::Pco16(scaled) => scaled.between(self.n, start, end),
            Form::Pco32(scaled) => scaled.between(self.n, start, end),
            Form::Pco64(scaled) => scaled.between(self.n, start, end),
            Form::Runs(runs) => {
                let from = start.map_or(0, |start| runs.position(start));
                let to = end.map_or(self.n, |end| runs.position(end)).max(from);
                Ok((from, self.read(from..to)?.into_vec(to - from)))
            }
            Form::Dictionary { .. } => {
                let all = self.read(0..self.n)?.into_vec(self.n);
                let from = start.map_or(0, |start| all.partition_point(|&t| t < start));
                let to = end.map_or(self.n, |end| all.partition_point(|&t| t < end));
                Ok((from, all[from..to.max(from)].to_vec()))
            }
        }
    }

    /// How often the last number comes in a row at the end, of a form that says so without the others.
    pub(crate) fn repeats_at_the_end(&self) -> Option<usize> {
        let Form::Deltas { b, deltas } = &self.form else {
            return None;
        };
        let is_same = |i: usize| {
            let mut delta = *b;
            deltas.each(i..i + 1, |x| delta = delta.wrapping_add(x));
            delta == 0
        };
        let before = (0..self.n - 1).rev().take_while(|&i| is_same(i));
        Some(before.count() + 1)
    }

    /// The position of the first number that is not below the bound.
    fn position(&self, bound: i64) -> usize {
        let (mut from, mut to) = (0, self.n);
        while from < to {
            let middle = from.midpoint(to);
            if self.at(middle) < bound {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        from
    }

    /// The number at a position, of a form that doesn't need the others for it.
    pub(super) fn at(&self, i: usize) -> i64 {
        match &self.form {
            Form::Regular { step } => self.a.wrapping_add(step.wrapping_mul(i as i64)),
            Form::Packed(packed) => {
                let mut number = self.a;
                packed.each(i..i + 1, |x| number = number.wrapping_add(x));
                number
            }
            _ => self.a,
        }
    }
}

/// Hands over the numbers at these positions, of which the first of all is `a` and each next one
/// adds `b` and a delta.
#[inline]
pub(super) fn sums(
    a: i64,
    b: i64,
    deltas: &Packed<'_>,
    range: Range<usize>,
    mut each: impl FnMut(i64),
) {
    if range.is_empty() {
        return;
    }
    let mut at = a;
    let mut add = |x: i64| {
        at = at.wrapping_add(b).wrapping_add(x);
        at
    };
    let mut first = a;
    deltas.each(0..range.start, |x| first = add(x));
    each(first);
    deltas.each(range.start..range.end - 1, |x| each(add(x)));
}

/// The number at a place of a dictionary.
pub(super) fn looked_up(once: &[i64], place: i64) -> Result<i64, SegmentError> {
    let number = usize::try_from(place).ok().and_then(|i| once.get(i));
    number
        .copied()
        .ok_or(SegmentError::Damaged("a number is not in its dictionary"))
}
