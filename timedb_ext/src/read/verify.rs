//! Verification: walks through everything that a tenant has stored, reads all of it, and tells which rows are damaged.
//!
//! It only reads, under the caller's snapshot, a few rows at a time. What PostgreSQL itself cannot read, such as a page
//! of a table, is PostgreSQL's own error.

mod found;
mod series;
mod stored;

pub use found::{Damage, Examined};
pub use stored::chunk_problem;

use crate::pg::error::{Error, Result};
use found::Findings;
use std::collections::BTreeSet;
use stored::{EVERY_ID, EVERY_INSTANT};
use timedb_rules::DamagedRow;

/// Hands over what is damaged of the tenant's store, or of these series alone: they and their segments. Call with SPI
/// connected.
///
/// # Errors
/// 42704 for a series that does not exist; whatever `each` returns; the statements' own errors are raised.
pub fn verify(
    tenant: [u8; 16],
    of: Option<&BTreeSet<[u8; 16]>>,
    mut each: impl FnMut(Damage) -> Result<()>,
) -> Result<()> {
    let findings = &mut Findings::new(tenant, None);
    let each = &mut |examined: Examined| examined.damage.map_or(Ok(()), &mut each);
    if let Some(of) = of {
        for id in of {
            let range = &(*id..=*id);
            if series::series(findings, range, each)? == 0 {
                return Err(Error::no_such_series(id));
            }
            stored::segments(findings, range, each)?;
        }
        return Ok(());
    }
    series::series(findings, &EVERY_ID, each)?;
    series::labels(findings, each)?;
    // What others depend on comes first.
    stored::lists(findings, &EVERY_ID, each)?;
    let reached = stored::chunks(findings, each)?;
    stored::log(findings, &EVERY_INSTANT, reached, each)?;
    stored::segments(findings, &EVERY_ID, each)?;
    stored::requests(findings, &EVERY_ID, each)
}

/// Looks at one row, under the snapshot in force: `None` if there is none with this key. Call with SPI connected.
///
/// # Errors
/// The statements' own errors are raised.
pub fn examine(tenant: [u8; 16], row: DamagedRow) -> Result<Option<Examined>> {
    let findings = &mut Findings::new(tenant, Some(row));
    let mut found = None;
    let each = &mut |examined: Examined| {
        if examined.row == row && (found.is_none() || examined.damage.is_some()) {
            found = Some(examined);
        }
        Ok(())
    };
    match row {
        DamagedRow::Segment { series, .. } => {
            stored::segments(findings, &(series..=series), each)?;
        }
        DamagedRow::Log { change_time } => {
            let reached = stored::chunks(findings, each)?;
            stored::log(findings, &(change_time..=change_time), reached, each)?;
        }
        DamagedRow::Chunk { .. } => {
            stored::chunks(findings, each)?;
        }
        DamagedRow::List { id } => stored::lists(findings, &(id..=id), each)?,
        DamagedRow::Request { batch } => stored::requests(findings, &(batch..=batch), each)?,
        DamagedRow::Series { id } => {
            series::series(findings, &(id..=id), each)?;
            series::labels(findings, each)?;
        }
    }
    Ok(found)
}
