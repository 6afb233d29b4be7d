//! Searching for series: by name, prefix, labels and words, page by page, ordered by (name, series_id).
//!
//! If few series have the requested labels, they are fetched and sorted; otherwise the index by name is walked from
//! where the page begins, and its results are filtered. So no page holds more than itself in memory.

mod found;
mod rows;
mod words;

pub use rows::rows;

use super::{UUID_ARRAY, labelled};
use crate::pg::error::{Error, Result};
use crate::pg::spi::{Arg, Row, Statement};
use found::FoundSeries;
use pgrx::pg_sys::{self, Oid};
use std::collections::HashSet;
use timedb_rules::labels::Labels;
use words::Words;

/// Series with the labels asked for that are fetched and sorted; with more of them the names are walked.
const FEW: usize = 4_000;
/// The same where only their number is wanted.
const COUNTED: usize = 200_000;
/// Series looked at in one step of a walk: few at first, so that a small page costs little.
const FIRST_STEP: usize = 100;
const STEP: usize = 2_000;

const PLACE: &[Oid] = &[pg_sys::TEXTOID, pg_sys::UUIDOID, pg_sys::INT8OID];
const RANGE: &[Oid] = &[
    pg_sys::TEXTOID,
    pg_sys::UUIDOID,
    pg_sys::INT8OID,
    pg_sys::TEXTOID,
];

thread_local! {
    static FROM: Statement = const { Statement::new(
        c"SELECT series_id, name, description FROM timedb.series \
          WHERE (name, series_id) > ($1, $2) ORDER BY name, series_id LIMIT $3",
        PLACE,
        &[pg_sys::UUIDOID, pg_sys::TEXTOID, pg_sys::TEXTOID],
    ) };
    static UNTIL: Statement = const { Statement::new(
        c"SELECT series_id, name, description FROM timedb.series \
          WHERE (name, series_id) > ($1, $2) AND name < $4 ORDER BY name, series_id LIMIT $3",
        RANGE,
        &[pg_sys::UUIDOID, pg_sys::TEXTOID, pg_sys::TEXTOID],
    ) };
    static NAMED: Statement = const { Statement::new(
        c"SELECT series_id, name, description FROM timedb.series \
          WHERE name = $1 AND series_id > $2 ORDER BY series_id LIMIT $3",
        PLACE,
        &[pg_sys::UUIDOID, pg_sys::TEXTOID, pg_sys::TEXTOID],
    ) };
    static THESE: Statement = const { Statement::new(
        c"SELECT series_id, name, description FROM timedb.series WHERE series_id = ANY ($1)",
        &[UUID_ARRAY],
        &[pg_sys::UUIDOID, pg_sys::TEXTOID, pg_sys::TEXTOID],
    ) };
    static NAME_OF: Statement = const { Statement::new(
        c"SELECT name FROM timedb.series WHERE series_id = $1",
        &[pg_sys::UUIDOID],
        &[pg_sys::TEXTOID],
    ) };
    static COUNT_ALL: Statement = const { Statement::new(
        c"SELECT count(*) FROM timedb.series",
        &[],
        &[pg_sys::INT8OID],
    ) };
    static COUNT_NAMED: Statement = const { Statement::new(
        c"SELECT count(*) FROM timedb.series WHERE name = $1",
        &[pg_sys::TEXTOID],
        &[pg_sys::INT8OID],
    ) };
    static COUNT_FROM: Statement = const { Statement::new(
        c"SELECT count(*) FROM timedb.series WHERE name >= $1",
        &[pg_sys::TEXTOID],
        &[pg_sys::INT8OID],
    ) };
    static COUNT_UNTIL: Statement = const { Statement::new(
        c"SELECT count(*) FROM timedb.series WHERE name >= $1 AND name < $2",
        &[pg_sys::TEXTOID, pg_sys::TEXTOID],
        &[pg_sys::INT8OID],
    ) };
}

/// Which series are wanted; `None` means no restriction.
#[derive(Debug, Default)]
pub struct Search {
    pub name: Option<String>,
    pub prefix: Option<String>,
    pub labels: Option<Labels>,
    /// Occurs anywhere in name or description, ignoring case.
    pub words: Option<String>,
}

/// The place in the order of series after which a page begins.
#[derive(Clone, Default)]
struct PageStart {
    name: String,
    id: [u8; 16],
}

/// The first `most` series after the series `after`, in the order of (name, series_id).
///
/// # Errors
/// 42704 for an `after` that is not a series.
pub fn page(search: &Search, most: usize, after: Option<[u8; 16]>) -> Result<Vec<[u8; 16]>> {
    let mut place = after.map(place_of).transpose()?.unwrap_or_default();
    let mut page = Vec::new();
    if let Some(ids) = few_with_labels(search)? {
        let begin = |found: &FoundSeries| (found.name.as_str(), found.id) > (&place.name, place.id);
        let mut found = those(search, &ids)?;
        found.retain(begin);
        found.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
        page.extend(found.into_iter().take(most).map(|found| found.id));
        return Ok(page);
    }
    let mut step = FIRST_STEP.max(most.min(STEP));
    while page.len() < most {
        let (ids, last) = walk(search, &place, step)?;
        page.extend(ids.into_iter().take(most - page.len()));
        match last {
            Some(last) => place = last,
            None => break,
        }
        step = STEP;
        pgrx::check_for_interrupts!();
    }
    Ok(page)
}

