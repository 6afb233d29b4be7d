//! Arrays that name series: by name and labels or by id, once for all points, point by point, or by an index.

use super::arguments::labels_of;
use crate::pg::error::{Error, Result, SqlState, uuid_text};
use crate::pg::json::Jsonb;
use pgrx::datum::{Array, Uuid};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use timedb_rules::limits::Call;
use timedb_rules::upload::{NamedSeries, SeriesList, SeriesRef};

/// After so many points a loop looks whether it is to end.
const CHECK_EVERY: usize = 1 << 14;

/// The arrays as they were given to a call.
#[derive(Clone, Copy, Default)]
pub struct NamedArrays<'a, 'mcx> {
    pub call: Call,
    pub name: Option<&'a Array<'mcx, &'mcx str>>,
    pub labels: Option<&'a Array<'mcx, Jsonb>>,
    pub unit: Option<&'a Array<'mcx, &'mcx str>>,
    pub description: Option<&'a Array<'mcx, &'mcx str>>,
    pub series_id: Option<&'a Array<'mcx, Uuid>>,
    pub series_index: Option<&'a Array<'mcx, i32>>,
}

/// The series that the arrays name and, for each point, its place among them. A loop over plain numbers takes some
/// ten milliseconds at most; the others can be interrupted.
///
/// # Errors
/// 54000 for too many series, 2202E for lengths that do not fit, 22004 for a null where none can be, 22023 for series
/// that are named by both or neither of `name` and `series_id`, and for labels and descriptions beside an id.
pub fn series_of(arrays: &NamedArrays, points: usize) -> Result<(Vec<SeriesRef>, Vec<u32>)> {
    let named = match (arrays.name, arrays.series_id) {
        (Some(names), None) => names.len(),
        (None, Some(ids)) => ids.len(),
        _ => {
            return Err(Error::invalid("give either name or series_id")
                .hint("For instance name => ARRAY['temperature']."));
        }
    };
    if arrays.series_id.is_some() {
        let beside = [
            ("labels", arrays.labels.is_some()),
            ("description", arrays.description.is_some()),
        ];
        if let Some((what, _)) = beside.into_iter().find(|(_, is_given)| *is_given) {
            return Err(Error::invalid(format!("{what} given beside series_id"))
                .hint("They go with name. timedb.rename_series() and timedb.update_series() change what a series has."));
        }
    }
    if let Some(index) = arrays.series_index {
        if index.len() != points {
            return Err(mismatch("series_index", index.len(), points));
        }
        let series = dictionary(arrays, named)?;
        let places = places(index, named)?;
        return Ok((series.into_vec(), places));
    }
    match named {
        1 => Ok((dictionary(arrays, 1)?.into_vec(), vec![0; points])),
        n if n == points => one_a_point(arrays, points),
        n => Err(mismatch("name or series_id", n, points)
            .hint("Give one for all points, one for each point, or a series_index.")),
    }
}

fn places(index: &Array<i32>, series: usize) -> Result<Vec<u32>> {
    index
        .iter()
        .map(|i| match i {
            Some(i) if i >= 1 && i as usize <= series => Ok(i as u32 - 1),
            Some(i) => Err(Error::array(format!(
                "series_index {i} is not between 1 and {series}, the number of series given"
            ))),
            None => Err(null_in("series_index")),
        })
        .collect()
}

/// One series for each element of `name` or `series_id`.
fn dictionary(arrays: &NamedArrays, n: usize) -> Result<SeriesList> {
    let mut list = SeriesList::with_capacity(n, arrays.call)?;
    for named in Named::of(arrays, n)? {
        list.push(named?.series()?)?;
    }
    Ok(list)
}

/// Names given point by point: the distinct ones become the dictionary, in order of appearance.
fn one_a_point(arrays: &NamedArrays, points: usize) -> Result<(Vec<SeriesRef>, Vec<u32>)> {
    let only_names =
        arrays.labels.is_none() && arrays.unit.is_none() && arrays.description.is_none();
    if let (Some(names), true) = (arrays.name, only_names) {
        let series = |name: &str| {
            SeriesRef::Named(NamedSeries {
                name: name.to_owned(),
                ..NamedSeries::default()
            })
        };
        return distinct(names.iter(), "name", arrays.call, series);
    }
    if let (Some(ids), None) = (arrays.series_id, arrays.unit) {
        let ids = ids.iter().map(|id| id.map(|id| *id.as_bytes()));
        return distinct(ids, "series_id", arrays.call, |id| SeriesRef::Id {
            id,
            unit: None,
        });
    }
    // What is given for a point, and what it means: labels may be written in several ways.
    let mut given: HashMap<Given, u32> = HashMap::new();
    let mut places: HashMap<String, u32> = HashMap::new();
    let (mut list, mut index) = (
        SeriesList::with_capacity(0, arrays.call)?,
        Vec::with_capacity(points),
    );
    for named in Named::of(arrays, points)? {
        let named = named?;
        if let Some(place) = given.get(&named.given) {
            index.push(*place);
            continue;
        }
        let one = named.series()?;
        // With the unit: it says what each point's value is in.
        let unit = one.unit().unwrap_or_default();
        let key = match &one {
            SeriesRef::Id { id, .. } => format!("{}\0{unit}", uuid_text(id)),
            SeriesRef::Named(named) => {
                format!("{}\0{unit}\0{}", named.name, named.labels.json())
            }
        };
        let place = match places.entry(key) {
            Entry::Occupied(place) => *place.get(),
            Entry::Vacant(none) => *none.insert(list.push(one)?),
        };
        arrays.call.check_series(given.len() + 1)?;
        given.insert(named.given, place);
        index.push(place);
    }
    Ok((list.into_vec(), index))
}

