//! `GET /values` and `GET /values/last`: a read, as rows of JSON; in order while they are few, streamed when
//! they are many.

use axum::{
    extract::{RawQuery, State},
    http::HeaderMap,
    response::Response,
};
use tokio::sync::{mpsc, oneshot};

use super::{
    BLOCKING_FROM_BYTES, invalid, json_response,
    query::{self, Read},
    streamed,
};
use crate::server::{
    error::{ApiError, FieldError},
    guard::api_key,
    router::AppState,
    rows::{Mode, write_ordered},
};

pub(crate) async fn read_values(
    State(state): State<AppState>,
    headers: HeaderMap,
    RawQuery(raw): RawQuery,
) -> Result<Response, ApiError> {
    let read = query::parse(raw.as_deref().unwrap_or_default());
    answer(state, &headers, read).await
}

pub(crate) async fn read_last(
    State(state): State<AppState>,
    headers: HeaderMap,
    RawQuery(raw): RawQuery,
) -> Result<Response, ApiError> {
    let read = query::parse_last(raw.as_deref().unwrap_or_default());
    answer(state, &headers, read).await
}

async fn answer(
    state: AppState,
    headers: &HeaderMap,
    read: Result<Read, Vec<FieldError>>,
) -> Result<Response, ApiError> {
    let key = api_key(headers)?;
    let read = match read {
        Ok(read) => read,
        Err(errors) => return Err(invalid(&state, key.as_ref(), &errors).await),
    };
    let mode = read.mode;
    let (head, first) = oneshot::channel();
    let (pieces, body) = mpsc::channel(streamed::PIECES_AHEAD);
    // A task of its own, because a stream outlives this handler; it ends when `body` is dropped.
    tokio::spawn(streamed::produce(state.clone(), key, read, head, pieces));
    let work = async {
        let first = first
            .await
            .map_err(|_| ApiError::internal("a read ended without an answer"))?;
        match first? {
            streamed::First::Rows(rows) => render(rows, mode).await,
            streamed::First::Stream => Ok(json_response(streamed::body(body))),
        }
    };
    state.within(work).await
}

/// Renders collected rows, many of them beside the workers that serve everybody else.
async fn render(rows: Vec<streamed::Packed>, mode: Mode) -> Result<Response, ApiError> {
    let size: usize = rows.iter().map(|row| row.as_ref().len()).sum();
    let rendered = if size < BLOCKING_FROM_BYTES / 8 {
        write_ordered(&rows, mode)
    } else {
        tokio::task::spawn_blocking(move || write_ordered(&rows, mode))
            .await
            .map_err(|_| ApiError::internal("rendering rows panicked"))?
    };
    rendered
        .map(json_response)
        .map_err(|damaged| ApiError::internal(&damaged.to_string()))
}
