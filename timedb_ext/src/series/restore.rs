//! Series as they were in another store, with their ids.

use super::create::create_labels;
use crate::pg::error::{Error, Result};
use crate::pg::spi::{Arg, statements};
use crate::pg::time;
use timedb_rules::labels::{Labels, check_name, check_unit, identity, refuse_nul};

statements! {
    PARSE(TEXTS) -> (UUID, TEXT, TEXT, TEXT, TEXT, TIMESTAMP) =
        c"SELECT s.series_id, s.name, s.unit, s.description, s.labels::text, s.created_at \
          FROM unnest($1) AS l(line), \
               LATERAL json_to_record(l.line::json) \
                   AS s(series_id uuid, name text, unit text, description text, labels jsonb, created_at timestamptz)";
    INSERT(UUID, UUIDS, TEXTS, TEXTS, TEXTS, TEXTS, BYTEAS, TIMESTAMPS) =
        c"INSERT INTO timedb.series (tenant_id, series_id, name, unit, description, labels, identity, created_at) \
          SELECT $1, n.series_id, n.name, n.unit, NULLIF(n.description, E'\\n'), n.labels::jsonb, n.identity, n.created_at \
          FROM unnest($2, $3, $4, $5, $6, $7, $8) \
               AS n(series_id, name, unit, description, labels, identity, created_at)";
}

/// A description that is none: no stored one consists of a line break alone, for it would be blank.
const NONE: &str = "\n";

struct RestoredSeries {
    id: [u8; 16],
    name: String,
    unit: String,
    description: Option<String>,
    labels: Labels,
    created_at: i64,
}

/// Stores series from their records in an export. Call with SPI connected.
///
/// # Errors
/// 22023 for a series that cannot be; 22P02 and the like for what cannot be read; 23505 for one that is there already.
pub fn restore(tenant: &[u8; 16], records: &[&str]) -> Result<()> {
    let args = [Arg::texts(records.iter().copied())];
    let series = PARSE.rows(true, &args, |row| {
        let missing = || Error::invalid("a series lacks a field");
        let stored = RestoredSeries {
            id: row.optional_uuid(1)?.ok_or_else(missing)?,
            name: row.text(2)?.ok_or_else(missing)?,
            unit: row.text(3)?.ok_or_else(missing)?,
            description: row.text(4)?,
            labels: Labels::parse(&row.text(5)?.ok_or_else(missing)?)?,
            created_at: row.optional_int8(6)?.ok_or_else(missing)?,
        };
        check(&stored)?;
        Ok(stored)
    })?;
    let labels: Vec<String> = series.iter().map(|one| one.labels.json()).collect();
    let identities: Vec<[u8; 32]> = series
        .iter()
        .map(|one| identity(&one.name, &one.labels))
        .collect();
    let args = [
        Arg::uuid(tenant),
        Arg::uuids(series.iter().map(|one| &one.id)),
        Arg::texts(series.iter().map(|one| one.name.as_str())),
        Arg::texts(series.iter().map(|one| one.unit.as_str())),
        Arg::texts(
            series
                .iter()
                .map(|one| one.description.as_deref().unwrap_or(NONE)),
        ),
        Arg::texts(labels.iter().map(String::as_str)),
        Arg::byteas(identities.iter().map(|identity| identity.as_slice())),
        Arg::timestamps(series.iter().map(|one| one.created_at)),
    ];
    INSERT.execute(&args)?;
    let pairs = series
        .iter()
        .flat_map(|one| one.labels.pairs().map(|pair| (one.id, pair)));
    create_labels(tenant, pairs)
}

/// A series that is stored somewhere keeps what it has, so that the rules for new ones do not count.
fn check(series: &RestoredSeries) -> Result<()> {
    if series.id == [0; 16] {
        return Err(Error::invalid("the zero UUID is the id of no series"));
    }
    check_name(&series.name)?;
    check_unit(&series.unit)?;
    if let Some(description) = &series.description {
        refuse_nul(description, "the description of a series")?;
    }
    time::stored_from_pg(series.created_at, "created_at").map(|_| ())
}
