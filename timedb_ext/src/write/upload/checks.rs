//! What an upload must be: instants and values that can be stored, and no duplicate points.

use crate::pg::error::{Error, Result, SqlState};
use crate::pg::time;
use crate::write::batches::BatchInfo;
use timedb_rules::limits::{MAX_BATCH_PARAMS_BYTES, MAX_WORKFLOW_BYTES, check_nesting};
use timedb_rules::upload::UploadColumns;
use timedb_segment::NO_END;
use timedb_segment::group::Duplicate;
use timedb_wire::NO_KNOWN_TIME;

/// Checks every point.
///
/// # Errors
/// 22008 and 22003 for instants and values that cannot be stored, 22023 for an
/// interval that does not end after it starts.
pub fn check_points(columns: &UploadColumns) -> Result<()> {
    let at = |i| point_at(columns, i);
    let in_range = |t: &i64| (time::MIN_TIME..=time::MAX_TIME).contains(t);
    if let Some(i) = columns.valid_time.iter().position(|t| !in_range(t)) {
        return Err(out_of_range("valid_time", columns.valid_time[i]).detail(at(i)));
    }
    if let Some(i) = columns.value.iter().position(|v| !v.is_finite()) {
        return Err(Error::new(
            SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
            format!("value must be finite, not {}", columns.value[i]),
        )
        .detail(at(i))
        .hint("Use null for a missing value."));
    }
    if let Some(known) = &columns.known_time {
        let wrong = |t: &i64| *t != NO_KNOWN_TIME && !in_range(t);
        if let Some(i) = known.iter().position(wrong) {
            return Err(out_of_range("known_time", known[i]).detail(at(i)));
        }
    }
    let Some(ends) = &columns.valid_time_end else {
        return Ok(());
    };
    for (i, (&start, &end)) in columns.valid_time.iter().zip(ends).enumerate() {
        if end == NO_END {
            continue;
        }
        if !in_range(&end) {
            return Err(out_of_range("valid_time_end", end).detail(at(i)));
        }
        if end <= start {
            return Err(Error::invalid(format!(
                "valid_time_end {} is not after valid_time {}",
                time::text(end),
                time::text(start)
            ))
            .detail(at(i)));
        }
    }
    Ok(())
}

/// Says which point an error is about.
pub fn point_at(columns: &UploadColumns, i: usize) -> String {
    let series = &columns.series[columns.series_index[i] as usize];
    format!("Point {} of series {series}, counted from 1.", i + 1)
}

fn out_of_range(what: &str, instant: i64) -> Error {
    let infinities = [time::PG_INFINITY, time::PG_MINUS_INFINITY].map(time::from_pg);
    Error::time(match infinities.contains(&instant) {
        true => format!("{what} must not be infinity"),
        false => format!("{what} is outside the years 1 to 9999"),
    })
}

/// Checks what a batch says about itself.
///
/// # Errors
/// 22008 for an instant that cannot be stored, 22023 for a finish before the start, for texts that are too
/// long, and for JSON that is nested too deeply.
pub fn check_info(info: &BatchInfo) -> Result<()> {
    let check_length = |what, bytes, most| match bytes > most {
        true => Err(Error::invalid(format!(
            "{what} may have at most {most} bytes, this has {bytes}"
        ))),
        false => Ok(()),
    };
    if let Some(json) = info.batch_params {
        check_length("batch_params", json.bytes(), MAX_BATCH_PARAMS_BYTES)?;
        check_nesting(&json.text(), "batch_params")?;
    }
    if let Some(workflow_id) = &info.workflow_id {
        check_length("workflow_id", workflow_id.len(), MAX_WORKFLOW_BYTES)?;
    }
    for (what, instant) in [
        ("known_time", info.known_time),
        ("batch_start_time", info.batch_start_time),
        ("batch_finish_time", info.batch_finish_time),
    ] {
        if let Some(instant) = instant {
            time::check(instant, what)?;
        }
    }
    if let (Some(start), Some(finish)) = (info.batch_start_time, info.batch_finish_time)
        && finish < start
    {
        return Err(Error::invalid(
            "batch_finish_time is before batch_start_time",
        ));
    }
    Ok(())
}

/// 21000 for a point that is given twice.
pub fn duplicate_point(columns: &UploadColumns, duplicate: &Duplicate) -> Error {
    let i = duplicate.first;
    let series = &columns.series[columns.series_index[i] as usize];
    let valid_time = time::text(columns.valid_time[i]);
    let end = match columns.valid_time_end.as_ref().map(|ends| ends[i]) {
        Some(end) if end != NO_END => format!(", valid_time_end {}", time::text(end)),
        _ => String::new(),
    };
    let known = columns.known_time.as_ref().map_or(String::new(), |known| {
        format!(", known_time {}", time::text(known[i]))
    });
    Error::new(
        SqlState::CARDINALITY_VIOLATION,
        format!(
            "point occurs twice in one upload: series {series}, valid_time {valid_time}{end}{known}"
        ),
    )
    .detail(format!(
        "It is given at positions {} and {}, counted from 1.",
        duplicate.first + 1,
        duplicate.second + 1
    ))
    .hint("Send each point once; a later upload of the same point is a new version of it.")
}
