//! `GET /series/labels`: the names of labels. `GET /series/labels/{label}`: the values of one, page by page.

use axum::response::Response;
use serde_json::json;
use tokio_postgres::{Client, Row, types::Type};

use super::super::query::{each, escapes, values, wrong};
use crate::server::{
    answer, error::ApiError, guard::Plan, head::Head, rows::JsonList, state::Caller,
};

const NAMES: &str = "SELECT label, series FROM timedb.label_names()";
const VALUES: &str = "SELECT value, series FROM timedb.label_values($1, $2, $3, $4)";
/// Values on a page by default.
const PAGE: usize = 1000;

/// Which values of which label.
pub(crate) struct ValuesQuery {
    label: Option<String>,
    prefix: Option<String>,
    after: Option<String>,
    limit: usize,
}

pub(crate) async fn names(caller: Caller, (): ()) -> Result<Response, ApiError> {
    let names = async |client: &Client| client.query_typed(NAMES, &[]).await;
    let rows = caller.read(names).await?;
    let (mut out, list) = list(&rows, "label");
    list.end_of_data(&mut out);
    out.push(b'}');
    Ok(answer::json(out))
}

pub(crate) fn plan_values(head: &Head) -> Plan<ValuesQuery> {
    let (mut label, mut prefix, mut after) = (None, None, None);
    let mut limit = PAGE;
    let raw_label = head.last_part();
    let read_label = escapes::of_path(raw_label).and_then(|name| values::text(&name, &mut label));
    let mut errors = Vec::new();
    if let Err(problem) = read_label {
        errors.push(wrong(&["path", "label"], raw_label, problem));
    }
    let read = each(head.query(), |name, value| match name {
        "prefix" => values::text(value, &mut prefix),
        "after" => values::text(value, &mut after),
        "limit" => values::limit(value, &mut limit),
        _ => Err(values::unknown()),
    });
    errors.extend(read.err().into_iter().flatten());
    match errors.is_empty() {
        true => Ok(ValuesQuery {
            label,
            prefix,
            after,
            limit,
        }),
        false => Err(errors.into()),
    }
}

pub(crate) async fn values(caller: Caller, asked: ValuesQuery) -> Result<Response, ApiError> {
    // One more tells whether there is another page.
    let most = i32::try_from(asked.limit + 1).unwrap_or(i32::MAX);
    let find = async |client: &Client| {
        let parameters = [
            (&asked.label as _, Type::TEXT),
            (&asked.prefix as _, Type::TEXT),
            (&most as _, Type::INT4),
            (&asked.after as _, Type::TEXT),
        ];
        client.query_typed(VALUES, &parameters).await
    };
    let rows = caller.read(find).await?;
    let shown = rows.get(..asked.limit).unwrap_or(&rows);
    let last = shown.last().filter(|_| rows.len() > shown.len());
    let (mut out, list) = list(shown, "value");
    list.end_of_page(last.map(|row| row.get(0)), &mut out);
    Ok(answer::json(out))
}

/// Each text with the number of series that have it, up to the end of the rows.
fn list(rows: &[Row], what: &str) -> (Vec<u8>, JsonList) {
    let (mut out, mut list) = (Vec::new(), JsonList::default());
    list.open(Some(rows.len()), &mut out);
    for row in rows {
        list.next_row(&mut out);
        let entry = json!({ what: row.get::<_, &str>(0), "series": row.get::<_, i64>(1) });
        out.extend_from_slice(entry.to_string().as_bytes());
    }
    (out, list)
}
