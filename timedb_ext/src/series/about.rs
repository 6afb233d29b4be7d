//! The description of one series: what it is, how much of it is stored, and for which times.

use super::stats::{Stored, of_series};
use crate::identity::caller;
use crate::pg::error::{Error, Result};
use crate::pg::spi::{Arg, statements};

statements! {
    ABOUT(UUID) -> (TEXT, TEXT, TEXT, TEXT, TIMESTAMP) =
        c"SELECT name, unit, description, labels::text, created_at FROM timedb.series WHERE series_id = $1";
}

/// The description of a series.
pub struct About {
    pub name: String,
    pub unit: String,
    pub description: Option<String>,
    /// JSON.
    pub labels: String,
    /// As PostgreSQL has it.
    pub created_at: i64,
    pub stored: Stored,
}

/// Looks at one series, and at what is stored of it.
///
/// # Errors
/// 42704 for an unknown id; as [`of_series`].
pub fn describe_series(id: &[u8; 16]) -> Result<About> {
    let found = ABOUT.row(true, &[Arg::uuid(id)], |row| {
        let text = |column| Ok::<_, Error>(row.text(column)?.unwrap_or_default());
        Ok(About {
            name: text(1)?,
            unit: text(2)?,
            description: row.text(3)?,
            labels: text(4)?,
            created_at: row.int8(5)?,
            stored: Stored::default(),
        })
    })?;
    let mut about = found.ok_or_else(|| Error::no_such_series(id))?;
    let tenant = caller::tenant().unwrap_or_default();
    about.stored = of_series(&tenant, &[*id])?.pop().unwrap_or_default();
    Ok(about)
}
