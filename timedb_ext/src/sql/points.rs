//! Reads of points, each as known by its own cut-off: as rows in the order of the request, and packed for the HTTP
//! server.

use super::SQL_CHUNK_POINTS;
use super::arguments::declares;
use super::named::{NamedArrays, mismatch, null_in, series_of};
use super::packed;
use super::request::fixed;
use crate::pg::error::{Error, Result, entry};
use crate::pg::json;
use crate::pg::spi::Arg;
use crate::pg::time;
use crate::pg::tuplestore::Tuplestore;
use crate::read::points::{PointFound, PointsAnswer, PointsRequest, read};
use crate::read::{Run, Runs};
use pgrx::datum::{Array, FromDatum, Interval, Uuid};
use pgrx::fcinfo::pg_getarg_datum;
use pgrx::pg_sys::{self, Datum, Oid};
use pgrx::prelude::*;
use timedb_rules::limits::{Call, check_points_read};
use timedb_segment::{Merged, NO_END};
use timedb_wire::NO_KNOWN_TIME;

/// series_id, valid_time, as_of, name, labels, series_index, valid_time_end, max_age, as_of_change, unit.
const ARGUMENTS: [Oid; 10] = [
    pg_sys::UUIDARRAYOID,
    pg_sys::TIMESTAMPTZARRAYOID,
    pg_sys::TIMESTAMPTZARRAYOID,
    pg_sys::TEXTARRAYOID,
    pg_sys::JSONBARRAYOID,
    pg_sys::INT4ARRAYOID,
    pg_sys::TIMESTAMPTZARRAYOID,
    pg_sys::INTERVALOID,
    pg_sys::TIMESTAMPTZOID,
    pg_sys::TEXTOID,
];

/// ordinality, series_id, valid_time, valid_time_end, known_time, value, unit, found.
const POINT_COLUMNS: [Oid; 8] = [
    pg_sys::INT8OID,
    pg_sys::UUIDOID,
    pg_sys::TIMESTAMPTZOID,
    pg_sys::TIMESTAMPTZOID,
    pg_sys::TIMESTAMPTZOID,
    pg_sys::FLOAT8OID,
    pg_sys::TEXTOID,
    pg_sys::BOOLOID,
];

/// What a call asks for.
///
/// # Errors
/// XX000 when the function is declared with other arguments, 54000 for too many rows or series, 2202E for lengths
/// that do not fit, 22004 for a null, 22008 for infinity, 22023 for what does not go together.
///
/// # Safety
/// The call is one under way.
unsafe fn request(fcinfo: pg_sys::FunctionCallInfo) -> Result<PointsRequest> {
    // SAFETY: the caller's promise; a call through the function manager says which function it is of.
    let function = unsafe { (*fcinfo).flinfo.as_ref().map(|function| function.fn_oid) };
    if !function.is_some_and(|function| declares(function, ARGUMENTS.into_iter())) {
        return Err(Error::other_declaration());
    }
    /// An argument of a call.
    ///
    /// # Safety
    /// The call is under way, and its argument of that number is of this type.
    unsafe fn get<T: FromDatum>(fcinfo: pg_sys::FunctionCallInfo, number: usize) -> Option<T> {
        // SAFETY: the caller's promise.
        unsafe { T::from_datum(pg_getarg_datum(fcinfo, number)?, false) }
    }
    // SAFETY: the types are those of `ARGUMENTS`, which the function is declared with.
    let (ids, valid_time, as_of, names, labels, index, ends, max_age, as_of_change, unit) = unsafe {
        (
            get::<Array<Uuid>>(fcinfo, 0),
            get::<Array<i64>>(fcinfo, 1),
            get::<Array<i64>>(fcinfo, 2),
            get::<Array<&str>>(fcinfo, 3),
            pg_getarg_datum(fcinfo, 4).and_then(|labels| json::elements(labels)),
            get::<Array<i32>>(fcinfo, 5),
            get::<Array<i64>>(fcinfo, 6),
            get::<Interval>(fcinfo, 7),
            get::<i64>(fcinfo, 8),
            get::<String>(fcinfo, 9),
        )
    };
    let valid_time = valid_time.ok_or_else(|| null_in("valid_time"))?;
    let rows = valid_time.len();
    check_points_read(rows)?;
    let (series, series_index) = series_of(
        &NamedArrays {
            call: Call::Read,
            name: names.as_ref(),
            labels: labels.as_ref(),
            series_id: ids.as_ref(),
            series_index: index.as_ref(),
            ..NamedArrays::default()
        },
        rows,
    )?;
    let as_of = as_of.ok_or_else(|| {
        null_in("as_of")
            .hint("Say when each value had to be known, or ARRAY[now()] for all of them.")
    })?;
    if as_of.len() != rows && as_of.len() != 1 {
        return Err(mismatch("as_of", as_of.len(), rows));
    }
    let mut cutoffs = instants(&as_of, "as_of")?;
    if let (&[one], true) = (cutoffs.as_slice(), rows != 1) {
        cutoffs = vec![one; rows];
    }
    let max_age = max_age.map_or(Ok(0), |age| fixed(&age, "max_age"))?;
    if max_age < 0 {
        return Err(Error::invalid("max_age must not be negative"));
    }
    if ends.is_some() && max_age > 0 {
        return Err(
            Error::invalid("valid_time_end cannot be combined with max_age")
                .hint("An earlier point has another end: leave one of them out."),
        );
    }
    Ok(PointsRequest {
        series,
        series_index,
        valid_time: instants(&valid_time, "valid_time")?,
        valid_time_end: ends.map(|ends| ends_of(&ends, rows)).transpose()?,
        as_of: cutoffs,
        as_of_change: (as_of_change.map(|t| time::stored_from_pg(t, "as_of_change")))
            .transpose()?,
        max_age,
        unit,
    })
}

