//! `GET /series`: series by name, prefix, labels and words, page by page. `GET /series/count`: how many.

use axum::{
    extract::{RawQuery, State},
    http::HeaderMap,
    response::Response,
};
use serde_json::json;
use tokio_postgres::{Client, Row, types::Type};
use uuid::Uuid;

use super::super::{
    invalid, json_response,
    query::{each, values},
};
use crate::server::{
    db::{Access, PgInstant},
    error::{ApiError, FieldError},
    guard::api_key,
    instant::{Formatter, Precision},
    json,
    router::AppState,
};

const FIND: &str = "SELECT series_id, name, unit, description, labels::pg_catalog.text, created_at \
                    FROM timedb.find_series($1, $2, $3::pg_catalog.text::pg_catalog.jsonb, $4, $5, $6)";
const COUNT: &str = "SELECT timedb.count_series($1, $2, $3::pg_catalog.text::pg_catalog.jsonb, $4)";
/// Where such a row has its only time.
pub(super) const CREATED_AT: usize = 5;
/// Series on a page unless asked otherwise.
const PAGE: usize = 1000;

/// What is looked for.
#[derive(Debug, Default, PartialEq)]
struct Search {
    name: Option<String>,
    prefix: Option<String>,
    /// JSON of an object.
    labels: Option<String>,
    search: Option<String>,
}

/// Which page of it.
#[derive(Debug, PartialEq)]
struct Page {
    limit: usize,
    after: Option<Uuid>,
}

/// Reads a query string; only a search that is answered in pages has a limit.
fn parse(query: &str, in_pages: bool) -> Result<(Search, Page), Vec<FieldError>> {
    let mut search = Search::default();
    let mut page = Page {
        limit: PAGE,
        after: None,
    };
    each(query, |name, value| match name {
        "name" => values::text(value, &mut search.name),
        "prefix" => values::text(value, &mut search.prefix),
        "labels" => values::labels(value, &mut search.labels),
        "search" => values::text(value, &mut search.search),
        "limit" if in_pages => values::limit(value, &mut page.limit),
        "after" if in_pages => values::id(value, &mut page.after),
        _ => Err(values::unknown()),
    })?;
    Ok((search, page))
}

pub(crate) async fn find_series(
    State(state): State<AppState>,
    headers: HeaderMap,
    RawQuery(raw): RawQuery,
) -> Result<Response, ApiError> {
    let key = api_key(&headers)?;
    let (search, page) = match parse(raw.as_deref().unwrap_or_default(), true) {
        Ok(read) => read,
        Err(errors) => return Err(invalid(&state, key.as_ref(), &errors).await),
    };
    // One more tells whether there is another page.
    let most = i32::try_from(page.limit + 1).unwrap_or(i32::MAX);
    let find = async |client: &Client| {
        let parameters = [
            (&search.name as _, Type::TEXT),
            (&search.prefix as _, Type::TEXT),
            (&search.labels as _, Type::TEXT),
            (&search.search as _, Type::TEXT),
            (&most as _, Type::INT4),
            (&page.after as _, Type::UUID),
        ];
        client.query_typed(FIND, &parameters).await
    };
    let work = state.db.run(Access::Read, key.as_ref(), find);
    let rows = state.within(work).await?;
    Ok(json_response(render(&rows, page.limit)))
}

pub(crate) async fn count_series(
    State(state): State<AppState>,
    headers: HeaderMap,
    RawQuery(raw): RawQuery,
) -> Result<Response, ApiError> {
    let key = api_key(&headers)?;
    let (search, _) = match parse(raw.as_deref().unwrap_or_default(), false) {
        Ok(read) => read,
        Err(errors) => return Err(invalid(&state, key.as_ref(), &errors).await),
    };
    let count = async |client: &Client| {
        let parameters = [
            (&search.name as _, Type::TEXT),
            (&search.prefix as _, Type::TEXT),
            (&search.labels as _, Type::TEXT),
            (&search.search as _, Type::TEXT),
        ];
        client.query_typed_one(COUNT, &parameters).await
    };
    let work = state.db.run(Access::Read, key.as_ref(), count);
    let row = state.within(work).await?;
    let answer = json!({ "count": row.get::<_, i64>(0) });
    Ok(json_response(answer.to_string()))
}

