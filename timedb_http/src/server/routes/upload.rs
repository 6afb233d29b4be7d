//! `POST /upload`: rows of JSON become one batch, or nothing at all.

use axum::{
    http::{HeaderName, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};
use tokio_postgres::{Row, types::Type};
use uuid::Uuid;

use super::query::about;
use crate::server::{
    answer,
    body::{BodyFormat, Received, Upload, read_rows, read_upload},
    db::PgInstant,
    error::ApiError,
    guard::Plan,
    head::Head,
    state::Caller,
};

const UPLOAD: &str = "SELECT batch_id, series_ids, points, skipped, replayed FROM timedb_internal._upload_packed(\
                      $1, $2, $3, $4, $5, $6::pg_catalog.text::pg_catalog.jsonb, $7, $8, $9)";
/// Says that the same request was carried out before, and that this is what it was answered.
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// An upload, and the client's name for the request.
type NamedUpload = (Upload, Option<String>);

pub(crate) fn plan(head: &Head, body: &Received) -> Plan<NamedUpload> {
    let asked = about::parse(head)?;
    let (format, bytes) = body.rows(asked.format)?;
    let upload = match format {
        BodyFormat::Json => {
            asked.refuse_beside_json()?;
            read_upload(bytes, asked.unit)?
        }
        format => {
            let is_named = head.idempotency_key()?.is_some();
            let (unit, about) = asked.about(is_named)?;
            read_rows(format, bytes, unit, about)?
        }
    };
    // With a key its tenant counts, whatever the body says.
    if !head.has_key
        && let Some(tenant_id) = &upload.tenant_id
        && Uuid::try_parse(tenant_id) != Ok(Uuid::nil())
    {
        let told = format!(
            "Cannot upload for tenant_id {tenant_id}. Without an API key there is only tenant_id {}.",
            Uuid::nil()
        );
        return Err(ApiError::new(StatusCode::FORBIDDEN, told));
    }
    Ok((upload, head.idempotency_key()?))
}

pub(crate) async fn upload(
    caller: Caller,
    (upload, idempotency_key): NamedUpload,
) -> Result<Response, ApiError> {
    let row = store(&caller, &upload, idempotency_key.as_deref()).await;
    let row = row.map_err(|error| error.place_field(|field| upload.place_of(field)))?;
    render(&row, upload)
}

/// Stores an upload; the row is that of [`UPLOAD`].
pub(super) async fn store(
    caller: &Caller,
    upload: &Upload,
    idempotency_key: Option<&str>,
) -> Result<Row, ApiError> {
    let known_time = upload.known_time.map(PgInstant);
    let start = PgInstant(upload.batch_start_time);
    let finish = upload.batch_finish_time.map(PgInstant);
    let parameters = [
        (&upload.packed as _, Type::BYTEA),
        (&known_time as _, Type::TIMESTAMPTZ),
        (&upload.workflow_id as _, Type::TEXT),
        (&start as _, Type::TIMESTAMPTZ),
        (&finish as _, Type::TIMESTAMPTZ),
        (&upload.batch_params as _, Type::TEXT),
        (&upload.batch_id as _, Type::UUID),
        (&idempotency_key as _, Type::TEXT),
        (&upload.skip_unchanged as _, Type::BOOL),
    ];
    let row = caller.write_one(UPLOAD, &parameters).await?;
    if !row.get::<_, bool>(4) {
        let points: Option<i64> = row.get(2);
        let points = points.and_then(|points| u64::try_from(points).ok());
        caller.record().add_rows_in(points.unwrap_or(0));
    }
    Ok(row)
}

fn render(row: &Row, upload: Upload) -> Result<Response, ApiError> {
    let ids: Vec<Uuid> = row.get::<_, Option<_>>(1).unwrap_or_default();
    let Upload {
        value_keys,
        labels,
        skip_unchanged,
        ..
    } = upload;
    if ids.len() != value_keys.len() {
        return Err(ApiError::internal(
            "an upload returned another number of series",
        ));
    }
    // One name may be that of many series then.
    let series = labels.iter().any(Option::is_some).then(|| {
        let each = value_keys.iter().zip(&labels).zip(&ids);
        let told = each.map(|((name, labels), id)| {
            let labels = labels.as_deref().unwrap_or("{}");
            let labels: Value = serde_json::from_str(labels).unwrap_or_default();
            json!({ "name": name, "labels": labels, "series_id": id })
        });
        told.collect::<Vec<_>>()
    });
    let series_ids: Map<String, Value> = value_keys
        .into_iter()
        .zip(ids.iter().map(|id| json!(id)))
        .collect();
    let mut answer = json!({
        "batch_id": row.get::<_, Uuid>(0),
        "message": "Batch created successfully",
        "series_ids": series_ids,
    });
    if let Some(series) = series {
        answer["series"] = json!(series);
    }
    if skip_unchanged {
        answer["points"] = json!(row.get::<_, i64>(2));
        answer["skipped_unchanged"] = json!(row.get::<_, i64>(3));
    }
    let replayed = row.get::<_, bool>(4).then_some([(REPLAYED, "true")]);
    Ok((replayed, answer::json(answer.to_string())).into_response())
}
