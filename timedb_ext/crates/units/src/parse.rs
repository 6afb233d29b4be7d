//! Parses a unit: products, quotients and powers of words. Owns the spelling of compounds and refuses what can be read
//! in two ways; what a word means is defined elsewhere.

use crate::cursor::Cursor;
use crate::dimension::Dimension;
use crate::factor::Factor;
use crate::lookup::lookup;

/// The longest unit that is looked at, in bytes without the white space around it.
pub const MAX_BYTES: usize = 128;

/// A unit that was understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Measure {
    /// How many of the SI unit of its dimension one of it is.
    pub factor: Factor,
    pub dimension: Dimension,
    /// As in the table.
    pub zero_hundredths: i32,
}

/// Why a text is not a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A word of it is not known.
    Unknown,
    /// It is not spelled as it should be.
    Unreadable(&'static str),
}

const LONG: Refusal = Refusal::Unreadable("it is longer than 128 bytes");
const MALFORMED: Refusal =
    Refusal::Unreadable("it is not a product or quotient of units and their powers");
const AMBIGUOUS: Refusal = Refusal::Unreadable(
    "a product after a division can be read in two ways, so it needs parentheses",
);
const DEEP: Refusal = Refusal::Unreadable("its parentheses are nested too deeply");
const EXPONENT: Refusal =
    Refusal::Unreadable("an exponent must be a whole number from 1 to 9 or -1 to -9");
const NUMBER: Refusal = Refusal::Unreadable("the only number it may contain is 1");
const SCALE: Refusal = Refusal::Unreadable(
    "degC and degF have a zero of their own, so they can only be used alone; differences are in K",
);
const RANGE: Refusal = Refusal::Unreadable("it is too large or too small");

/// How deep parentheses go; recursion ends here.
const MAX_DEPTH: u8 = 8;
/// Factors stay within this power of ten and its inverse, so that quotients of two are doubles.
const MAX_MAGNITUDE: f64 = 140.0;

impl Measure {
    const ONE: Self = Self {
        factor: Factor::ONE,
        dimension: Dimension::NONE,
        zero_hundredths: 0,
    };

    /// `self * other^power`.
    fn times(self, other: Self, power: i8) -> Result<Self, Refusal> {
        if self.zero_hundredths != 0 || other.zero_hundredths != 0 {
            return Err(SCALE);
        }
        let product = || {
            Some(Self {
                factor: self.factor.times(other.factor.power(power)?)?,
                dimension: self.dimension.times(&other.dimension, power)?,
                zero_hundredths: 0,
            })
        };
        product().ok_or(RANGE)
    }
}

/// Reads a unit that has no white space around it. An empty one is a mere number.
pub(crate) fn parse(unit: &str) -> Result<Measure, Refusal> {
    if unit.len() > MAX_BYTES {
        return Err(LONG);
    }
    if unit.is_empty() {
        return Ok(Measure::ONE);
    }
    let mut cursor = Cursor { rest: unit };
    let measure = cursor.product(0)?;
    if !cursor.rest.is_empty() {
        return Err(MALFORMED);
    }
    if measure.factor.magnitude().abs() > MAX_MAGNITUDE {
        return Err(RANGE);
    }
    Ok(measure)
}

/// What separates two factors.
enum Operator {
    Times,
    Over,
}