/// What the arrays say about one series, unchanged.
struct Named<'a> {
    given: Given<'a>,
    labels: Option<Jsonb>,
    description: Option<&'a str>,
}

/// What tells series apart.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Given<'a> {
    who: Who<'a>,
    unit: Option<&'a str>,
    labels: &'a [u8],
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Who<'a> {
    Id([u8; 16]),
    Name(&'a str),
}

impl<'a> Named<'a> {
    /// The `n` series of the arrays, one after the other.
    fn of(arrays: &NamedArrays<'a, '_>, n: usize) -> Result<impl Iterator<Item = Result<Self>>> {
        let mut unit = spread("unit", arrays.unit.map(|a| (a.len(), a.iter())), n)?;
        let mut ids = arrays.series_id.map(|ids| ids.iter());
        let mut names = arrays.name.map(|names| names.iter());
        let mut labels = spread("labels", arrays.labels.map(|a| (a.len(), a.iter())), n)?;
        let texts = arrays.description.map(|a| (a.len(), a.iter()));
        let mut description = spread("description", texts, n)?;
        let mut passed = 0_usize;
        Ok(std::iter::from_fn(move || {
            passed += 1;
            if passed.is_multiple_of(CHECK_EVERY) {
                pgrx::check_for_interrupts!();
            }
            let who = match (&mut ids, &mut names) {
                (Some(ids), _) => ids.next()?.map(|id| Who::Id(*id.as_bytes())),
                (None, Some(names)) => names.next()?.map(Who::Name),
                (None, None) => return None,
            };
            let missing = if ids.is_some() { "series_id" } else { "name" };
            let labels = labels();
            Some(who.ok_or_else(|| null_in(missing)).map(|who| Self {
                given: Given {
                    who,
                    unit: unit(),
                    // SAFETY: the array lives as long as what is made of it here.
                    labels: labels.map_or(&[], |labels| unsafe { labels.element_bytes() }),
                },
                labels,
                description: description(),
            }))
        }))
    }

    fn series(&self) -> Result<SeriesRef> {
        let unit = self.given.unit.map(str::to_owned);
        Ok(match self.given.who {
            Who::Id(id) => SeriesRef::Id { id, unit },
            Who::Name(name) => SeriesRef::Named(NamedSeries {
                name: name.to_owned(),
                labels: self.labels.map(labels_of).transpose()?.unwrap_or_default(),
                unit,
                description: self.description.map(str::to_owned),
            }),
        })
    }
}

/// The series of the distinct keys in order of appearance, and for each point its key's place.
fn distinct<K: Copy + Eq + std::hash::Hash>(
    keys: impl Iterator<Item = Option<K>>,
    what: &str,
    call: Call,
    series: impl Fn(K) -> SeriesRef,
) -> Result<(Vec<SeriesRef>, Vec<u32>)> {
    let mut places: HashMap<K, u32> = HashMap::new();
    let (mut list, mut index) = (SeriesList::with_capacity(0, call)?, Vec::new());
    let mut last: Option<(K, u32)> = None;
    for key in keys {
        let key = key.ok_or_else(|| null_in(what))?;
        let place = match last {
            Some((same, place)) if same == key => place,
            _ => match places.entry(key) {
                Entry::Occupied(place) => *place.get(),
                Entry::Vacant(none) => *none.insert(list.push(series(key))?),
            },
        };
        last = Some((key, place));
        if index.len().is_multiple_of(CHECK_EVERY) {
            pgrx::check_for_interrupts!();
        }
        index.push(place);
    }
    Ok((list.into_vec(), index))
}

/// What an optional array says of each of `n` series, one after the other, or says once for all of them.
fn spread<T: Copy>(
    what: &str,
    array: Option<(usize, impl Iterator<Item = Option<T>>)>,
    n: usize,
) -> Result<impl FnMut() -> Option<T>> {
    let (length, items) = array.unzip();
    if let Some(length) = length.filter(|&length| length != n && length != 1) {
        return Err(mismatch(what, length, n));
    }
    let mut items = items.into_iter().flatten();
    let mut last = None;
    // Only an array of one element ends before the series do.
    Ok(move || {
        last = items.next().unwrap_or(last);
        last
    })
}

/// 22004: a null where none can be.
pub fn null_in(what: &str) -> Error {
    Error::new(
        SqlState::NULL_VALUE_NOT_ALLOWED,
        format!("{what} must not be or contain null"),
    )
}

/// 2202E: an array of another length than the others.
pub fn mismatch(what: &str, length: usize, expected: usize) -> Error {
    Error::array(format!(
        "{what} has {length} elements where {expected} are expected"
    ))
}
