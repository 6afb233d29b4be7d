//! What verification finds: damaged rows, each with its key and what would be lost with it; and how far it has come.

use crate::pg::error::Result;
use std::time::{Duration, Instant};
use timedb_rules::DamagedRow;

/// So often it is told how far verification has come.
const TOLD: Duration = Duration::from_secs(10);

/// A row that is damaged. Instants are PostgreSQL's microseconds, as the row has them.
#[derive(Debug, Clone)]
pub struct Damage {
    pub row: DamagedRow,
    /// The least and the greatest valid_time of its points.
    pub valid: Option<(i64, i64)>,
    /// The least and the greatest change_time.
    pub change: Option<(i64, i64)>,
    /// How many points and batches would be lost with it, as the row says.
    pub points: i64,
    pub batches: i64,
    pub problem: String,
}

impl Damage {
    /// A damaged row with which nothing else is lost.
    pub fn of(row: DamagedRow, problem: impl Into<String>) -> Self {
        Self {
            row,
            valid: None,
            change: None,
            points: 0,
            batches: 0,
            problem: problem.into(),
        }
    }
}

/// A row that was looked at: damaged, or wanted all the same.
pub struct Examined {
    pub row: DamagedRow,
    pub damage: Option<Damage>,
}

/// What is found while rows come.
pub struct Findings {
    pub tenant: [u8; 16],
    /// A row that is reported even if it is whole.
    pub wanted: Option<DamagedRow>,
    found: Vec<Examined>,
    rows: u64,
    points: u64,
    told: Instant,
}

impl Findings {
    pub fn new(tenant: [u8; 16], wanted: Option<DamagedRow>) -> Self {
        Self {
            tenant,
            wanted,
            found: Vec::new(),
            rows: 0,
            points: 0,
            told: Instant::now(),
        }
    }

    /// Takes what has become of a row, which holds so many points.
    pub fn add(&mut self, row: DamagedRow, points: i64, damage: Option<Damage>) {
        self.rows += 1;
        self.points += points.max(0) as u64;
        if damage.is_some() || self.wanted == Some(row) {
            self.found.push(Examined { row, damage });
        }
    }

    /// Hands over what has been found; called between two fetches. Says now and then how far it has come.
    pub fn hand_over(&mut self, each: &mut dyn FnMut(Examined) -> Result<()>) -> Result<()> {
        pgrx::check_for_interrupts!();
        if self.told.elapsed() >= TOLD {
            self.told = Instant::now();
            pgrx::notice!("verified {} rows with {} points", self.rows, self.points);
        }
        self.found.drain(..).try_for_each(each)
    }
}
