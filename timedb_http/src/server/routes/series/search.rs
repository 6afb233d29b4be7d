//! `GET /series`: series by name, prefix, labels and words, page by page. `GET /series/count`: how many.
//! `GET /list_timeseries`: all of them by id, ordered by name.

use axum::response::Response;
use serde_json::json;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::{
    super::query::{each, values},
    CREATED_AT, write_series,
};
use crate::formats::rows::JsonList;
use crate::server::{
    answer,
    db::{Parameter, PgInstant},
    error::ApiError,
    guard::Query,
    head::Head,
    instant::{Formatter, Precision},
    json,
    state::Caller,
};

const FIND: &str = "SELECT series_id, name, unit, description, labels::pg_catalog.text, created_at \
                    FROM timedb.find_series($1, $2, $3::pg_catalog.text::pg_catalog.jsonb, $4, $5, $6)";
const COUNT: &str = "SELECT timedb.count_series($1, $2, $3::pg_catalog.text::pg_catalog.jsonb, $4)";
const LIST: &str = "SELECT series_id, name, description, unit, labels::pg_catalog.text \
                    FROM timedb.series ORDER BY name, series_id";
/// Series on a page by default.
const PAGE: usize = 1000;

/// What is looked for.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Search {
    name: Option<String>,
    prefix: Option<String>,
    /// JSON of an object.
    labels: Option<String>,
    search: Option<String>,
}

/// Which page of it.
#[derive(Debug, PartialEq)]
pub(crate) struct Page {
    limit: usize,
    after: Option<Uuid>,
}

impl Search {
    /// The first parameters of both statements.
    fn parameters(&self) -> [Parameter<'_>; 4] {
        [&self.name, &self.prefix, &self.labels, &self.search].map(|text| (text as _, Type::TEXT))
    }
}

pub(crate) fn plan(head: &Head) -> Query<(Search, Page)> {
    parse(head.query(), true)
}

pub(crate) fn plan_count(head: &Head) -> Query<Search> {
    Ok(parse(head.query(), false)?.0)
}

/// Reads a query string; only a search that is answered in pages has a limit.
fn parse(query: &str, in_pages: bool) -> Query<(Search, Page)> {
    let mut search = Search::default();
    let mut page = Page {
        limit: PAGE,
        after: None,
    };
    each(query, |name, value| {
        match name {
            "name" => search.name = Some(values::text(value)?),
            "prefix" => search.prefix = Some(values::text(value)?),
            "labels" => search.labels = Some(values::labels(value)?),
            "search" => search.search = Some(values::text(value)?),
            "limit" if in_pages => page.limit = values::limit(value)?,
            "after" if in_pages => page.after = Some(values::id(value)?),
            _ => return Err(values::unknown()),
        }
        Ok(())
    })?;
    Ok((search, page))
}

pub(crate) async fn find(
    caller: Caller,
    (search, page): (Search, Page),
) -> Result<Response, ApiError> {
    // One more tells whether there is another page.
    let most = i32::try_from(page.limit + 1).unwrap_or(i32::MAX);
    let of_page = [(&most as _, Type::INT4), (&page.after as _, Type::UUID)];
    let parameters: Vec<_> = search.parameters().into_iter().chain(of_page).collect();
    let rows = caller.read(FIND, &parameters).await?;
    let shown = rows.get(..page.limit).unwrap_or(&rows);
    let mut out = Vec::with_capacity(64 + shown.len() * 224);
    let mut list = JsonList::default();
    list.open(Some(shown.len()), &mut out);
    let created = shown.iter().filter_map(|row| row.get(CREATED_AT));
    let mut formatter = Formatter::new(Precision::of(created.map(|PgInstant(micros)| micros)));
    for row in shown {
        list.next_row(&mut out);
        out.push(b'{');
        write_series(row, &mut formatter, &mut out);
        out.push(b'}');
    }
    let last = shown.last().filter(|_| rows.len() > shown.len());
    list.end_of_page(last.map(|row| row.get::<_, Uuid>(0)), &mut out);
    Ok(answer::json(out))
}

pub(crate) async fn count(caller: Caller, search: Search) -> Result<Response, ApiError> {
    let row = caller.read_one(COUNT, &search.parameters()).await?;
    let answer = json!({ "count": row.get::<_, i64>(0) });
    Ok(answer::json(answer.to_string()))
}

pub(crate) async fn list(caller: Caller, (): ()) -> Result<Response, ApiError> {
    let rows = caller.read(LIST, &[]).await?;
    let mut out = Vec::with_capacity(2 + rows.len() * 192);
    out.push(b'{');
    for (at, row) in rows.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        json::write_str(&row.get::<_, Uuid>(0).to_string(), &mut out);
        // Clients of either age find the name under the word they know.
        out.extend_from_slice(b":{\"series_key\":");
        json::write_str(row.get(1), &mut out);
        for (column, name) in [(1, "name"), (2, "description"), (3, "unit")] {
            json::write_member(name, row.get::<_, Option<&str>>(column), &mut out);
        }
        json::write_name("labels", &mut out);
        json::write_compact(row.get::<_, Option<&str>>(4).unwrap_or("{}"), &mut out);
        out.push(b'}');
    }
    out.push(b'}');
    Ok(answer::json(out))
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
