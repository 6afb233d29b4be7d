//! Reads over HTTP: a filter as the query of `GET /values`, and its JSON as points.

use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use timedb_tests::rows::{Cutoff, Filter, Mode, Point, Written};
use timedb_tests::times::HOUR;
use uuid::Uuid;

/// The parameters that say what the filter says.
pub fn query(mode: Mode, filter: &Filter) -> String {
    let mut query = Vec::new();
    let mut put = |name: &str, value: Option<String>| {
        let escaped = value.map(|value| utf8_percent_encode(&value, NON_ALPHANUMERIC).to_string());
        query.extend(escaped.map(|value| format!("{name}={value}")));
    };
    match mode {
        Mode::Versions => put("all_versions", Some("true".to_owned())),
        _ => put("mode", Some(mode.name().to_owned())),
    }
    let ids = filter.series_id.as_ref();
    put(
        "series_id",
        ids.map(|ids| {
            ids.iter()
                .map(Uuid::to_string)
                .collect::<Vec<_>>()
                .join(",")
        }),
    );
    put("name", filter.name.clone());
    let [start_valid, end_valid, start_known, end_known] = filter.range;
    let [min_lead, max_lead] = filter.lead;
    let instants = [
        ("start_valid", start_valid),
        ("end_valid", end_valid),
        ("start_known", start_known),
        ("end_known", end_known),
        ("as_of", filter.as_of),
        ("as_of_change", filter.as_of_change),
    ];
    for (name, micros) in instants {
        put(name, micros.map(instant));
    }
    put("min_lead", min_lead.map(length));
    put("max_lead", max_lead.map(length));
    match filter.cutoff.filter(|_| mode == Mode::Relative) {
        Some(Cutoff::Window {
            length: of_window,
            offset,
            start,
        }) => {
            put("window_length", Some(length(of_window)));
            put("issue_offset", Some(length(offset)));
            put("start_window", start.map(instant));
        }
        Some(Cutoff::Day {
            ahead,
            time_of_day,
            tz,
        }) => {
            put("days_ahead", Some(ahead.to_string()));
            put("time_of_day", Some(clock(time_of_day)));
            put("tz", tz.map(str::to_owned));
        }
        None => {}
    }
    query.join("&")
}

fn instant(micros: i64) -> String {
    let instant = Timestamp::from_microsecond(micros).expect("within the years");
    instant.to_string()
}

/// In one of the forms that clients write, depending on the length.
fn length(micros: i64) -> String {
    if micros % HOUR == 0 {
        return format!("{}h", micros / HOUR);
    }
    let (sign, micros) = (if micros < 0 { "-" } else { "" }, micros.unsigned_abs());
    let (seconds, rest) = (micros / 1_000_000, micros % 1_000_000);
    match micros % 2 {
        0 => format!("{sign}{seconds}.{rest:06}"),
        _ => format!("{sign}PT{seconds}.{rest:06}S"),
    }
}

fn clock(micros: i64) -> String {
    if micros == 24 * HOUR {
        return "24:00".to_owned();
    }
    let seconds = micros / 1_000_000;
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!(
        "{hour:02}:{minute:02}:{second:02}.{:06}",
        micros % 1_000_000
    )
}

/// The rows of an answer, in its order.
pub fn points(answer: &Value, mode: Mode) -> Vec<Point> {
    let rows = answer["data"].as_array().expect("data is a list");
    assert_eq!(answer["count"], rows.len());
    rows.iter().map(|row| point(row, mode)).collect()
}

fn point(row: &Value, mode: Mode) -> Point {
    let instant = |name: &str| {
        let text = row[name].as_str()?;
        let instant: Timestamp = text.parse().expect("an instant");
        Some(instant.as_microsecond())
    };
    let id = |name: &str| row[name].as_str().map(|id| id.parse().expect("an id"));
    let known = instant("known_time");
    assert_eq!(known.is_some(), mode != Mode::Flat, "{row}");
    assert_eq!(row.get("change_time").is_some(), mode == Mode::Versions);
    assert_eq!(row.get("lead_time").is_some(), mode == Mode::Overlapping);
    let mut point = Point {
        series_id: id("series_id").expect("the series"),
        valid: instant("valid_time").expect("a time"),
        end: instant("valid_time_end"),
        known: known.unwrap_or_default(),
        value: row["value"].as_f64().map(f64::to_bits),
        ..Point::default()
    };
    assert!(point.value.is_some() || row["value"].is_null(), "{row}");
    if mode == Mode::Overlapping {
        let lead = (point.valid - point.known) as f64 / 1e6;
        assert_eq!(row["lead_time"].as_f64(), Some(lead), "{row}");
    }
    if mode == Mode::Versions {
        point.change = instant("change_time").expect("a time");
        point.written = Written {
            batch_id: id("batch_id").expect("the batch"),
            value_id: row["value_id"].as_i64().expect("a number"),
            changed_by: id("changed_by"),
        };
        for silent in ["annotation", "tags", "metadata"] {
            assert!(row.get(silent).is_some_and(Value::is_null), "{row}");
        }
    }
    point
}
