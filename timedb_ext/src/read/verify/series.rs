//! Verification of series: whether identity and rows of labels are those of name and labels. Nothing of them is told.

use super::found::{Damage, Examined, Findings};
use crate::pg::error::Result;
use crate::pg::spi::{Arg, Home, statements};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use timedb_rules::labels::{Labels, identity};
use timedb_rules::{DamagedRow, uuid_text};

/// Rows fetched at a time.
const FETCH: usize = 256;

statements! {
    // OFFSET 0 makes columns of what is computed: as conditions of the index they would have to be leakproof.
    SERIES(UUID, UUID) -> (UUID, TEXT, TEXT, BYTEA, BOOL) =
        c"SELECT s.series_id, s.name, s.labels::text, s.identity, \
                 EXISTS ( \
                     SELECT FROM ( \
                         SELECT e.key, e.value, \"left\"(e.value, 64) AS head, substr(sha256(convert_to(e.value, 'UTF8')), 1, 16) AS hash \
                         FROM jsonb_each_text(s.labels) AS e OFFSET 0 \
                     ) AS e \
                     WHERE NOT EXISTS ( \
                         SELECT FROM timedb.series_labels AS l \
                         WHERE l.label = e.key AND l.value_head = e.head AND l.value_hash = e.hash AND l.value = e.value \
                           AND l.series_id = s.series_id OFFSET 0 \
                     ) \
                 ) \
          FROM timedb.series AS s \
          WHERE s.series_id >= $1 AND s.series_id <= $2 \
          ORDER BY s.series_id";
    LABELS() -> (UUID) =
        c"SELECT l.series_id \
          FROM timedb.series_labels AS l LEFT JOIN timedb.series AS s ON s.series_id = l.series_id \
          WHERE (s.labels ->> l.label) IS DISTINCT FROM l.value \
             OR l.value_hash <> substr(sha256(convert_to(l.value, 'UTF8')), 1, 16)";
}

/// The series of a range of ids; returns how many there are.
///
/// # Errors
/// Whatever `each` returns; the statement's own errors are raised.
pub fn series(
    findings: &mut Findings,
    range: &RangeInclusive<[u8; 16]>,
    each: &mut dyn FnMut(Examined) -> Result<()>,
) -> Result<usize> {
    let args = [range.start(), range.end()].map(Arg::uuid);
    let mut query = SERIES.open(&args, Home::here())?;
    let mut count = 0;
    loop {
        let more = query.fetch(FETCH, |row| {
            count += 1;
            let id = row.uuid(1)?;
            let labels = Labels::parse(&row.text(3)?.unwrap_or_default());
            let name = row.text(2)?.unwrap_or_default();
            let fits = row.bytea(4, |stored| {
                Ok(labels.is_ok_and(|labels| identity(&name, &labels) == *stored))
            })?;
            let problem = match (fits, row.bool(5)?) {
                (false, _) => Some("its identity does not fit its name and labels"),
                (true, true) => Some("a row of series_labels is missing"),
                (true, false) => None,
            };
            findings.add(
                DamagedRow::Series { id },
                0,
                problem.map(|why| damage(id, why)),
            );
            Ok(())
        })?;
        findings.hand_over(each)?;
        if !more {
            return Ok(count);
        }
    }
}

/// Rows of labels that no series has.
///
/// # Errors
/// As [`series`].
pub fn labels(findings: &mut Findings, each: &mut dyn FnMut(Examined) -> Result<()>) -> Result<()> {
    let mut query = LABELS.open(&[], Home::here())?;
    let mut told = BTreeSet::new();
    loop {
        let more = query.fetch(FETCH, |row| {
            let id = row.uuid(1)?;
            if told.insert(id) {
                let problem = damage(id, "series_labels has a row that is not one of its labels");
                findings.add(problem.row, 0, Some(problem));
            }
            Ok(())
        })?;
        findings.hand_over(each)?;
        if !more {
            return Ok(());
        }
    }
}

fn damage(id: [u8; 16], why: &str) -> Damage {
    Damage::of(
        DamagedRow::Series { id },
        format!("series {}: {why}", uuid_text(&id)),
    )
}
