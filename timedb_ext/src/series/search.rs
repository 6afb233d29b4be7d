//! Searching for series: by name, prefix, labels and words, page by page, ordered by (name, series_id).
//!
//! If few series have the requested labels, they are fetched and sorted; otherwise the index by name is walked from
//! where the page begins, and its results are filtered. So no page holds more than itself in memory.

mod rows;

pub use rows::rows;

use super::labelled;
use crate::pg::error::{Error, Result};
use crate::pg::spi::{Arg, Row, statements};
use std::collections::HashSet;
use timedb_rules::labels::Labels;

/// Series with the labels asked for that are fetched and sorted; with more of them the names are walked.
const FEW: usize = 4_000;
/// The same where only their number is wanted.
const COUNTED: usize = 200_000;
/// Series looked at in one step of a walk: few at first, so that a small page costs little.
const FIRST_STEP: usize = 100;
const STEP: usize = 2_000;

statements! {
    FROM(TEXT, UUID, INT8) -> (UUID, TEXT, TEXT) =
        c"SELECT series_id, name, description FROM timedb.series \
          WHERE (name, series_id) > ($1, $2) ORDER BY name, series_id LIMIT $3";
    UNTIL(TEXT, UUID, INT8, TEXT) -> (UUID, TEXT, TEXT) =
        c"SELECT series_id, name, description FROM timedb.series \
          WHERE (name, series_id) > ($1, $2) AND name < $4 ORDER BY name, series_id LIMIT $3";
    NAMED(TEXT, UUID, INT8) -> (UUID, TEXT, TEXT) =
        c"SELECT series_id, name, description FROM timedb.series \
          WHERE name = $1 AND series_id > $2 ORDER BY series_id LIMIT $3";
    THESE(UUIDS) -> (UUID, TEXT, TEXT) =
        c"SELECT i.series_id, s.name, s.description FROM unnest($1) AS i(series_id) \
          CROSS JOIN LATERAL (SELECT series_id, name, description FROM timedb.series \
                              WHERE series_id >= i.series_id ORDER BY series_id LIMIT 1) AS s \
          WHERE s.series_id = i.series_id";
    NAME_OF(UUID) -> (TEXT) = c"SELECT name FROM timedb.series WHERE series_id = $1";
    COUNT_ALL() -> (INT8) = c"SELECT count(*) FROM timedb.series";
    COUNT_NAMED(TEXT) -> (INT8) = c"SELECT count(*) FROM timedb.series WHERE name = $1";
    COUNT_FROM(TEXT) -> (INT8) = c"SELECT count(*) FROM timedb.series WHERE name >= $1";
    COUNT_UNTIL(TEXT, TEXT) -> (INT8) = c"SELECT count(*) FROM timedb.series WHERE name >= $1 AND name < $2";
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

/// A place in the order of series: the one after which a page begins, or that of a series.
#[derive(Default, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    name: String,
    id: [u8; 16],
}

struct FoundSeries {
    place: Place,
    description: Option<String>,
}

impl FoundSeries {
    fn of(row: &Row) -> Result<Self> {
        let name = row.text(2)?.unwrap_or_default();
        Ok(Self {
            place: Place {
                name,
                id: row.uuid(1)?,
            },
            description: row.text(3)?,
        })
    }

    /// Whether name or description has these words, which are in lower case.
    fn has(&self, words: Option<&String>) -> bool {
        let has = |text: &String| words.is_none_or(|words| text.to_lowercase().contains(words));
        has(&self.place.name) || self.description.as_ref().is_some_and(has)
    }
}