/// The first `limit` rows; a row beyond them means that there is another page.
fn render(rows: &[Row], limit: usize) -> Vec<u8> {
    let shown = rows.get(..limit).unwrap_or(rows);
    let mut out = Vec::with_capacity(64 + shown.len() * 224);
    out.extend_from_slice(b"{\"count\":");
    out.extend_from_slice(itoa::Buffer::new().format(shown.len()).as_bytes());
    out.extend_from_slice(b",\"data\":[");
    let created = shown.iter().filter_map(|row| row.get(CREATED_AT));
    let mut formatter = Formatter::new(Precision::of(created.map(|PgInstant(micros)| micros)));
    for (at, row) in shown.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.push(b'{');
        write_series(row, &mut formatter, &mut out);
        out.push(b'}');
    }
    out.extend_from_slice(b"],\"next\":");
    match shown.last().filter(|_| rows.len() > shown.len()) {
        Some(last) => json::write_str(&last.get::<_, Uuid>(0).to_string(), &mut out),
        None => out.extend_from_slice(b"null"),
    }
    out.push(b'}');
    out
}

/// The members of a series, from a row that begins with id, name, unit, description, labels and creation.
pub(super) fn write_series(row: &Row, formatter: &mut Formatter, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\"series_id\":");
    json::write_str(&row.get::<_, Uuid>(0).to_string(), out);
    out.extend_from_slice(b",\"name\":");
    json::write_str(row.get(1), out);
    out.extend_from_slice(b",\"unit\":");
    json::write_str(row.get(2), out);
    out.extend_from_slice(b",\"description\":");
    match row.get::<_, Option<&str>>(3) {
        Some(text) => json::write_str(text, out),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"labels\":");
    json::write_compact(row.get(4), out);
    out.extend_from_slice(b",\"created_at\":");
    write_instant(row.get(CREATED_AT), formatter, out);
}

/// An instant, or null.
pub(super) fn write_instant(
    instant: Option<PgInstant>,
    formatter: &mut Formatter,
    out: &mut Vec<u8>,
) {
    let Some(PgInstant(micros)) = instant else {
        out.extend_from_slice(b"null");
        return;
    };
    out.push(b'"');
    formatter.write(micros, out);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_have_a_limit() {
        let (search, page) = parse(
            "name=a&prefix=b&labels=%7B%22c%22:%22d%22%7D&search=e&limit=10000\
             &after=00000000-0000-0000-0000-000000000001",
            true,
        )
        .unwrap();
        assert_eq!(search.name.as_deref(), Some("a"));
        assert_eq!(search.prefix.as_deref(), Some("b"));
        assert_eq!(search.labels.as_deref(), Some(r#"{"c":"d"}"#));
        assert_eq!(search.search.as_deref(), Some("e"));
        assert_eq!((page.limit, page.after), (10_000, Some(Uuid::from_u128(1))));
        assert_eq!(parse("", true).unwrap().1.limit, PAGE);
        for (query, in_pages, kind) in [
            ("limit=0", true, "greater_than_equal"),
            ("limit=-5", true, "greater_than_equal"),
            ("limit=10001", true, "less_than_equal"),
            ("limit=ten", true, "int_parsing"),
            ("limit=99999999999", true, "int_parsing"),
            ("after=last", true, "uuid_parsing"),
            ("labels=[]", true, "dict_type"),
            ("search=%00", true, "string_pattern_mismatch"),
            ("unit=kW", true, "extra_forbidden"),
            ("limit=1", false, "extra_forbidden"),
            (
                "after=00000000-0000-0000-0000-000000000001",
                false,
                "extra_forbidden",
            ),
        ] {
            assert_eq!(parse(query, in_pages).unwrap_err()[0].kind, kind, "{query}");
        }
    }
}
