//! `GET /list_timeseries`: the tenant's series by id, ordered by name.

use axum::response::Response;
use uuid::Uuid;

use crate::server::{answer, error::ApiError, json, state::Caller};

const LIST: &str = "SELECT series_id, name, description, unit, labels::pg_catalog.text \
                    FROM timedb.series ORDER BY name, series_id";

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