impl Cursor<'_> {
    /// Factors with operators between them, up to the end or a closing parenthesis.
    fn product(&mut self, depth: u8) -> Result<Measure, Refusal> {
        let mut product = self.factor(depth)?;
        let mut divided = false;
        while let Some(operator) = self.operator()? {
            let factor = self.factor(depth)?;
            product = match operator {
                Operator::Times if divided => return Err(AMBIGUOUS),
                Operator::Times => product.times(factor, 1)?,
                Operator::Over => product.times(factor, -1)?,
            };
            divided = matches!(operator, Operator::Over);
        }
        Ok(product)
    }

    /// The next operator, or `None` where the product ends. White space multiplies.
    fn operator(&mut self) -> Result<Option<Operator>, Refusal> {
        let spaced = self.skip_space();
        if self.rest.is_empty() || self.rest.starts_with(')') {
            return Ok(None);
        }
        let word = self.word();
        if spaced && word.eq_ignore_ascii_case("per") {
            self.take(word);
            return Ok(Some(Operator::Over));
        }
        if self.take("/") {
            return Ok(Some(Operator::Over));
        }
        let times = ["*", "·", "⋅", "×", "."];
        let no_sign = self.rest.starts_with("**") || self.is_before_digit(".");
        if !no_sign && times.iter().any(|sign| self.take(sign)) {
            return Ok(Some(Operator::Times));
        }
        let begins = !word.is_empty() || self.rest.starts_with(['(', '1']);
        if spaced && begins {
            return Ok(Some(Operator::Times));
        }
        Err(MALFORMED)
    }

    /// A word, a 1 or something in parentheses, with its exponent.
    fn factor(&mut self, depth: u8) -> Result<Measure, Refusal> {
        self.skip_space();
        let (base, mut exponent) = if self.take("(") {
            if depth == MAX_DEPTH {
                return Err(DEEP);
            }
            let inner = self.product(depth + 1)?;
            if !self.take(")") {
                return Err(MALFORMED);
            }
            (inner, None)
        } else if self.rest.starts_with(|char: char| char.is_ascii_digit()) {
            if !self.take("1") || self.rest.starts_with(|char: char| char.is_ascii_digit()) {
                return Err(NUMBER);
            }
            (Measure::ONE, None)
        } else {
            self.named()?
        };
        if exponent.is_none() {
            exponent = self.exponent()?;
        }
        exponent.map_or(Ok(base), |exponent| Measure::ONE.times(base, exponent))
    }

    /// A word of the table, and an exponent that follows it immediately: `m2`, `s-1`.
    fn named(&mut self) -> Result<(Measure, Option<i8>), Refusal> {
        let word = self.word();
        if word.is_empty() {
            return Err(MALFORMED);
        }
        self.take(word);
        if let Some(found) = self.two_words(word) {
            return Ok(found);
        }
        if let Some(measure) = known(word) {
            let negative = self.is_before_digit("-") && self.take("-");
            let exponent = negative.then(|| small(self.digits())).transpose()?;
            return Ok((measure, exponent.map(|exponent| -exponent)));
        }
        let name = word.trim_end_matches(|char: char| char.is_ascii_digit());
        let digits = word.strip_prefix(name).unwrap_or_default();
        let measure = known(name).ok_or(Refusal::Unknown)?;
        Ok((measure, Some(small(digits)?)))
    }

    /// A unit whose name is two words, as `kilowatt hour` and `nautical-mile`, when `first` and what
    /// follows are one.
    fn two_words(&mut self, first: &str) -> Option<(Measure, Option<i8>)> {
        let mut ahead = Cursor { rest: self.rest };
        if !ahead.skip_space() && !ahead.take("-") {
            return None;
        }
        let second = ahead.word();
        ahead.take(second);
        if second.is_empty() {
            return None;
        }
        let measure = known(&format!("{first}_{second}"))?;
        self.rest = ahead.rest;
        Some((measure, None))
    }

    /// An exponent with a sign before it, or written above the line.
    fn exponent(&mut self) -> Result<Option<i8>, Refusal> {
        if let Some(exponent) = self.raised()? {
            return Ok(Some(exponent));
        }
        let mut ahead = Cursor { rest: self.rest };
        ahead.skip_space();
        if !ahead.take("**") && !ahead.take("^") {
            return Ok(None);
        }
        ahead.skip_space();
        let negative = ahead.take("-");
        let exponent = small(ahead.digits())?;
        self.rest = ahead.rest;
        Ok(Some(if negative { -exponent } else { exponent }))
    }

    /// An exponent above the line, as in `m²` and `s⁻¹`.
    fn raised(&mut self) -> Result<Option<i8>, Refusal> {
        const RAISED: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
        if !self.rest.starts_with('⁻') && !self.rest.starts_with(RAISED) {
            return Ok(None);
        }
        let negative = self.take("⁻");
        let mut digits = (0..).zip(RAISED);
        let read = digits.find_map(|(value, digit)| Some((value, self.rest.strip_prefix(digit)?)));
        let one = read.filter(|(value, rest)| *value > 0 && !rest.starts_with(RAISED));
        let (value, rest) = one.ok_or(EXPONENT)?;
        self.rest = rest;
        Ok(Some(if negative { -value } else { value }))
    }
}

fn known(word: &str) -> Option<Measure> {
    let found = lookup(word)?;
    Some(Measure {
        factor: found.prefix.times(found.unit.factor)?,
        dimension: found.unit.quantity.dimension,
        zero_hundredths: found.unit.zero_hundredths,
    })
}

/// An exponent from 1 to 9.
fn small(digits: &str) -> Result<i8, Refusal> {
    let value = digits.parse().ok();
    value
        .filter(|value| (1..=9).contains(value))
        .ok_or(EXPONENT)
}
