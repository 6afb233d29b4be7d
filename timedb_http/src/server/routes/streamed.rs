//! The task behind a read: collects packed chunks while they are few, else turns them into a stream whose
//! end the client can trust. A stream that fails breaks the body; it never just ends early.

use std::{
    io,
    pin::pin,
    time::{Duration, Instant},
};

use axum::body::Body;
use bytes::Bytes;
use futures_util::{TryStreamExt, stream};
use tokio::sync::{mpsc, oneshot};
use tokio_postgres::{Client, Row, RowStream};

use super::query::Read;
use crate::server::{
    config::ServerConfig,
    db::{ApiKey, StreamFault},
    error::ApiError,
    instant::Precision,
    router::AppState,
    rows::{Chunk, Fragment, ROW_ORDER_LIMIT, Writer},
};

/// Pieces that wait between the database and a slow client; with them a stream's memory is bounded.
pub(super) const PIECES_AHEAD: usize = 4;
/// Rows in a piece: little enough to render between two turns of a worker.
const ROWS_PER_PIECE: usize = 2048;

/// How an answer begins.
pub(super) enum First {
    /// All of it, unrendered.
    Rows(Vec<Packed>),
    /// A stream, whose pieces come through the channel.
    Stream,
}

/// A piece of a stream.
pub(super) enum Piece {
    Data(Bytes),
    /// Nothing is missing.
    End,
}

/// One packed chunk in the row that brought it.
pub(super) struct Packed(Row);

impl AsRef<[u8]> for Packed {
    fn as_ref(&self) -> &[u8] {
        self.0.get(0)
    }
}

/// A body from the pieces; a channel that closes before `End` is an error, which breaks the connection.
pub(super) fn body(pieces: mpsc::Receiver<Piece>) -> Body {
    Body::from_stream(stream::try_unfold(pieces, |mut pieces| async move {
        match pieces.recv().await {
            Some(Piece::Data(data)) => Ok(Some((data, pieces))),
            Some(Piece::End) => Ok(None),
            None => Err(io::Error::other("the read failed halfway")),
        }
    }))
}

/// Reads, and answers through `head` and `pieces`; gives up as soon as nobody holds their other ends.
pub(super) async fn produce(
    state: AppState,
    key: Option<ApiKey>,
    read: Read,
    head: oneshot::Sender<Result<First, ApiError>>,
    pieces: mpsc::Sender<Piece>,
) {
    let watch = pieces.clone();
    tokio::select! {
        biased;
        () = watch.closed() => {}
        () = answer(&state, key.as_ref(), &read, head, pieces) => {}
    }
}

async fn answer(
    state: &AppState,
    key: Option<&ApiKey>,
    read: &Read,
    head: oneshot::Sender<Result<First, ApiError>>,
    pieces: mpsc::Sender<Piece>,
) {
    let mut output = Output {
        head: Some(head),
        pieces,
        pace: Pace::of(&state.config),
        // Whether a row that is still to come has a fraction of a second nobody knows yet.
        writer: Writer::new(read.mode, Precision::Microseconds),
        rows: 0,
    };
    let result = state
        .db
        .stream(
            key,
            async |client| send(client, read).await,
            async |rows| consume(rows, &mut output).await,
        )
        .await;
    // A receiver that has gone needs no answer; then sending fails, and that is all right.
    match (result, output.head.take()) {
        (Ok(Some(rows)), Some(head)) => drop(head.send(Ok(First::Rows(rows)))),
        (Ok(_), _) => {
            let end = format!("],\"count\":{}}}", output.rows);
            if output.send(end.into_bytes()).await.is_ok() {
                let _gone = output.pieces.send(Piece::End).await;
            }
        }
        (Err(StreamFault::Refused(error)), Some(head)) => drop(head.send(Err(error))),
        (Err(fault), _) => tracing::warn!(?fault, "a stream of rows was broken off"),
    }
}

async fn send(client: &Client, read: &Read) -> Result<RowStream, tokio_postgres::Error> {
    let mode = read.mode.name();
    let (statement, parameters) = read.statement(&mode);
    client.query_typed_raw(statement, parameters).await
}

