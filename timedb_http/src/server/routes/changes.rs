//! `GET /changes`: what writes have left since a change_time or behind a cursor, and the cursor to go on with.

use axum::response::Response;
use tokio_postgres::{Client, Row, types::Type};
use uuid::Uuid;

use super::query::{each, time_unit, values};
use crate::server::{
    answer,
    db::PgInstant,
    error::{ApiError, FieldError},
    guard::Plan,
    head::Head,
    rows::{FORMATS, write_changes},
    state::Caller,
};

const READ: &str = "SELECT cursor, more, packed FROM timedb._read_changes_packed(\
                    $1, $2, $3, $4, $5::pg_catalog.text::pg_catalog.jsonb, $6)";

/// What is asked for, as the database's function takes it.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct ChangesQuery {
    since: Option<PgInstant>,
    cursor: Option<String>,
    series_id: Option<Vec<Uuid>>,
    name: Option<String>,
    /// JSON of an object.
    labels: Option<String>,
    max_points: Option<i32>,
}

pub(crate) fn plan(head: &Head) -> Plan<ChangesQuery> {
    Ok(parse(head.query())?)
}

pub(crate) async fn read(caller: Caller, asked: ChangesQuery) -> Result<Response, ApiError> {
    let read = async |client: &Client| {
        let parameters = [
            (&asked.since as _, Type::TIMESTAMPTZ),
            (&asked.cursor as _, Type::TEXT),
            (&asked.series_id as _, Type::UUID_ARRAY),
            (&asked.name as _, Type::TEXT),
            (&asked.labels as _, Type::TEXT),
            (&asked.max_points as _, Type::INT4),
        ];
        client.query_typed(READ, &parameters).await
    };
    let row = caller.read(read).await?.into_iter().next();
    let row = row.ok_or_else(|| ApiError::internal("_read_changes_packed returned no row"))?;
    let format = &FORMATS[0];
    let write = move |row: &Row| write_changes(row.get(2), (row.get(0), row.get(1)), format);
    // A row is about eight times as long as what it is packed in.
    let size = 8 * row.get::<_, &[u8]>(2).len();
    let rendered = answer::work_on(size, move || write(&row)).await?;
    rendered
        .map(|body| answer::of_type(format.content_type, body))
        .map_err(|damaged| ApiError::internal(&damaged.to_string()))
}

/// Reads a raw query string, or says what is wrong with it: a parameter that is mistyped and ignored would
/// return everything.
fn parse(raw: &str) -> Result<ChangesQuery, Vec<FieldError>> {
    let mut asked = ChangesQuery::default();
    let unit = time_unit(raw);
    each(raw, |name, value| match name {
        "since" => values::instant(value, unit, &mut asked.since),
        "time_unit" => values::time_unit(value),
        "cursor" => values::text(value, &mut asked.cursor),
        "series_id" => {
            values::ids(value).map(|ids| asked.series_id.get_or_insert_default().extend(ids))
        }
        "name" => values::text(value, &mut asked.name),
        "labels" => values::labels(value, &mut asked.labels),
        "max_points" => values::integer(value, &mut asked.max_points),
        _ => Err(values::unknown()),
    })?;
    Ok(asked)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_parameter_is_read() {
        let asked = parse(
            "since=2025-01-01T00:00:00Z&cursor=AQ-_&series_id=00000000-0000-0000-0000-000000000001\
             &name=a+b&labels=%7B%22a%22:%22b%22%7D&max_points=7",
        );
        let expected = ChangesQuery {
            since: Some(PgInstant(1_735_689_600_000_000)),
            cursor: Some("AQ-_".to_owned()),
            series_id: Some(vec![Uuid::from_u128(1)]),
            name: Some("a b".to_owned()),
            labels: Some(r#"{"a":"b"}"#.to_owned()),
            max_points: Some(7),
        };
        assert_eq!(asked, Ok(expected));
        assert_eq!(parse(""), Ok(ChangesQuery::default()));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (query, kind, place) in [
            ("sinse=2025-01-01", "extra_forbidden", "sinse"),
            ("since=yesterday", "datetime_from_date_parsing", "since"),
            ("max_points=many", "int_parsing", "max_points"),
            ("series_id=7", "uuid_parsing", "series_id"),
            ("cursor=%00", "string_pattern_mismatch", "cursor"),
            ("labels=north", "dict_type", "labels"),
        ] {
            let error = json!(parse(query).unwrap_err())[0].clone();
            assert_eq!(error["type"], kind, "{query}");
            assert_eq!(error["loc"], json!(["query", place]), "{query}");
        }
    }
}
