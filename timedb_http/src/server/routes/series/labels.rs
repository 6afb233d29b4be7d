//! `GET /series/labels`: the names of labels. `GET /series/labels/{label}`: the values of one, page by page.

use axum::response::Response;
use serde_json::{Value, json};
use tokio_postgres::{Row, types::Type};

use super::super::query::{each, escapes, values, wrong};
use crate::server::{answer, error::ApiError, guard::Query, head::Head, state::Caller};

const NAMES: &str = "SELECT label, series FROM timedb.label_names()";
const VALUES: &str = "SELECT value, series FROM timedb.label_values($1, $2, $3, $4)";
/// Values on a page by default.
const PAGE: usize = 1000;

/// Which values of which label.
pub(crate) struct ValuesQuery {
    label: String,
    prefix: Option<String>,
    after: Option<String>,
    limit: usize,
}

pub(crate) async fn names(caller: Caller, (): ()) -> Result<Response, ApiError> {
    let rows = caller.read(NAMES, &[]).await?;
    Ok(answer::json(list(&rows, "label").to_string()))
}

pub(crate) fn plan_values(head: &Head) -> Query<ValuesQuery> {
    let mut asked = ValuesQuery {
        label: String::new(),
        prefix: None,
        after: None,
        limit: PAGE,
    };
    let raw_label = head.last_part();
    let mut errors = Vec::new();
    match escapes::of_path(raw_label).and_then(|name| values::text(&name)) {
        Ok(label) => asked.label = label,
        Err(problem) => errors.push(wrong(&["path", "label"], raw_label, problem)),
    }
    let read = each(head.query(), |name, value| {
        match name {
            "prefix" => asked.prefix = Some(values::text(value)?),
            "after" => asked.after = Some(values::text(value)?),
            "limit" => asked.limit = values::limit(value)?,
            _ => return Err(values::unknown()),
        }
        Ok(())
    });
    errors.extend(read.err().into_iter().flatten());
    match errors.is_empty() {
        true => Ok(asked),
        false => Err(errors),
    }
}

pub(crate) async fn values(caller: Caller, asked: ValuesQuery) -> Result<Response, ApiError> {
    // One more tells whether there is another page.
    let most = i32::try_from(asked.limit + 1).unwrap_or(i32::MAX);
    let parameters = [
        (&asked.label as _, Type::TEXT),
        (&asked.prefix as _, Type::TEXT),
        (&most as _, Type::INT4),
        (&asked.after as _, Type::TEXT),
    ];
    let rows = caller.read(VALUES, &parameters).await?;
    let shown = rows.get(..asked.limit).unwrap_or(&rows);
    let last = shown.last().filter(|_| rows.len() > shown.len());
    let mut page = list(shown, "value");
    page["next"] = json!(last.map(|row| row.get::<_, &str>(0)));
    Ok(answer::json(page.to_string()))
}

/// Each text with the number of series that have it.
fn list(rows: &[Row], what: &str) -> Value {
    let entry = |row: &Row| json!({ what: row.get::<_, &str>(0), "series": row.get::<_, i64>(1) });
    let data: Vec<_> = rows.iter().map(entry).collect();
    json!({ "count": data.len(), "data": data })
}
