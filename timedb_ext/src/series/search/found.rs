//! A series as a search finds it.

use crate::pg::error::Result;
use crate::pg::spi::Row;

/// A series found: by what it is sorted, and by what it is found.
pub struct FoundSeries {
    pub id: [u8; 16],
    pub name: String,
    pub description: Option<String>,
}

impl FoundSeries {
    pub fn of(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.uuid(1)?,
            name: row.text(2)?.unwrap_or_default(),
            description: row.text(3)?,
        })
    }
}