/// The first `most` series after the series `after`, in the order of (name, series_id).
///
/// # Errors
/// 42704 for an `after` that is not a series.
pub fn page(search: &Search, most: usize, after: Option<[u8; 16]>) -> Result<Vec<[u8; 16]>> {
    let mut place = after.map(place_of).transpose()?.unwrap_or_default();
    if let Some(ids) = few_with_labels(search)? {
        let mut found = those(search, &ids)?;
        found.retain(|found| *found > place);
        found.sort();
        return Ok(found.iter().take(most).map(|found| found.id).collect());
    }
    let mut page = Vec::new();
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
    let (mut n, mut place) = (0, Place::default());
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

fn place_of(id: [u8; 16]) -> Result<Place> {
    let name = NAME_OF.row(true, &[Arg::uuid(&id)], |row| row.text(1))?;
    let name = name.ok_or_else(|| Error::no_such_series(&id))?;
    Ok(Place {
        name: name.unwrap_or_default(),
        id,
    })
}

/// The series that have the labels asked for; `None` where there are many, or no label is asked for.
fn few_with_labels(search: &Search) -> Result<Option<Vec<[u8; 16]>>> {
    match &search.labels {
        Some(labels) if labels.pairs().next().is_some() => labelled::with_all(labels, FEW),
        _ => Ok(None),
    }
}

/// Those of the series that the rest of the search wants.
fn those(search: &Search, ids: &[[u8; 16]]) -> Result<Vec<Place>> {
    let words = search.words.as_deref().map(str::to_lowercase);
    let prefix = search.prefix.as_deref().unwrap_or_default();
    let mut found = Vec::new();
    THESE.run(true, &[Arg::uuids(ids.iter())], |row| {
        let one = FoundSeries::of(row)?;
        let name = &one.place.name;
        if search.name.as_ref().is_none_or(|wanted| wanted == name)
            && name.starts_with(prefix)
            && one.has(words.as_ref())
        {
            found.push(one.place);
        }
        Ok(())
    })?;
    Ok(found)
}

/// Looks at the next `step` series by name: those that are wanted, and where to go on, `None` at the end.
fn walk(search: &Search, from: &Place, step: usize) -> Result<(Vec<[u8; 16]>, Option<Place>)> {
    let words = search.words.as_deref().map(str::to_lowercase);
    let prefix = search.prefix.as_deref().unwrap_or_default();
    let mut looked_at = 0;
    let mut last = None;
    let mut ids = Vec::new();
    let each = |row: &Row| {
        let one = FoundSeries::of(row)?;
        looked_at += 1;
        if one.has(words.as_ref()) {
            ids.push(one.place.id);
        }
        last = Some(one.place);
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
            NAMED.run(true, &args, each)?;
        }
        None => {
            let (name, id) = match from.name.as_str() {
                name if name < prefix => (prefix, [0; 16]),
                name => (name, from.id),
            };
            let mut args = vec![Arg::text(name), Arg::uuid(&id), limit];
            let end = after_prefix(prefix);
            args.extend(end.as_deref().map(Arg::text));
            let statement = if end.is_some() { &UNTIL } else { &FROM };
            statement.run(true, &args, each)?;
        }
    }
    if let Some(labels) = &search.labels {
        let kept: HashSet<_> = labelled::keep(labels, ids.clone())?.into_iter().collect();
        ids.retain(|id| kept.contains(id));
    }
    Ok((ids, last.filter(|_| looked_at == step)))
}

fn count_by_name(search: &Search) -> Result<i64> {
    let prefix = search.prefix.as_deref().unwrap_or_default();
    let (statement, args) = match (&search.name, after_prefix(prefix)) {
        (Some(name), _) if !name.starts_with(prefix) => return Ok(0),
        (Some(name), _) => (&COUNT_NAMED, vec![Arg::text(name)]),
        (None, _) if prefix.is_empty() => (&COUNT_ALL, vec![]),
        (None, Some(end)) => (&COUNT_UNTIL, vec![Arg::text(prefix), Arg::text(&end)]),
        (None, None) => (&COUNT_FROM, vec![Arg::text(prefix)]),
    };
    let n = statement.row(true, &args, |row| row.int8(1))?;
    Ok(n.unwrap_or_default())
}

/// The least text that comes after all that begin with the prefix, by the characters' numbers; `None` where
/// nothing does.
fn after_prefix(prefix: &str) -> Option<String> {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        // Between the two halves of the characters lie numbers that are none.
        let next = match last {
            '\u{d7ff}' => Some('\u{e000}'),
            last => char::from_u32(u32::from(last) + 1),
        };
        if let Some(next) = next {
            text.push(next);
            return Some(text);
        }
    }
    None
}