fn instants(times: &Array<i64>, what: &str) -> Result<Vec<i64>> {
    let instant = |(row, time): (usize, Option<i64>)| match time {
        Some(time) => time::stored_from_pg(time, what).map_err(|e| in_row(e, row)),
        None => Err(in_row(null_in(what), row)),
    };
    times.iter().enumerate().map(instant).collect()
}

fn ends_of(ends: &Array<i64>, rows: usize) -> Result<Vec<i64>> {
    if ends.len() != rows {
        return Err(mismatch("valid_time_end", ends.len(), rows));
    }
    let end = |(row, end): (usize, Option<i64>)| match end {
        Some(end) => time::stored_from_pg(end, "valid_time_end").map_err(|e| in_row(e, row)),
        None => Ok(NO_END),
    };
    ends.iter().enumerate().map(end).collect()
}

fn in_row(error: Error, row: usize) -> Error {
    error.at(format_args!("row {}", row + 1))
}

finfo!(pg_finfo_timedb_read_points, timedb_read_points);

/// SQL `timedb.read_points(...)`.
///
/// # Safety
/// Called by PostgreSQL as declared in `sql/functions/points.sql`.
#[unsafe(no_mangle)]
#[pg_guard]
pub unsafe extern "C-unwind" fn timedb_read_points(fcinfo: pg_sys::FunctionCallInfo) -> Datum {
    entry(|| {
        // SAFETY: the declaration promises the types of the arguments, which are checked like those of the rows.
        let (mut store, request) =
            unsafe { (Tuplestore::open(fcinfo, &POINT_COLUMNS)?, request(fcinfo)?) };
        if let Some(answer) = read(&request)? {
            put_rows(&answer, &mut store);
        }
        Ok(Datum::null())
    })
}

fn put_rows(answer: &PointsAnswer, store: &mut Tuplestore<{ POINT_COLUMNS.len() }>) {
    let units: Vec<_> = answer
        .series
        .iter()
        .map(|series| Arg::text(&series.unit).datum())
        .collect();
    // For each row of the request its series and what it asks for.
    let mut rows = vec![(0, 0); answer.asked.len()];
    for (series, range) in answer.of_series.iter().enumerate() {
        for at in range.clone() {
            rows[answer.asked[at].place] = (series, at);
        }
    }
    for (row, &(series, at)) in rows.iter().enumerate() {
        if row % SQL_CHUNK_POINTS == 0 {
            pgrx::check_for_interrupts!();
        }
        let instant = |time: i64| Datum::from(time::to_pg(time));
        let found = &answer.found[row];
        let valid_time = found.map_or(answer.asked[at].valid_time, |found| found.valid_time);
        let end = found
            .map(|found| found.valid_time_end)
            .filter(|&end| end != NO_END);
        let value = found.and_then(|found| found.value);
        let columns = [
            Some(Datum::from(row as i64 + 1)),
            Some(Datum::from(answer.series[series].id.as_ptr())),
            Some(instant(valid_time)),
            end.map(instant),
            found.map(|found| instant(found.known_time)),
            value.map(|value| Datum::from(value.to_bits())),
            units[series],
            Some(Datum::from(found.is_some())),
        ];
        // SAFETY: the columns are those of `POINT_COLUMNS`; the id stays where it is.
        unsafe { store.put(columns) };
    }
}

/// `timedb_internal._read_points_packed(...)`: one row of packed and places; none without a tenant.
#[pg_extern(sql = false)]
fn read_points_packed(
    fcinfo: pg_sys::FunctionCallInfo,
) -> TableIterator<'static, (Vec<u8>, Vec<i32>)> {
    let run = || {
        // SAFETY: the call is under way.
        let request = unsafe { request(fcinfo) }?;
        Ok(read(&request)?.map(|answer| {
            let asked = answer.asked.iter();
            let places = asked.map(|asked| asked.place as i32).collect();
            let runs = Runs {
                runs: runs(&answer),
                with_known_time: true,
                writers: None,
            };
            (packed::points(&runs), places)
        }))
    };
    TableIterator::new(entry(run))
}

/// Runs with a point for each that is asked for: one that is not found has no known_time, and a null.
fn runs(answer: &PointsAnswer) -> Vec<Run<'_>> {
    let of_series = answer.series.iter().zip(&answer.of_series);
    let runs = of_series.map(|(series, range)| {
        pgrx::check_for_interrupts!();
        let asked = &answer.asked[range.clone()];
        let found = || {
            asked
                .iter()
                .map(|asked| (asked, &answer.found[asked.place]))
        };
        let value = |found: &Option<PointFound>| found.and_then(|found| found.value);
        Run {
            series,
            points: Merged {
                valid_time: found()
                    .map(|(asked, found)| found.map_or(asked.valid_time, |found| found.valid_time))
                    .collect(),
                valid_time_end: Some(
                    found()
                        .map(|(_, found)| found.map_or(NO_END, |found| found.valid_time_end))
                        .collect(),
                ),
                value: found()
                    .map(|(_, found)| value(found).unwrap_or(0.0))
                    .collect(),
                nulls: Some(found().map(|(_, found)| value(found).is_none()).collect()),
                known_time: found()
                    .map(|(_, found)| found.map_or(NO_KNOWN_TIME, |found| found.known_time))
                    .collect(),
                ..Merged::default()
            },
        }
    });
    runs.collect()
}
