//! Series by their labels: who has one, and which of some series have it. Knows the table of labels, and that a filter
//! with several labels should begin with the rarest.

use crate::pg::error::Result;
use crate::pg::spi::{Arg, statements};
use timedb_rules::labels::{Labels, value_hash, value_head};

/// How many series each label is asked for before one is found that has no more, and how that grows.
const FIRST_LOOK: usize = 1_000;
const LOOK_GROWS: usize = 16;
/// Beyond so many series it is quicker to go through all that have a label than to look each up, unless these are
/// so many times more.
const MANY: usize = 4_000;
const MANY_MORE: usize = 8;

statements! {
    WITH_LABEL(TEXT, TEXT, BYTEA, TEXT, INT8) -> (UUID) =
        c"SELECT series_id FROM timedb.series_labels \
          WHERE label = $1 AND value_head = $2 AND value_hash = $3 AND value = $4 \
          ORDER BY series_id LIMIT $5";
    // One look into the index for each: as a condition on an array it could become a filter of all that have
    // the label.
    OF_THESE(TEXT, TEXT, BYTEA, TEXT, UUIDS) -> (UUID) =
        c"SELECT o.series_id FROM unnest($5) AS o(series_id) \
          CROSS JOIN LATERAL ( \
              SELECT FROM timedb.series_labels AS l \
              WHERE l.label = $1 AND l.value_head = $2 AND l.value_hash = $3 AND l.value = $4 \
                AND l.series_id = o.series_id \
              LIMIT 1 \
          ) AS l";
    COUNT(TEXT, TEXT, BYTEA, TEXT) -> (INT8) =
        c"SELECT count(*) FROM timedb.series_labels \
          WHERE label = $1 AND value_head = $2 AND value_hash = $3 AND value = $4";
}

/// The series that have all of the labels, ascending by id: `None` if every label has more than `most`
/// of them. Call with at least one label.
///
/// # Errors
/// XX000 when a statement fails.
pub fn with_all(labels: &Labels, most: usize) -> Result<Option<Vec<[u8; 16]>>> {
    let pairs: Vec<(&str, &str)> = labels.pairs().collect();
    let mut look = match pairs.len() {
        // Nothing to compare it with.
        1 => most,
        _ => FIRST_LOOK.min(most),
    };
    loop {
        // The shortest list so far, and whose it is: no other label needs to give more than that.
        let mut shortest: Option<(usize, Vec<[u8; 16]>)> = None;
        for (i, pair) in pairs.iter().enumerate() {
            let limit = shortest.as_ref().map_or(look + 1, |(_, ids)| ids.len());
            let found = with_label(*pair, limit)?;
            if found.len() < limit {
                shortest = Some((i, found));
            }
        }
        if let Some((rarest, mut ids)) = shortest {
            for (i, pair) in pairs.iter().enumerate() {
                if i != rarest && !ids.is_empty() {
                    ids = narrowed(*pair, ids)?;
                }
            }
            return Ok(Some(ids));
        }
        if look >= most {
            return Ok(None);
        }
        look = look.saturating_mul(LOOK_GROWS).min(most);
    }
}

/// Those of the series, ascending by id, that have the label: of many by going through the label's own, unless
/// it has many more.
fn narrowed(pair: (&str, &str), mut ids: Vec<[u8; 16]>) -> Result<Vec<[u8; 16]>> {
    if ids.len() > MANY {
        let limit = ids.len().saturating_mul(MANY_MORE);
        let with = with_label(pair, limit)?;
        if with.len() < limit {
            let mut with = with.into_iter().peekable();
            ids.retain(|id| {
                while with.next_if(|other| other < id).is_some() {}
                with.peek() == Some(id)
            });
            return Ok(ids);
        }
    }
    of_these(pair, &ids)
}

/// Those of the series that have all of the labels, in their order.
///
/// # Errors
/// XX000 when a statement fails.
pub fn keep(labels: &Labels, mut ids: Vec<[u8; 16]>) -> Result<Vec<[u8; 16]>> {
    for pair in labels.pairs() {
        if ids.is_empty() {
            break;
        }
        ids = of_these(pair, &ids)?;
    }
    Ok(ids)
}

/// How many series have the label.
///
/// # Errors
/// XX000 when the statement fails.
pub fn count(pair: (&str, &str)) -> Result<i64> {
    let n = COUNT.row(true, &arguments(pair), |row| row.int8(1))?;
    Ok(n.unwrap_or_default())
}

fn arguments((label, value): (&str, &str)) -> Vec<Arg> {
    vec![
        Arg::text(label),
        Arg::text(value_head(value)),
        Arg::bytea(&value_hash(value)),
        Arg::text(value),
    ]
}

fn with_label(pair: (&str, &str), limit: usize) -> Result<Vec<[u8; 16]>> {
    let mut args = arguments(pair);
    args.push(Arg::int8(i64::try_from(limit).unwrap_or(i64::MAX)));
    WITH_LABEL.rows(true, &args, |row| row.uuid(1))
}

fn of_these(pair: (&str, &str), of: &[[u8; 16]]) -> Result<Vec<[u8; 16]>> {
    let mut args = arguments(pair);
    args.push(Arg::uuids(of.iter()));
    OF_THESE.rows(true, &args, |row| row.uuid(1))
}
