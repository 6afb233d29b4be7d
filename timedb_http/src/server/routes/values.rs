//! `GET /values` and `GET /values/last`: a read, as rows of JSON; sorted if there are few, streamed if there are many.

use axum::response::Response;
use tokio::sync::{mpsc, oneshot};

use super::{
    query::ReadQuery,
    streamed::{self, First},
};
use crate::server::{
    answer,
    error::ApiError,
    rows::{FORMATS, write_ordered},
    state::Caller,
};

pub(crate) async fn read(caller: Caller, asked: ReadQuery) -> Result<Response, ApiError> {
    let (mode, format) = (asked.mode, &FORMATS[0]);
    let (head, first) = oneshot::channel();
    let (pieces, body) = mpsc::channel(streamed::PIECES_AHEAD);
    // A task of its own, because a stream outlives this handler; it ends when `body` is dropped.
    tokio::spawn(streamed::produce(caller, asked, format, head, pieces));
    let first = first
        .await
        .map_err(|_| ApiError::internal("a read ended without an answer"))?;
    let rows = match first? {
        First::Rows(rows) => rows,
        First::Stream => {
            let body = streamed::body(body);
            return Ok(answer::of_type(format.content_type, body));
        }
    };
    let size = rows.iter().map(|row| row.as_ref().len()).sum();
    answer::rows(format, size, move || write_ordered(&rows, mode, format)).await
}