/// Takes the chunks: all of them when they are few, else one by one into the stream.
async fn consume(rows: RowStream, output: &mut Output) -> Result<Option<Vec<Packed>>, StreamFault> {
    let mut rows = pin!(rows);
    let mut collected = Vec::new();
    let mut points = 0;
    while let Some(row) = rows.try_next().await? {
        let packed = Packed(row);
        points += parse(&packed)?.points;
        collected.push(packed);
        if points > ROW_ORDER_LIMIT {
            output.open()?;
            for packed in collected {
                output.chunk(&parse(&packed)?).await?;
            }
            while let Some(row) = rows.try_next().await? {
                output.chunk(&parse(&Packed(row))?).await?;
            }
            return Ok(None);
        }
    }
    Ok(Some(collected))
}

fn parse(packed: &Packed) -> Result<Chunk<'_>, StreamFault> {
    Chunk::parse(packed.as_ref()).map_err(|damaged| ApiError::internal(&damaged.to_string()).into())
}

/// The way to the client.
struct Output {
    head: Option<oneshot::Sender<Result<First, ApiError>>>,
    pieces: mpsc::Sender<Piece>,
    pace: Pace,
    writer: Writer,
    rows: usize,
}

impl Output {
    fn open(&mut self) -> Result<(), StreamFault> {
        self.pace.started = Instant::now();
        let head = self.head.take().ok_or(StreamFault::Abandoned)?;
        head.send(Ok(First::Stream))
            .map_err(|_| StreamFault::Abandoned)
    }

    async fn chunk(&mut self, chunk: &Chunk<'_>) -> Result<(), StreamFault> {
        let mut out = Vec::new();
        let mut index = 0;
        for series in &chunk.series {
            let fragment = Fragment::new(series);
            for _ in 0..series.points {
                if out.is_empty() {
                    out.reserve(ROWS_PER_PIECE * fragment.row_length());
                }
                let separator: &[u8] = if self.rows == 0 { b"{\"data\":[" } else { b"," };
                out.extend_from_slice(separator);
                self.writer.row(chunk, index, &fragment, &mut out);
                self.rows += 1;
                index += 1;
                if index % ROWS_PER_PIECE == 0 {
                    self.send(std::mem::take(&mut out)).await?;
                }
            }
        }
        if out.is_empty() {
            return Ok(());
        }
        self.send(out).await
    }

    async fn send(&mut self, piece: Vec<u8>) -> Result<(), StreamFault> {
        let left = self.pace.left();
        self.pace.sent += piece.len();
        self.pieces
            .send_timeout(Piece::Data(piece.into()), left)
            .await
            .map_err(|_| StreamFault::Abandoned)
    }
}

/// How slowly a client may take a stream, whose rows wait in the database until then, with a connection.
struct Pace {
    /// It may take nothing for so long, and be behind the rate by as much.
    stall: Duration,
    /// Bytes a second.
    rate: usize,
    limit: Duration,
    started: Instant,
    sent: usize,
}

impl Pace {
    fn of(config: &ServerConfig) -> Self {
        Self {
            stall: config.write_timeout,
            rate: config.stream_min_rate,
            limit: config.stream_timeout,
            started: Instant::now(),
            sent: 0,
        }
    }

    /// How long the client may take until it has room for the next piece.
    fn left(&self) -> Duration {
        let by_rate = match self.rate {
            0 => Duration::MAX,
            rate => {
                self.stall
                    + Duration::from_millis((self.sent as u64).saturating_mul(1_000) / rate as u64)
            }
        };
        let left = self
            .limit
            .min(by_rate)
            .saturating_sub(self.started.elapsed());
        left.min(self.stall)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_may_stall_a_little_and_be_behind_a_little_but_not_for_ever() {
        let seconds = Duration::from_secs;
        let mut pace = Pace {
            stall: seconds(15),
            rate: 1_000,
            limit: seconds(100),
            started: Instant::now(),
            sent: 0,
        };
        let about = |left: Duration, expected: u64| {
            let off = left.abs_diff(seconds(expected));
            assert!(off < seconds(1), "{left:?}, not {expected} s");
        };
        about(pace.left(), 15);
        pace.started -= seconds(10);
        about(pace.left(), 5);
        pace.sent = 7_000;
        about(pace.left(), 12);
        pace.sent = 1_000_000;
        about(pace.left(), 15);
        pace.started -= seconds(85);
        about(pace.left(), 5);
        pace.started -= seconds(85);
        assert_eq!(pace.left(), Duration::ZERO);
        pace.rate = 0;
        pace.limit = seconds(1_000);
        about(pace.left(), 15);
    }
}
