//! The random numbers of the tests: the same seed tells the same story.

use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};
use uuid::Uuid;

/// A seeded source of random numbers.
pub struct Random(Pcg64);

impl Random {
    /// The source with this seed.
    pub fn new(seed: u64) -> Self {
        Self(Pcg64::seed_from_u64(seed))
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number from 0 up to but not including `limit`.
    ///
    /// # Panics
    /// When there is none.
    pub fn below<N: TryInto<u64> + TryFrom<u64>>(&mut self, limit: N) -> N {
        let limit = limit.try_into().ok().expect("a limit is not negative");
        let number = N::try_from(self.number() % limit).ok();
        number.expect("what is below the limit has its type")
    }

    /// A number of steps from `from` up to but not including `to`.
    pub fn steps(&mut self, from: i64, to: i64) -> i64 {
        from + self.below(to - from)
    }

    /// One of some choices.
    pub fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }

    /// Whether something of this likelihood happens.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// A seed that no run had before, with room for those that are counted on from it; a test tells it when it fails.
pub fn new_seed() -> u64 {
    Uuid::new_v4().as_u64_pair().0 >> 8
}
