//! `GET /changes`: what has been written since a change_time or after a cursor, and the cursor to continue with.

use std::sync::LazyLock;

use axum::{
    http::{HeaderName, HeaderValue},
    response::Response,
};
use timedb_wire::reads;

use super::query::{
    arguments::{Arguments, call},
    each_of_read,
    format::{format_of, is_parameter},
    time_unit,
};
use crate::formats::rows::{FormatName, Mode, Onward, format, write_in_order};
use crate::server::{answer, error::ApiError, guard::Query, head::Head, state::Caller};

/// Where a reader of rows without a frame goes on, and whether there is more.
pub(crate) const CURSOR: HeaderName = HeaderName::from_static("timedb-cursor");
pub(crate) const MORE: HeaderName = HeaderName::from_static("timedb-more");

static READ: LazyLock<String> = LazyLock::new(|| {
    let changes = call(reads::READ_CHANGES_PACKED);
    format!("SELECT cursor, more, packed FROM {changes}")
});

pub(crate) fn plan(head: &Head) -> Query<(Arguments, FormatName)> {
    let format = format_of(head)?;
    let mut asked = Arguments::default();
    let unit = time_unit(head.query());
    each_of_read(head.query(), |name, value| match name {
        name if is_parameter(name) => Ok(()),
        _ => asked.take(&reads::CHANGES, name, value, unit),
    })?;
    Ok((asked, format))
}

pub(crate) async fn read(
    caller: Caller,
    (asked, name): (Arguments, FormatName),
) -> Result<Response, ApiError> {
    let parameters = asked.of(reads::READ_CHANGES_PACKED);
    let row = caller.read_one(&READ, &parameters).await?;
    let (format, size) = (format(name), row.get::<_, &[u8]>(2).len());
    // A table has no room for what is not a row.
    let onward = [
        (CURSOR, HeaderValue::from_str(row.get(0))),
        (
            MORE,
            HeaderValue::from_str(&row.get::<_, bool>(1).to_string()),
        ),
    ];
    let record = caller.record().clone();
    let write = move || {
        let onward = Onward::Changes {
            cursor: row.get(0),
            more: row.get(1),
        };
        let count = |rows| record.add_rows_out(rows as u64);
        write_in_order(row.get(2), &Mode::Versions.into(), onward, format, count)
    };
    let mut response = answer::rows(format, size, write).await?;
    if name != FormatName::Json {
        for (header, value) in onward {
            let value = value.map_err(|_| ApiError::internal("a cursor is no header"))?;
            response.headers_mut().insert(header, value);
        }
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::server::{db::PgInstant, routes::query::arguments::Given};

    fn parse(query: &str) -> Query<Arguments> {
        plan(&Head::asking(query)).map(|(asked, _)| asked)
    }

    #[test]
    fn every_parameter_is_read() {
        let asked = parse(
            "since=2025-01-01T00:00:00Z&cursor=AQ-_&series_id=00000000-0000-0000-0000-000000000001\
             &name=a+b&labels=%7B%22a%22:%22b%22%7D&max_points=7",
        );
        let asked = asked.unwrap();
        let text = |text: &'static str| Given::Text(text.into());
        for (argument, given) in reads::CHANGES.into_iter().zip([
            Given::Instant(PgInstant(1_735_689_600_000_000)),
            text("AQ-_"),
            Given::Ids(vec![Uuid::from_u128(1)]),
            text("a b"),
            text(r#"{"a":"b"}"#),
            Given::Integer(7),
        ]) {
            assert_eq!(asked.get(argument), Some(&given), "{argument:?}");
        }
        assert_eq!(parse(""), Ok(Arguments::default()));
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
