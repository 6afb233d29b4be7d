//! `timedb stats`: how much each tenant has stored.

use serde_json::json;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::calls::ask;
use super::shown::{Object, iso, moment, tenant_id};
use crate::cli::config::Environment;
use crate::cli::failure::Failure;
use crate::cli::grammar::Stats;
use crate::cli::terminal::{self, Output, print, print_json, unless_gone};

const COLUMNS: [&str; 11] = [
    "Tenant ID",
    "Name",
    "Series",
    "Points",
    "Segments",
    "In the log",
    "Size",
    "Bytes a point",
    "Ratio",
    "Valid times",
    "Last write",
];

/// `timedb stats`
pub async fn run(arguments: &Stats, environment: &Environment) -> Result<(), Failure> {
    let tenant = tenant_id(arguments.tenant_id.as_deref())?;
    let [first, last, change] =
        ["first_valid_time", "last_valid_time", "last_change_time"].map(iso);
    // Sums of bigint are numeric; the last row is that of all tenants.
    let sums = [
        "series",
        "points",
        "segments",
        "small_segments",
        "log_rows",
        "log_points",
        "segment_bytes",
        "log_bytes",
        "other_bytes",
        "bytes",
    ]
    .map(|column| format!("pg_catalog.sum({column})::pg_catalog.int8"))
    .join(", ");
    let sql = format!(
        "WITH s AS MATERIALIZED (SELECT * FROM timedb.stats_store(tenant_id => $1)) \
         SELECT tenant_id, name, series, points, segments, small_segments, log_rows, log_points, segment_bytes, \
                log_bytes, other_bytes, bytes, bytes_per_point, ratio, {first} AS first_valid_time, \
                {last} AS last_valid_time, {change} AS last_change_time, problem \
         FROM s \
         UNION ALL \
         SELECT NULL, NULL, {sums}, pg_catalog.sum(bytes_per_point OPERATOR(pg_catalog.*) points) \
                    OPERATOR(pg_catalog./) pg_catalog.sum(points) FILTER (WHERE points OPERATOR(pg_catalog.>) 0), \
                pg_catalog.sum(ratio OPERATOR(pg_catalog.*) bytes) OPERATOR(pg_catalog./) pg_catalog.sum(bytes), \
                {}, {}, {}, NULL \
         FROM s",
        iso("pg_catalog.min(first_valid_time)"),
        iso("pg_catalog.max(last_valid_time)"),
        iso("pg_catalog.max(last_change_time)"),
    );
    let parameters = [(&tenant as _, Type::UUID)];
    let mut rows = ask(&arguments.common, environment, &sql, &parameters).await?;
    let total = rows
        .pop()
        .ok_or_else(|| Failure::new("The database answered with nothing."))?;
    unless_gone(if arguments.common.json {
        let tenants: Vec<_> = rows.iter().map(Object).collect();
        print_json(&json!({"tenants": tenants, "total": Object(&total)}))
    } else if rows.is_empty() {
        print("No tenants found.\n")
    } else {
        let mut out = Output::new();
        out.table(&format!("Tenants ({})", rows.len()), &COLUMNS, |short| {
            let with_total = rows.len() > 1;
            let all = rows.iter().chain(with_total.then_some(&total));
            all.map(|row| cells(row, short)).collect()
        });
        out.send()
    })?;
    damage(&rows)
}

fn cells(row: &Row, short: bool) -> Vec<String> {
    let tenant: Option<Uuid> = row.get("tenant_id");
    let name: Option<String> = row.get("name");
    let count = |column| {
        let count: Option<i64> = row.get(column);
        count.map_or_else(|| "-".to_owned(), |count| count.to_string())
    };
    let number = |column| {
        let number: Option<f64> = row.get(column);
        number.map_or_else(|| "-".to_owned(), |number| format!("{number:.1}"))
    };
    let day = |column| {
        let iso: Option<&str> = row.get(column);
        iso.map_or("-", |iso| iso.get(..10).unwrap_or(iso))
            .to_owned()
    };
    let bytes: Option<i64> = row.get("bytes");
    vec![
        tenant.map_or_else(|| "total".to_owned(), |tenant| terminal::id(tenant, short)),
        name.unwrap_or_else(|| "-".to_owned()),
        count("series"),
        count("points"),
        count("segments"),
        count("log_rows"),
        bytes.map_or_else(|| "-".to_owned(), size),
        number("bytes_per_point"),
        number("ratio"),
        match (day("first_valid_time"), day("last_valid_time")) {
            (first, last) if first == last => first,
            (first, last) => format!("{first} to {last}"),
        },
        moment(row.get("last_change_time")),
    ]
}

/// A number of bytes for people.
fn size(bytes: i64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut size = bytes as f64 / 1000.0;
    let mut units = UNITS.iter();
    let mut unit = units.next().unwrap_or(&"");
    // What would be shown as 1000.0 is one of the next.
    while size >= 999.95
        && let Some(next) = units.next()
    {
        size /= 1000.0;
        unit = next;
    }
    format!("{size:.1} {unit}")
}

/// A failure that says which stores are damaged, if any are.
fn damage(rows: &[Row]) -> Result<(), Failure> {
    let problems: Vec<&str> = rows.iter().filter_map(|row| row.get("problem")).collect();
    match problems.as_slice() {
        [] => Ok(()),
        _ => Err(Failure::new(format!(
            "These are damaged, and not counted:\n{}",
            problems.join("\n")
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_have_a_digit_behind_the_point_and_the_largest_unit_that_fits() {
        let shown = [0, 999, 1000, 1_949, 999_949, 999_950, 12_345_678_901].map(size);
        let expected = [
            "0 B", "999 B", "1.0 kB", "1.9 kB", "999.9 kB", "1.0 MB", "12.3 GB",
        ];
        assert_eq!(shown, expected);
    }
}
