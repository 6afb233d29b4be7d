//! `GET /series/labels`: the names of labels. `GET /series/labels/{label}`: the values of one, page by page.

use axum::{
    extract::{RawQuery, State},
    http::{HeaderMap, Uri},
    response::Response,
};
use serde_json::{Value, json};
use tokio_postgres::{Client, Row, types::Type};

use super::super::{
    invalid, json_response,
    query::{self, each, escapes, values, wrong},
};
use crate::server::{db::Access, error::ApiError, guard::api_key, router::AppState};

const NAMES: &str = "SELECT label, series FROM timedb.label_names()";
const VALUES: &str = "SELECT value, series FROM timedb.label_values($1, $2, $3, $4)";
/// Values on a page unless asked otherwise.
const PAGE: usize = 1000;

pub(crate) async fn label_names(
    State(state): State<AppState>,
    headers: HeaderMap,
    RawQuery(raw): RawQuery,
) -> Result<Response, ApiError> {
    let key = api_key(&headers)?;
    if let Err(errors) = query::none(raw.as_deref()) {
        return Err(invalid(&state, key.as_ref(), &errors).await);
    }
    let names = async |client: &Client| client.query_typed(NAMES, &[]).await;
    let work = state.db.run(Access::Read, key.as_ref(), names);
    let rows = state.within(work).await?;
    let data = data(&rows, "label");
    let answer = json!({ "count": data.len(), "data": data });
    Ok(json_response(answer.to_string()))
}

pub(crate) async fn label_values(
    State(state): State<AppState>,
    uri: Uri,
    headers: HeaderMap,
    RawQuery(raw): RawQuery,
) -> Result<Response, ApiError> {
    let key = api_key(&headers)?;
    let (mut label, mut prefix, mut after) = (None, None, None);
    let mut limit = PAGE;
    let raw_label = last_part(&uri);
    let read_label = escapes::of_path(raw_label).and_then(|name| values::text(&name, &mut label));
    let mut errors = Vec::new();
    if let Err(problem) = read_label {
        errors.push(wrong(&["path", "label"], raw_label, problem));
    }
    let read = each(
        raw.as_deref().unwrap_or_default(),
        |name, value| match name {
            "prefix" => values::text(value, &mut prefix),
            "after" => values::text(value, &mut after),
            "limit" => values::limit(value, &mut limit),
            _ => Err(values::unknown()),
        },
    );
    errors.extend(read.err().into_iter().flatten());
    if !errors.is_empty() {
        return Err(invalid(&state, key.as_ref(), &errors).await);
    }
    // One more tells whether there is another page.
    let most = i32::try_from(limit + 1).unwrap_or(i32::MAX);
    let find = async |client: &Client| {
        let parameters = [
            (&label as _, Type::TEXT),
            (&prefix as _, Type::TEXT),
            (&most as _, Type::INT4),
            (&after as _, Type::TEXT),
        ];
        client.query_typed(VALUES, &parameters).await
    };
    let work = state.db.run(Access::Read, key.as_ref(), find);
    let rows = state.within(work).await?;
    let shown = rows.get(..limit).unwrap_or(&rows);
    let next = shown.last().filter(|_| rows.len() > shown.len());
    let next = next.map(|last| last.get::<_, &str>(0));
    let answer = json!({ "count": shown.len(), "data": data(shown, "value"), "next": next });
    Ok(json_response(answer.to_string()))
}

/// The last part of a path, as it came.
pub(super) fn last_part(uri: &Uri) -> &str {
    uri.path().rsplit('/').next().unwrap_or_default()
}

/// Each text with the number of series that have it.
fn data(rows: &[Row], what: &str) -> Vec<Value> {
    let of = |row: &Row| json!({ what: row.get::<_, &str>(0), "series": row.get::<_, i64>(1) });
    rows.iter().map(of).collect()
}
