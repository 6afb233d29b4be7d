//! Weighted means, sums and extremes of many doubles, compensated so that rounding errors do not add up, and without
//! intermediate overflow. The result depends only on the order of the values.

/// What values are scaled by once their sum is too large for a double: the 2^64 values or
/// microseconds of weight that a bucket has at most then can't reach the limit again.
const SCALE: f64 = f64::from_bits((1023 - 128) << 52);

/// Values with weights, summed up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mean {
    sum: f64,
    /// What rounding has taken from the sum.
    lost: f64,
    /// Whether sum and lost are scaled.
    scaled: bool,
    min: f64,
    max: f64,
}

impl Mean {
    pub(super) fn new() -> Mean {
        Mean {
            sum: 0.0,
            lost: 0.0,
            scaled: false,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
        }
    }

    /// Adds values with their weights, which are positive.
    pub(super) fn extend(&mut self, terms: impl Iterator<Item = (f64, f64)> + Clone) {
        if !self.scaled {
            let mut sum = *self;
            for (value, weight) in terms.clone() {
                sum.bound(value);
                sum.step(value * weight);
            }
            if sum.is_finite() {
                *self = sum;
                return;
            }
        }
        for (value, weight) in terms {
            self.bound(value);
            self.add_large(value, weight);
        }
    }

    /// Adds a value that may be the first one to ask for scaling.
    fn add_large(&mut self, value: f64, weight: f64) {
        if !self.scaled {
            let mut sum = *self;
            sum.step(value * weight);
            if sum.is_finite() {
                *self = sum;
                return;
            }
            self.sum *= SCALE;
            self.lost *= SCALE;
            self.scaled = true;
        }
        self.step(value * SCALE * weight);
    }

    #[inline(always)]
    fn bound(&mut self, value: f64) {
        if value < self.min {
            self.min = value;
        }
        if value > self.max {
            self.max = value;
        }
    }

    /// Adds a term, and exactly what the rounding of that takes.
    #[inline(always)]
    fn step(&mut self, term: f64) {
        let sum = self.sum + term;
        let added = sum - self.sum;
        self.lost += (self.sum - (sum - added)) + (term - added);
        self.sum = sum;
    }

    /// False for good after any step that overflows.
    fn is_finite(&self) -> bool {
        self.sum.is_finite() && self.lost.is_finite()
    }

    /// The sum, which is infinite if a double can't hold it.
    pub(super) fn sum(&self) -> f64 {
        let sum = self.sum + self.lost;
        if self.scaled { sum / SCALE } else { sum }
    }

    /// The mean, given the sum of all weights; it lies between the extremes, whatever is rounded.
    pub(super) fn mean(&self, weight: f64) -> f64 {
        let sum = self.sum + self.lost;
        let mean = match self.scaled {
            false if sum.is_finite() => sum / weight,
            false => (self.sum * SCALE + self.lost * SCALE) / weight / SCALE,
            true => sum / weight / SCALE,
        };
        mean.max(self.min()).min(self.max()) + 0.0
    }

    /// The least value. A zero has no sign, or it would depend on which of them came first.
    pub(super) fn min(&self) -> f64 {
        self.min + 0.0
    }

    /// The greatest value, with zeros as in [`Mean::min`].
    pub(super) fn max(&self) -> f64 {
        self.max + 0.0
    }
}
