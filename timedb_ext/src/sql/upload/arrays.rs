//! The arrays of `timedb.upload()` as columns. Which point belongs to which series, `named` says.

use crate::pg::error::Result;
use crate::pg::time;
use crate::sql::named::{NamedArrays, mismatch, null_in, series_of};
use pgrx::datum::Array;
use timedb_rules::limits;
use timedb_rules::upload::UploadColumns;
use timedb_segment::NO_END;
use timedb_wire::NO_KNOWN_TIME;

/// The arrays as they were given.
pub struct UploadArrays<'a, 'mcx> {
    pub valid_time: Option<&'a Array<'mcx, i64>>,
    pub value: Option<&'a Array<'mcx, f64>>,
    pub series: NamedArrays<'a, 'mcx>,
    pub valid_time_end: Option<&'a Array<'mcx, i64>>,
    pub known_times: Option<&'a Array<'mcx, i64>>,
}

/// Checks the arrays against each other and turns them into columns.
///
/// # Errors
/// 54000 for too many points, 2202E for lengths that do not fit, 22004 for a null where none can be; as [`series_of`].
pub fn from_arrays(arrays: UploadArrays) -> Result<UploadColumns> {
    let times = arrays.valid_time.ok_or_else(|| null_in("valid_time"))?;
    let values = arrays.value.ok_or_else(|| null_in("value"))?;
    let points = times.len();
    limits::check_points(points)?;
    if values.len() != points {
        return Err(mismatch("value", values.len(), points));
    }
    let (series, series_index) = series_of(&arrays.series, points)?;
    let valid_time = times
        .as_slice()
        .map_err(|_| null_in("valid_time"))?
        .iter()
        .map(|&t| time::from_pg(t))
        .collect();
    let valid_time_end = times_of(arrays.valid_time_end, "valid_time_end", NO_END, points)?;
    let known_time = times_of(arrays.known_times, "known_times", NO_KNOWN_TIME, points)?;
    let (value, nulls) = match values.as_slice() {
        Ok(values) => (values.to_vec(), None),
        Err(_) => {
            let value = values.iter().map(Option::unwrap_or_default).collect();
            (value, Some(values.iter().map(|v| v.is_none()).collect()))
        }
    };
    Ok(UploadColumns {
        series,
        series_index,
        valid_time,
        valid_time_end,
        value,
        nulls,
        known_time,
    })
}

/// A time for each point if there are any, `none` where one is null.
fn times_of(
    times: Option<&Array<i64>>,
    what: &str,
    none: i64,
    points: usize,
) -> Result<Option<Vec<i64>>> {
    match times {
        Some(times) if times.len() != points => Err(mismatch(what, times.len(), points)),
        Some(times) => {
            let times = times.iter().map(|time| time.map_or(none, time::from_pg));
            Ok(Some(times.collect()))
        }
        None => Ok(None),
    }
}
