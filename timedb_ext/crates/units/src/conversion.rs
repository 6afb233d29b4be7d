//! Converts values from one unit to another. Owns the arithmetic, and ensures that decimals remain the decimals that
//! people expect. What units mean is defined elsewhere.

use crate::MAX_BYTES;
use crate::error::UnitError;
use crate::factor::{EXACT, Parts};
use crate::parse::{Measure, Refusal, parse};
use crate::table::describe;

/// How values in one unit become values in another: `(value * num + offset) / den`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conversion {
    /// Whole numbers when they are exact.
    parts: Parts,
    /// In hundredths, because the zeros of temperatures are; a whole number when `parts` are.
    offset_hundredths: f64,
}

impl Conversion {
    const IDENTITY: Self = Self {
        parts: Parts {
            num: 1.0,
            den: 1.0,
            exact: true,
        },
        offset_hundredths: 0.0,
    };

    /// The conversion from one unit to another. Equal texts always give the identity, even if
    /// the unit is unknown; surrounding white space doesn't count.
    ///
    /// # Errors
    /// `Unknown` and `Unreadable` if a text is not a unit, `Incompatible` if the units measure
    /// different things.
    pub fn between(from: &str, to: &str) -> Result<Self, UnitError> {
        let (from, to) = (from.trim(), to.trim());
        if from == to {
            return Ok(Self::IDENTITY);
        }
        let (source, target) = (read(from)?, read(to)?);
        if source.dimension != target.dimension {
            return Err(UnitError::Incompatible {
                from: shortened(from),
                to: shortened(to),
                from_quantity: describe(&source.dimension),
                to_quantity: describe(&target.dimension),
            });
        }
        let parts = match source.factor.times(target.factor.inverse()) {
            Some(ratio) => ratio.parts(),
            None => rounded(source.factor.parts(), target.factor.parts()),
        };
        let offset_hundredths = f64::from(source.zero_hundredths) * parts.num
            - f64::from(target.zero_hundredths) * parts.den;
        Ok(Self {
            parts,
            offset_hundredths,
        })
    }

    /// The value in the other unit: the double closest to it, for values of up to six decimals and
    /// factors that are ratios of whole numbers; otherwise correct except for the last few bits. A
    /// result that is too large for a double is infinite.
    pub fn apply(&self, value: f64) -> f64 {
        if self.is_identity() || !value.is_finite() {
            return value;
        }
        self.apply_to_decimal(value)
            .unwrap_or_else(|| self.apply_to_double(value))
    }

    /// Whether every value stays as it is.
    pub fn is_identity(&self) -> bool {
        self.parts.num == self.parts.den && self.offset_hundredths == 0.0
    }

    /// The conversion back.
    #[must_use]
    pub fn invert(&self) -> Self {
        Self {
            parts: Parts {
                num: self.parts.den,
                den: self.parts.num,
                exact: self.parts.exact,
            },
            offset_hundredths: -self.offset_hundredths,
        }
    }

    /// Takes the value for the decimal that it was written as, and rounds once. `None` if it is not
    /// a short decimal. Without this 0.07 would be 7.000000000000001 %.
    fn apply_to_decimal(&self, value: f64) -> Option<f64> {
        let Parts { num, den, exact } = self.parts;
        let places = if value.abs() < EXACT / 1e6 { 1e6 } else { 1e3 };
        let digits = (value * places).round();
        let below = den * places;
        let decimal = digits.abs() < EXACT && digits / places == value;
        if !exact || !decimal || below >= EXACT {
            return None;
        }
        if self.offset_hundredths == 0.0 {
            return Some(multiply_divide(digits, num, below));
        }
        let product = digits * num;
        let sum = product + self.offset_hundredths * (places / 100.0);
        // Whole numbers below that bound are added without rounding.
        (product.abs() < EXACT && sum.abs() < EXACT).then(|| sum / below)
    }

    fn apply_to_double(&self, value: f64) -> f64 {
        let Parts { num, den, exact } = self.parts;
        if self.offset_hundredths != 0.0 {
            let offset = self.offset_hundredths / 100.0;
            let product = value * num + offset;
            return if product.is_finite() {
                product / den
            } else {
                value / den * num
            };
        }
        match (exact, num == 1.0, den == 1.0) {
            (true, true, _) => value / den,
            (true, _, true) => value * num,
            (true, ..) => multiply_divide(value, num, den),
            (false, ..) => value * (num / den),
        }
    }
}

/// `value * num / den`, rounded about once: what the product and the quotient lose is added again.
fn multiply_divide(value: f64, num: f64, den: f64) -> f64 {
    let product = value * num;
    if product == 0.0 || !product.is_finite() {
        return value / den * num;
    }
    let lost = value.mul_add(num, -product);
    let quotient = product / den;
    let remainder = (-quotient).mul_add(den, product);
    quotient + (remainder + lost) / den
}

/// A ratio of two factors that has too many digits for whole numbers.
fn rounded(source: Parts, target: Parts) -> Parts {
    Parts {
        num: source.num / source.den,
        den: target.num / target.den,
        exact: false,
    }
}

fn read(unit: &str) -> Result<Measure, UnitError> {
    parse(unit).map_err(|refusal| {
        let unit = shortened(unit);
        match refusal {
            Refusal::Unknown => UnitError::Unknown { unit },
            Refusal::Unreadable(reason) => UnitError::Unreadable { unit, reason },
        }
    })
}

/// The text, or as much of it as a message should hold.
fn shortened(unit: &str) -> String {
    if unit.len() <= MAX_BYTES {
        return unit.to_owned();
    }
    let end = unit.floor_char_boundary(MAX_BYTES);
    format!("{}...", unit.get(..end).unwrap_or_default())
}
