//! The columns of the series of a page, fetched a few at a time as they are asked for.

use crate::identity::caller;
use crate::pg::error::{Error, Result};
use crate::pg::spi::{Arg, connected, statements};
use std::collections::VecDeque;

/// Series whose columns are fetched at a time: labels can be large.
const ROWS: usize = 100;

statements! {
    COLUMNS(UUIDS) -> (UUID, TEXT, TEXT, TEXT, TEXT, TIMESTAMP) =
        c"SELECT s.series_id, s.name, s.unit, s.description, s.labels::text, s.created_at \
          FROM unnest($1) WITH ORDINALITY AS p(series_id, ord) \
          JOIN timedb.series AS s ON s.series_id = p.series_id ORDER BY p.ord";
}

/// The columns of a series as they are reported.
pub struct SeriesRow {
    pub id: [u8; 16],
    pub name: String,
    pub unit: String,
    pub description: Option<String>,
    /// JSON.
    pub labels: String,
    /// As PostgreSQL has it.
    pub created_at: i64,
}

/// The columns of these series, in their order and fetched as they are asked for: 55000 when the tenant has
/// changed by then.
pub fn rows(ids: Vec<[u8; 16]>) -> impl Iterator<Item = Result<SeriesRow>> {
    let mut ready: VecDeque<SeriesRow> = VecDeque::new();
    let mut at = 0;
    let tenant = caller::tenant();
    std::iter::from_fn(move || {
        while ready.is_empty() && at < ids.len() {
            if caller::tenant() != tenant {
                return Some(Err(caller::refuse_changed_tenant()));
            }
            let end = ids.len().min(at + ROWS);
            let fetched = connected(|| columns(&ids[at..end]));
            at = end;
            match fetched {
                Ok(fetched) => ready = fetched.into(),
                Err(error) => return Some(Err(error)),
            }
        }
        ready.pop_front().map(Ok)
    })
}

fn columns(ids: &[[u8; 16]]) -> Result<Vec<SeriesRow>> {
    COLUMNS.rows(true, &[Arg::uuids(ids.iter())], |row| {
        let text = |column| Ok::<_, Error>(row.text(column)?.unwrap_or_default());
        Ok(SeriesRow {
            id: row.uuid(1)?,
            name: text(2)?,
            unit: text(3)?,
            description: row.text(4)?,
            labels: text(5)?,
            created_at: row.int8(6)?,
        })
    })
}
