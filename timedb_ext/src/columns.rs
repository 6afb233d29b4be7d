//! The arrays of `timedb.upload()`: which point belongs to which series, and the columns.

use crate::error::{Error, Result, uuid_text};
use crate::labels::Labels;
use crate::pack::UploadColumns;
use crate::series::{NamedSeries, SeriesRef};
use crate::time;
use pgrx::PgSqlErrorCode;
use pgrx::datum::{Array, Uuid};
use std::collections::HashMap;
use timedb_segment::NO_END;

/// The arrays as they were given.
pub struct UploadArrays<'a, 'mcx> {
    pub valid_time: Option<&'a Array<'mcx, i64>>,
    pub value: Option<&'a Array<'mcx, f64>>,
    pub name: Option<&'a Array<'mcx, &'mcx str>>,
    /// jsonb as text.
    pub labels: Option<Vec<Option<String>>>,
    pub unit: Option<&'a Array<'mcx, &'mcx str>>,
    pub description: Option<&'a Array<'mcx, &'mcx str>>,
    pub series_id: Option<&'a Array<'mcx, Uuid>>,
    pub series_index: Option<&'a Array<'mcx, i32>>,
    pub valid_time_end: Option<&'a Array<'mcx, i64>>,
}

/// Checks the arrays against each other and turns them into columns.
///
/// # Errors
/// 2202E for lengths that do not fit, 22004 for a null where none can be, 22023 for series that
/// are named by both or neither of `name` and `series_id`.
pub fn from_arrays(arrays: UploadArrays) -> Result<UploadColumns> {
    let times = arrays.valid_time.ok_or_else(|| null_in("valid_time"))?;
    let values = arrays.value.ok_or_else(|| null_in("value"))?;
    let points = times.len();
    if values.len() != points {
        return Err(mismatch("value", values.len(), points));
    }
    let (series, series_index) = series_of(&arrays, points)?;
    let valid_time = times
        .as_slice()
        .map_err(|_| null_in("valid_time"))?
        .iter()
        .map(|&t| time::from_pg(t))
        .collect();
    let valid_time_end = arrays
        .valid_time_end
        .map(|ends| ends_of(ends, points))
        .transpose()?;
    let (value, nulls) = match values.as_slice() {
        Ok(values) => (values.to_vec(), None),
        Err(_) => {
            let nulls = values.iter().map(|v| v.is_none()).collect();
            (
                values.iter().map(Option::unwrap_or_default).collect(),
                Some(nulls),
            )
        }
    };
    Ok(UploadColumns {
        series,
        series_index,
        valid_time,
        valid_time_end,
        value,
        nulls,
    })
}

fn ends_of(ends: &Array<i64>, points: usize) -> Result<Vec<i64>> {
    if ends.len() != points {
        return Err(mismatch("valid_time_end", ends.len(), points));
    }
    Ok(ends
        .iter()
        .map(|end| end.map_or(NO_END, time::from_pg))
        .collect())
}

