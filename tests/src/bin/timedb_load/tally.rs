//! What clients have met: how often, how fast, and what they must not meet.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How long after the end of a trouble its traces are still excused.
const AFTERMATH: Duration = Duration::from_secs(15);
/// More violations than this are only counted.
const MOST_TOLD: usize = 50;

/// The sums of all clients.
#[derive(Default)]
pub struct Tally(Mutex<Sums>);

/// The sums.
#[derive(Clone, Default)]
pub struct Sums {
    /// Each kind of request.
    pub kinds: BTreeMap<&'static str, Requests>,
    /// Answers 503 while there was trouble.
    pub excused: u64,
    /// Connections that broke while there was trouble.
    pub broken: u64,
    /// What must not be: the first of them, in words.
    pub violations: Vec<String>,
    /// How many there were.
    pub violation_count: u64,
    trouble: Trouble,
}

/// Whether what clients meet is excused.
#[derive(Clone, Copy, Default)]
enum Trouble {
    #[default]
    None,
    Now,
    /// Its traces are, until then.
    Until(Instant),
}

/// Requests of one kind.
#[derive(Clone, Default)]
pub struct Requests {
    /// Those that were answered with success.
    pub answered: u64,
    /// Values that were written or read.
    pub values: u64,
    /// Microseconds of each that was answered at once.
    pub micros: Vec<u32>,
}

impl Tally {
    /// A request that was answered: with its time, if it was not sent again.
    pub fn answered(&self, kind: &'static str, values: u64, time: Option<Duration>) {
        self.with(|sums| {
            let requests = sums.kinds.entry(kind).or_default();
            requests.answered += 1;
            requests.values += values;
            if let Some(time) = time {
                let micros = u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
                requests.micros.push(micros);
            }
        });
    }

    /// A 503, or with `broken` a connection that broke: excused while there is trouble.
    pub fn unavailable(&self, broken: bool, what: impl FnOnce() -> String) {
        let is_excused = self.with(|sums| {
            let is_excused = match sums.trouble {
                Trouble::None => false,
                Trouble::Now => true,
                Trouble::Until(end) => Instant::now() < end,
            };
            if is_excused {
                let count = if broken {
                    &mut sums.broken
                } else {
                    &mut sums.excused
                };
                *count += 1;
            }
            is_excused
        });
        if !is_excused {
            self.violation(what());
        }
    }

    /// Something that must not be.
    pub fn violation(&self, what: String) {
        eprintln!("    VIOLATION: {what}");
        self.with(|sums| {
            sums.violation_count += 1;
            if sums.violations.len() < MOST_TOLD {
                sums.violations.push(what);
            }
        });
    }

    /// From now on there is trouble.
    pub fn trouble_begins(&self) {
        self.with(|sums| sums.trouble = Trouble::Now);
    }

    /// The trouble is over, its traces soon.
    pub fn trouble_ends(&self) {
        let end = Instant::now() + AFTERMATH;
        self.with(|sums| sums.trouble = Trouble::Until(end));
    }

    /// All sums so far.
    pub fn sums(&self) -> Sums {
        self.with(|sums| sums.clone())
    }

    fn with<T>(&self, change: impl FnOnce(&mut Sums) -> T) -> T {
        change(&mut self.0.lock().expect("no client panics in here"))
    }
}
