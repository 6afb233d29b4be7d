//! How many of one unit make another: a rational number, exact however many prefixes it consists of, times a power of
//! pi. Owns its arithmetic; knows no units.

use std::f64::consts::{LOG10_2, PI};

/// Integers below it are doubles, each of them.
pub(crate) const EXACT: f64 = 9_007_199_254_740_992.0;

/// `num / den * 2^two * 5^five * pi^pi`. Twos and fives are kept separately, so that prefixes never
/// overflow anything; `num` and `den` have no common divisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Factor {
    num: u128,
    den: u128,
    two: i32,
    five: i32,
    pi: i32,
}

/// A factor as two doubles, to be multiplied with and divided by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Parts {
    pub num: f64,
    pub den: f64,
    /// Whether both are the numbers themselves, not the doubles closest to them.
    pub exact: bool,
}

/// The rational number `num / den`, neither of them zero.
pub(crate) const fn of(num: u64, den: u64) -> Factor {
    let (num, den) = (num as u128, den as u128);
    let common = divisor(num, den);
    let (num, num_two) = without(num / common, 2);
    let (num, num_five) = without(num, 5);
    let (den, den_two) = without(den / common, 2);
    let (den, den_five) = without(den, 5);
    Factor {
        num,
        den,
        two: num_two - den_two,
        five: num_five - den_five,
        pi: 0,
    }
}

/// The number `pi * num / den`.
pub(crate) const fn pi(num: u64, den: u64) -> Factor {
    let mut factor = of(num, den);
    factor.pi = 1;
    factor
}

/// Takes every `prime` out of a number that is not zero, and counts them.
const fn without(mut number: u128, prime: u128) -> (u128, i32) {
    let mut count = 0;
    while number != 0 && number.is_multiple_of(prime) {
        number /= prime;
        count += 1;
    }
    (number, count)
}

/// The greatest common divisor; 1 when both are zero, so that one can divide by it.
const fn divisor(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    if a == 0 { 1 } else { a }
}

impl Factor {
    pub(crate) const ONE: Self = of(1, 1);

    /// `2^two * 10^ten`, the value of a prefix.
    pub(crate) const fn prefix(two: i32, ten: i32) -> Self {
        Self {
            two: two + ten,
            five: ten,
            ..Self::ONE
        }
    }

    /// `self * other`, or `None` when it has too many digits.
    pub(crate) fn times(self, other: Self) -> Option<Self> {
        let (left, right) = (divisor(self.num, other.den), divisor(other.num, self.den));
        Some(Self {
            num: (self.num / left).checked_mul(other.num / right)?,
            den: (self.den / right).checked_mul(other.den / left)?,
            two: self.two.checked_add(other.two)?,
            five: self.five.checked_add(other.five)?,
            pi: self.pi.checked_add(other.pi)?,
        })
    }

    /// `1 / self`.
    pub(crate) fn inverse(self) -> Self {
        Self {
            num: self.den,
            den: self.num,
            two: -self.two,
            five: -self.five,
            pi: -self.pi,
        }
    }

    /// `self^power`, or `None` when it has too many digits.
    pub(crate) fn power(self, power: i8) -> Option<Self> {
        let base = if power < 0 { self.inverse() } else { self };
        (0..power.unsigned_abs()).try_fold(Self::ONE, |product, _| product.times(base))
    }

    /// The decimal logarithm, roughly.
    pub(crate) fn magnitude(self) -> f64 {
        (self.num as f64).log10() - (self.den as f64).log10()
            + f64::from(self.two) * LOG10_2
            + f64::from(self.five) * (1.0 - LOG10_2)
            + f64::from(self.pi) * PI.log10()
    }

    /// The number as numerator and denominator.
    pub(crate) fn parts(self) -> Parts {
        let (num, num_exact) = product(self.num, self.two, self.five);
        let (den, den_exact) = product(self.den, -self.two, -self.five);
        Parts {
            num: num * PI.powi(self.pi.max(0)),
            den: den * PI.powi((-self.pi).max(0)),
            exact: num_exact && den_exact && self.pi == 0,
        }
    }

    /// The number as people write it: a decimal where it is one of at most 15 digits, a fraction
    /// otherwise.
    pub(crate) fn text(self) -> String {
        let rational = Self { pi: 0, ..self }.parts();
        let value = rational.num / rational.den;
        let number = match (self.pi, self.den) {
            (0, 1) => return value.to_string(),
            (0, _) => return format!("{}/{}", rational.num, rational.den),
            _ if rational.num == 1.0 => "π".to_owned(),
            _ => format!("{}π", rational.num),
        };
        if rational.den == 1.0 {
            number
        } else {
            format!("{number}/{}", rational.den)
        }
    }
}

/// `number * 2^two * 5^five`, without those of the exponents that are negative, and whether that is
/// exact.
fn product(number: u128, two: i32, five: i32) -> (f64, bool) {
    let odd = 5u128
        .checked_pow(five.max(0).unsigned_abs())
        .and_then(|fives| number.checked_mul(fives))
        .filter(|odd| (*odd as f64) < EXACT);
    let twos = 2f64.powi(two.max(0));
    match odd {
        Some(odd) => (odd as f64 * twos, true),
        None => (number as f64 * 5f64.powi(five.max(0)) * twos, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_is_reduced_and_written_as_people_do() {
        for (factor, text) in [
            (of(3600, 1), "3600"),
            (of(45_359_237, 100_000_000), "0.45359237"),
            (of(10, 18), "5/9"),
            (pi(1, 180), "π/180"),
            (pi(2, 1), "2π"),
            (Factor::prefix(0, -6), "0.000001"),
            (Factor::prefix(10, 0), "1024"),
        ] {
            assert_eq!(factor.text(), text);
        }
    }

    #[test]
    fn a_factor_over_itself_is_one_however_large() {
        let large = of(u64::MAX, 7).times(Factor::prefix(0, 30)).unwrap();
        assert_eq!(large.times(large.inverse()), Some(Factor::ONE));
        assert_eq!(large.power(9), None);
        assert!((large.magnitude() - 48.42).abs() < 0.01);
    }

    #[test]
    fn what_is_not_a_double_is_not_called_exact() {
        let exact = Parts {
            num: 18.0,
            den: 5.0,
            exact: true,
        };
        assert_eq!(of(36, 10).parts(), exact);
        assert!(Factor::prefix(0, 22).parts().exact);
        assert!(!Factor::prefix(0, 23).parts().exact);
        assert!(!pi(1, 180).parts().exact);
    }
}