/// The series of the upload and, for each point, its place among them.
fn series_of(arrays: &UploadArrays, points: usize) -> Result<(Vec<SeriesRef>, Vec<u32>)> {
    let named = match (arrays.name, arrays.series_id) {
        (Some(names), None) => names.len(),
        (None, Some(ids)) => ids.len(),
        _ => {
            return Err(Error::invalid("give either name or series_id")
                .hint("For instance name => ARRAY['temperature']."));
        }
    };
    if let Some(index) = arrays.series_index {
        if index.len() != points {
            return Err(mismatch("series_index", index.len(), points));
        }
        let series = dictionary(arrays, named)?;
        let places = places(index, named)?;
        return Ok((series, places));
    }
    match named {
        1 => Ok((dictionary(arrays, 1)?, vec![0; points])),
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
fn dictionary(arrays: &UploadArrays, n: usize) -> Result<Vec<SeriesRef>> {
    let mut units = Spread::new("unit", arrays.unit.map(|a| (a.len(), a.iter())), n)?;
    let mut unit = || units.next().filter(|u| !u.is_empty()).map(str::to_owned);
    if let Some(ids) = arrays.series_id {
        return ids
            .iter()
            .map(|id| {
                let id = id.ok_or_else(|| null_in("series_id"))?;
                Ok(SeriesRef::Id {
                    id: *id.as_bytes(),
                    unit: unit(),
                })
            })
            .collect();
    }
    let names = arrays.name.ok_or_else(|| null_in("name"))?;
    let labels = arrays.labels.as_ref();
    let labels = labels.map(|a| (a.len(), a.iter().map(Option::as_deref)));
    let mut labels = Spread::new("labels", labels, n)?;
    let mut descriptions = Spread::new(
        "description",
        arrays.description.map(|a| (a.len(), a.iter())),
        n,
    )?;
    names
        .iter()
        .map(|name| {
            Ok(SeriesRef::Named(NamedSeries {
                name: name.ok_or_else(|| null_in("name"))?.to_owned(),
                labels: labels
                    .next()
                    .map(Labels::parse)
                    .transpose()?
                    .unwrap_or_default(),
                unit: unit(),
                description: descriptions.next().map(str::to_owned),
            }))
        })
        .collect()
}

/// Names given point by point: the distinct ones become the dictionary, in order of appearance.
fn one_a_point(arrays: &UploadArrays, points: usize) -> Result<(Vec<SeriesRef>, Vec<u32>)> {
    let only_names =
        arrays.labels.is_none() && arrays.unit.is_none() && arrays.description.is_none();
    if let (Some(names), true) = (arrays.name, only_names) {
        let (distinct, index) = distinct(names.iter(), "name")?;
        let series = |name: &str| {
            SeriesRef::Named(NamedSeries {
                name: name.to_owned(),
                ..NamedSeries::default()
            })
        };
        return Ok((distinct.into_iter().map(series).collect(), index));
    }
    if let (Some(ids), None) = (arrays.series_id, arrays.unit) {
        let (distinct, index) = distinct(
            ids.iter().map(|id| id.map(|id| *id.as_bytes())),
            "series_id",
        )?;
        let series = |id| SeriesRef::Id { id, unit: None };
        return Ok((distinct.into_iter().map(series).collect(), index));
    }
    let mut places: HashMap<String, u32> = HashMap::new();
    let (mut series, mut index) = (Vec::new(), Vec::with_capacity(points));
    for one in dictionary(arrays, points)? {
        // With the unit: it says what each point's value is in.
        let unit = one.unit().unwrap_or_default();
        let key = match &one {
            SeriesRef::Id { id, .. } => format!("{}\0{unit}", uuid_text(id)),
            SeriesRef::Named(named) => {
                format!("{}\0{unit}\0{}", named.name, named.labels.json())
            }
        };
        index.push(*places.entry(key).or_insert_with(|| {
            series.push(one);
            series.len() as u32 - 1
        }));
    }
    Ok((series, index))
}

/// The distinct keys in order of appearance, and for each point its key's place.
fn distinct<K: Copy + Eq + std::hash::Hash>(
    keys: impl Iterator<Item = Option<K>>,
    what: &str,
) -> Result<(Vec<K>, Vec<u32>)> {
    let mut places: HashMap<K, u32> = HashMap::new();
    let (mut distinct, mut index) = (Vec::new(), Vec::new());
    let mut last: Option<(K, u32)> = None;
    for key in keys {
        let key = key.ok_or_else(|| null_in(what))?;
        let place = match last {
            Some((same, place)) if same == key => place,
            _ => *places.entry(key).or_insert_with(|| {
                distinct.push(key);
                distinct.len() as u32 - 1
            }),
        };
        last = Some((key, place));
        index.push(place);
    }
    Ok((distinct, index))
}

/// An optional array that says something of each series, or one thing of all of them.
struct Spread<T, I: Iterator<Item = Option<T>>> {
    items: Option<I>,
    for_all: Option<T>,
}

impl<T: Clone, I: Iterator<Item = Option<T>>> Spread<T, I> {
    fn new(what: &str, array: Option<(usize, I)>, n: usize) -> Result<Self> {
        let Some((length, mut items)) = array else {
            return Ok(Self {
                items: None,
                for_all: None,
            });
        };
        if length == n {
            return Ok(Self {
                items: Some(items),
                for_all: None,
            });
        }
        match length {
            1 => Ok(Self {
                for_all: items.next().flatten(),
                items: None,
            }),
            _ => Err(mismatch(what, length, n)),
        }
    }

    fn next(&mut self) -> Option<T> {
        match &mut self.items {
            Some(items) => items.next().flatten(),
            None => self.for_all.clone(),
        }
    }
}

fn null_in(what: &str) -> Error {
    Error::new(
        PgSqlErrorCode::ERRCODE_NULL_VALUE_NOT_ALLOWED,
        format!("{what} must not be or contain null"),
    )
}

fn mismatch(what: &str, length: usize, expected: usize) -> Error {
    Error::array(format!(
        "{what} has {length} elements where {expected} are expected"
    ))
}
