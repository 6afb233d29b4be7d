//! Series as the extension knows them. The modules work with them: `find` for reads, `create` and `look_up` for writes, `existing` for what names each series by itself, `search` for
//! people who browse, `change`, `about` for the description of one, and `stats` for how much is stored.

mod about;
mod change;
mod create;
mod existing;
mod find;
mod labelled;
mod look_up;
mod restore;
mod search;
pub mod stats;
pub mod units;

pub use about::describe_series;
pub use change::{SeriesUpdate, delete, rename, update};
pub use create::{get_or_create, other_unit};
pub use existing::existing;
pub use find::{find, list};
pub use look_up::Resolved;
pub use restore::restore;
pub use search::{Search, count, page, rows};

use std::collections::BTreeSet;
use timedb_rules::labels::Labels;

/// The unit of a series that was given none.
pub const DEFAULT_UNIT: &str = "dimensionless";

/// What a reader learns about a series.
#[derive(Debug, Clone)]
pub struct SeriesInfo {
    pub id: [u8; 16],
    pub name: String,
    pub unit: String,
    /// Compact JSON object.
    pub labels: String,
}

impl SeriesInfo {
    /// How many bytes its texts take.
    pub fn bytes(&self) -> usize {
        self.name.len() + self.unit.len() + self.labels.len()
    }
}

/// Which series a read is about; `None` means no restriction.
#[derive(Debug, Default)]
pub struct SeriesFilter {
    pub ids: Option<Vec<[u8; 16]>>,
    pub name: Option<String>,
    pub labels: Option<Labels>,
    /// Several names, of which a series has one; none where `name` says it.
    pub names: Option<BTreeSet<String>>,
}

impl SeriesFilter {
    /// The series with these ids.
    pub fn of_ids(ids: Vec<[u8; 16]>) -> Self {
        Self {
            ids: Some(ids),
            ..Self::default()
        }
    }

    /// The same of those series only that have one of these names.
    pub fn with_names(mut self, names: Option<BTreeSet<String>>) -> Self {
        let Some(mut names) = names else { return self };
        names.retain(|name| self.name.as_ref().is_none_or(|only| only == name));
        match names.len() {
            0 => self.ids = Some(Vec::new()),
            1 => self.name = names.pop_first(),
            _ => self.names = Some(names),
        }
        self
    }

    /// Whether it selects all series.
    pub fn is_open(&self) -> bool {
        self.ids.is_none() && self.name.is_none() && self.labels.is_none() && self.names.is_none()
    }

    /// Whether it selects series of this name.
    fn has_name(&self, name: &str) -> bool {
        self.name.as_ref().is_none_or(|only| only == name)
            && self.names.as_ref().is_none_or(|names| names.contains(name))
    }
}

/// A new time-ordered UUID (RFC 9562, version 7).
pub fn uuid7() -> [u8; 16] {
    *uuid::Uuid::now_v7().as_bytes()
}
