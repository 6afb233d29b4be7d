//! `GET /list_timeseries`: the tenant's series by id, ordered by name.

use axum::{
    extract::{RawQuery, State},
    http::HeaderMap,
    response::Response,
};
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use super::{invalid, json_response, query};
use crate::server::{db::Access, error::ApiError, guard::api_key, json, router::AppState};

const LIST: &str = "SELECT series_id, name, description, unit, labels::pg_catalog.text \
                    FROM timedb.series ORDER BY name, series_id";

pub(crate) async fn list_timeseries(
    State(state): State<AppState>,
    headers: HeaderMap,
    RawQuery(raw): RawQuery,
) -> Result<Response, ApiError> {
    let key = api_key(&headers)?;
    if let Err(errors) = query::none(raw.as_deref()) {
        return Err(invalid(&state, key.as_ref(), &errors).await);
    }
    let list = async |client: &Client| client.query_typed(LIST, &[]).await;
    let work = state.db.run(Access::Read, key.as_ref(), list);
    let rows = state.within(work).await?;
    Ok(json_response(render(&rows)))
}

fn render(rows: &[Row]) -> Vec<u8> {
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
        out.extend_from_slice(b",\"name\":");
        json::write_str(row.get(1), &mut out);
        out.extend_from_slice(b",\"description\":");
        match row.get::<_, Option<&str>>(2) {
            Some(text) => json::write_str(text, &mut out),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b",\"unit\":");
        json::write_str(row.get(3), &mut out);
        out.extend_from_slice(b",\"labels\":");
        json::write_compact(row.get::<_, Option<&str>>(4).unwrap_or("{}"), &mut out);
        out.push(b'}');
    }
    out.push(b'}');
    out
}
