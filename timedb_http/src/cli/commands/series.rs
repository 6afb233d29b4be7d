//! `timedb series ...`: which series a tenant has, and what is stored of one.

use serde_json::{Map, Value, json};
use tokio_postgres::Row;
use tokio_postgres::types::{Json, Type};
use uuid::Uuid;

use super::calls::one;
use super::shown::{Object, iso, moment, show_list};
use super::tenant::TenantSession;
use crate::cli::config::Environment;
use crate::cli::failure::Failure;
use crate::cli::grammar::{DescribeSeries, ListSeries, SeriesCommand};
use crate::cli::session::SessionTrouble;
use crate::cli::terminal::{self, Output, print_json, unless_gone};

/// The most that one call returns.
const PAGE: u64 = 10_000;

/// Runs one of the commands.
pub async fn run(command: &SeriesCommand, environment: &Environment) -> Result<(), Failure> {
    match command {
        SeriesCommand::List(arguments) => list(arguments, environment).await,
        SeriesCommand::Describe(arguments) => describe(arguments, environment).await,
    }
}

async fn list(arguments: &ListSeries, environment: &Environment) -> Result<(), Failure> {
    let labels = labels(&arguments.labels)?;
    let mut session = TenantSession::open(&arguments.tenant, environment).await?;
    let series = match find(&mut session, arguments, &labels).await {
        Ok(series) => series,
        Err(trouble) => return Err(session.explain(trouble).await),
    };
    show_list(&arguments.tenant.common, "Series", &series, |row, short| {
        vec![
            ("Name", row.get("name")),
            ("Unit", row.get("unit")),
            ("Labels", labels_text(row)),
            ("Created", moment(row.get("created_at"))),
            ("Series ID", terminal::id(row.get("series_id"), short)),
        ]
    })
}

/// All pages, in one transaction.
async fn find(
    session: &mut TenantSession,
    arguments: &ListSeries,
    labels: &Option<Json<Map<String, Value>>>,
) -> Result<Vec<Row>, SessionTrouble> {
    let sql = format!(
        "SELECT series_id, name, unit, labels, description, {} AS created_at \
         FROM timedb.find_series(name => $1, prefix => $2, labels => $3, search => $4, max_series => $5, after => $6)",
        iso("created_at")
    );
    let transaction = session.begin().await?;
    let mut found: Vec<Row> = Vec::new();
    loop {
        let wanted = arguments.limit.unwrap_or(u64::MAX) - found.len() as u64;
        let page = i32::try_from(wanted.min(PAGE)).unwrap_or(i32::MAX);
        let after: Option<Uuid> = found.last().map(|row| row.get("series_id"));
        let parameters = [
            (&arguments.name as _, Type::TEXT),
            (&arguments.prefix as _, Type::TEXT),
            (labels as _, Type::JSONB),
            (&arguments.search as _, Type::TEXT),
            (&page as _, Type::INT4),
            (&after as _, Type::UUID),
        ];
        let rows = transaction.query_typed(&sql, &parameters).await?;
        let is_last = rows.len() < page as usize;
        found.extend(rows);
        if is_last || Some(found.len() as u64) == arguments.limit {
            return Ok(found);
        }
    }
}