/// How many series there are.
///
/// # Errors
/// XX000 when a statement fails.
pub fn count(search: &Search) -> Result<i64> {
    let labels = search.labels.as_ref().map(|labels| labels.pairs());
    let pairs: Vec<_> = labels.into_iter().flatten().collect();
    let by_name = search.name.is_some() || search.prefix.is_some();
    match (pairs.as_slice(), &search.words) {
        ([], None) => return count_by_name(search),
        ([pair], None) if !by_name => return labelled::count(*pair),
        (_, None) if !by_name => {
            let labels = search.labels.clone().unwrap_or_default();
            if let Some(ids) = labelled::with_all(&labels, COUNTED)? {
                return Ok(ids.len() as i64);
            }
        }
        _ => {}
    }
    if let Some(ids) = few_with_labels(search)? {
        return Ok(those(search, &ids)?.len() as i64);
    }
    let (mut n, mut place) = (0, PageStart::default());
    loop {
        let (ids, last) = walk(search, &place, STEP)?;
        n += ids.len() as i64;
        match last {
            Some(last) => place = last,
            None => return Ok(n),
        }
        pgrx::check_for_interrupts!();
    }
}

fn place_of(id: [u8; 16]) -> Result<PageStart> {
    let mut place = None;
    NAME_OF.with(|s| {
        s.run(true, &[Arg::uuid(&id)], |row| {
            let name = row.text(1)?.unwrap_or_default();
            place = Some(PageStart { name, id });
            Ok(())
        })
    })?;
    place.ok_or_else(|| Error::no_such_series(&id))
}

/// The series that have the labels asked for; `None` where there are many, or no label is asked for.
fn few_with_labels(search: &Search) -> Result<Option<Vec<[u8; 16]>>> {
    match &search.labels {
        Some(labels) if labels.pairs().next().is_some() => labelled::with_all(labels, FEW),
        _ => Ok(None),
    }
}

/// Those of the series that the rest of the search wants.
fn those(search: &Search, ids: &[[u8; 16]]) -> Result<Vec<FoundSeries>> {
    let words = search.words.as_deref().map(Words::new);
    let mut found = Vec::new();
    THESE.with(|s| {
        s.run(true, &[Arg::uuids(ids.iter())], |row| {
            let one = FoundSeries::of(row)?;
            let name = one.name.as_str();
            if search.name.as_ref().is_none_or(|wanted| wanted == name)
                && search
                    .prefix
                    .as_ref()
                    .is_none_or(|p| name.starts_with(p.as_str()))
                && words.as_ref().is_none_or(|words| words.are_in(&one))
            {
                found.push(one);
            }
            Ok(())
        })
    })?;
    Ok(found)
}

/// Looks at the next `step` series by name: those that are wanted, and where to go on, `None` at the end.
fn walk(
    search: &Search,
    from: &PageStart,
    step: usize,
) -> Result<(Vec<[u8; 16]>, Option<PageStart>)> {
    let words = search.words.as_deref().map(Words::new);
    let prefix = search.prefix.as_deref().unwrap_or_default();
    let mut looked_at = 0;
    let mut last = None;
    let mut ids = Vec::new();
    let each = |row: &Row| {
        let one = FoundSeries::of(row)?;
        looked_at += 1;
        if words.as_ref().is_none_or(|words| words.are_in(&one)) {
            ids.push(one.id);
        }
        last = Some(PageStart {
            name: one.name,
            id: one.id,
        });
        Ok(())
    };
    let limit = Arg::int8(step as i64);
    match &search.name {
        Some(name) if !name.starts_with(prefix) => {}
        Some(name) => {
            // Names before it come before it, and so do all of its series when the page begins after it.
            if from.name > *name {
                return Ok((ids, None));
            }
            let after = if from.name == *name { from.id } else { [0; 16] };
            let args = [Arg::text(name), Arg::uuid(&after), limit];
            NAMED.with(|s| s.run(true, &args, each))?;
        }
        None => {
            let (name, id) = match from.name.as_str() {
                name if name < prefix => (prefix, [0; 16]),
                name => (name, from.id),
            };
            let mut args = vec![Arg::text(name), Arg::uuid(&id), limit];
            match words::after_prefix(prefix) {
                Some(end) => {
                    args.push(Arg::text(&end));
                    UNTIL.with(|s| s.run(true, &args, each))?;
                }
                None => {
                    FROM.with(|s| s.run(true, &args, each))?;
                }
            }
        }
    }
    if let Some(labels) = &search.labels {
        let kept: HashSet<_> = labelled::keep(labels, ids.clone())?.into_iter().collect();
        ids.retain(|id| kept.contains(id));
    }
    Ok((ids, last.filter(|_| looked_at == step)))
}

fn count_by_name(search: &Search) -> Result<i64> {
    let mut n = 0;
    let each = |row: &Row| {
        n = row.int8(1)?;
        Ok(())
    };
    let prefix = search.prefix.as_deref().unwrap_or_default();
    match (&search.name, words::after_prefix(prefix)) {
        (Some(name), _) if !name.starts_with(prefix) => {}
        (Some(name), _) => {
            COUNT_NAMED.with(|s| s.run(true, &[Arg::text(name)], each))?;
        }
        (None, _) if prefix.is_empty() => {
            COUNT_ALL.with(|s| s.run(true, &[], each))?;
        }
        (None, Some(end)) => {
            let args = [Arg::text(prefix), Arg::text(&end)];
            COUNT_UNTIL.with(|s| s.run(true, &args, each))?;
        }
        (None, None) => {
            COUNT_FROM.with(|s| s.run(true, &[Arg::text(prefix)], each))?;
        }
    }
    Ok(n)
}