async fn describe(arguments: &DescribeSeries, environment: &Environment) -> Result<(), Failure> {
    let labels = labels(&arguments.labels)?;
    let mut session = TenantSession::open(&arguments.tenant, environment).await?;
    let rows = match look_up(&mut session, &arguments.series, &labels).await {
        Ok(rows) => rows,
        Err(trouble) => return Err(session.explain(trouble).await),
    };
    if rows.len() > 1 {
        let ids = rows.iter().take(10).map(|row| {
            let id: Uuid = row.get("series_id");
            format!("\n{id}  {}", labels_text(row))
        });
        return Err(Failure::new(format!(
            "Several series are called '{}'. Add --label, or give the id of one of them:{}",
            arguments.series,
            ids.collect::<String>()
        )));
    }
    if rows.is_empty() {
        return Err(Failure::new(format!(
            "No series '{}' found. timedb series list shows them",
            arguments.series
        )));
    }
    let row = one(rows)?;
    unless_gone(if arguments.tenant.common.json {
        print_json(&Object(&row))
    } else {
        let id: Uuid = row.get("series_id");
        let count = |column| row.get::<_, i64>(column).to_string();
        let time = |column| {
            let time: Option<String> = row.get(column);
            time.unwrap_or_else(|| "-".to_owned())
        };
        let description: Option<String> = row.get("description");
        let mut out = Output::new();
        out.card(
            row.get("name"),
            &[
                ("Series ID", &id.to_string()),
                ("Unit", row.get("unit")),
                ("Labels", &labels_text(&row)),
                ("Description", description.as_deref().unwrap_or("-")),
                ("Created", &time("created_at")),
                ("Versions", &count("versions")),
                ("Segments", &count("segments")),
                ("Bytes", &count("bytes")),
                ("First valid time", &time("first_valid_time")),
                ("Last valid time", &time("last_valid_time")),
                ("First known time", &time("first_known_time")),
                ("Last known time", &time("last_known_time")),
                ("Last change", &time("last_change_time")),
            ],
        );
        out.send()
    })
}

/// The series with this id or name: what is stored of it if it is one, and which they are if they are several.
async fn look_up(
    session: &mut TenantSession,
    series: &str,
    labels: &Option<Json<Map<String, Value>>>,
) -> Result<Vec<Row>, SessionTrouble> {
    let transaction = session.begin().await?;
    let id = Uuid::try_parse(series.trim()).ok();
    let id = match id {
        Some(id) if labels.is_none() => id,
        _ => {
            let found = transaction
                .query_typed(
                    "SELECT series_id, labels FROM timedb.find_series(name => $1, labels => $2, max_series => 11)",
                    &[(&series as _, Type::TEXT), (labels as _, Type::JSONB)],
                )
                .await?;
            match found.as_slice() {
                [only] => only.get("series_id"),
                _ => return Ok(found),
            }
        }
    };
    let times = [
        "created_at",
        "first_valid_time",
        "last_valid_time",
        "first_known_time",
        "last_known_time",
        "last_change_time",
    ]
    .map(|time| format!("{} AS {time}", iso(time)));
    let sql = format!(
        "SELECT series_id, name, unit, description, labels, versions, segments, bytes, {} \
         FROM timedb.describe_series($1)",
        times.join(", ")
    );
    Ok(transaction
        .query_typed(&sql, &[(&id as _, Type::UUID)])
        .await?)
}

/// Labels as arguments have them, or none.
///
/// # Errors
/// When one has no `=`, or is given twice.
pub fn labels(arguments: &[String]) -> Result<Option<Json<Map<String, Value>>>, Failure> {
    let mut labels = Map::new();
    for argument in arguments {
        let Some((name, value)) = argument.split_once('=') else {
            return Err(Failure::usage(format!(
                "Invalid label: {argument}. Write NAME=VALUE, such as site=north"
            )));
        };
        if labels.insert(name.to_owned(), json!(value)).is_some() {
            return Err(Failure::usage(format!("Label {name} is given twice")));
        }
    }
    Ok((!labels.is_empty()).then_some(Json(labels)))
}

/// The labels of a row for people: `height=80 m, site=north`.
fn labels_text(row: &Row) -> String {
    let Json(labels): Json<Map<String, Value>> = row.get("labels");
    let pairs: Vec<String> = labels
        .iter()
        .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()))
        .collect();
    match pairs.is_empty() {
        true => "-".to_owned(),
        false => pairs.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_pairs_and_each_name_occurs_once() {
        let read = |arguments: &[&str]| {
            let arguments: Vec<String> = arguments.iter().map(|&text| text.to_owned()).collect();
            labels(&arguments).map(|labels| labels.map(|Json(labels)| labels))
        };
        assert!(read(&[]).unwrap().is_none());
        let two = read(&["site=north", "note=a=b"]).unwrap().unwrap();
        assert_eq!(Value::from(two), json!({"site": "north", "note": "a=b"}));
        assert_eq!(read(&["site"]).unwrap_err().code(), 2);
        assert_eq!(read(&["a=1", "a=1"]).unwrap_err().code(), 2);
    }
}
