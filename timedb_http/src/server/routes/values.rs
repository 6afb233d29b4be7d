//! `GET /values` and `GET /values/last`: a read, as rows; sorted if there are few, streamed if there are many. Packed
//! chunks are collected while there are few; otherwise a task turns them into a stream whose end the client can trust: one
//! that fails breaks the body, and never just ends early.

use std::{
    io,
    pin::pin,
    time::{Duration, Instant},
};

use axum::{body::Body, response::Response};
use bytes::Bytes;
use futures_util::{TryStreamExt, stream};
use tokio::sync::{mpsc, oneshot};
use tokio_postgres::{Row, RowStream};
use tracing::Instrument;

use super::{pages, query::ReadQuery};
use crate::formats::rows::{
    Chunk, Format, Layout, ROW_ORDER_LIMIT, RowFormat, Unwritten, format, write_ordered,
};
use crate::server::{
    answer,
    config::ServerConfig,
    db::{SqlQuery, StreamFault},
    error::ApiError,
    instant::Precision,
    record::Record,
    state::Caller,
};

/// Pieces that wait between the database and a slow client; with them a stream's memory is bounded.
const PIECES_AHEAD: usize = 4;

/// How an answer begins: with all of its packed chunks, or else with the first piece of a stream.
type First = Option<Vec<Row>>;

/// A piece of a stream; after the last one comes `None`, which says that nothing is missing.
type StreamPiece = Option<Bytes>;

pub(crate) async fn read(caller: Caller, asked: ReadQuery) -> Result<Response, ApiError> {
    if let Some(page) = &asked.page {
        return pages::read(caller, &asked, page).await;
    }
    let (layout, format) = (asked.layout(), format(asked.format));
    let (head, mut first) = oneshot::channel();
    let (pieces, body) = mpsc::channel(PIECES_AHEAD);
    let mut reading = Box::pin(produce(
        caller,
        asked,
        (layout.clone(), format),
        head,
        pieces,
    ));
    let begun = tokio::select! {
        biased;
        () = &mut reading => None,
        first = &mut first => Some(first),
    };
    let first = match begun {
        Some(first) => {
            // A task of its own, because a stream outlives this handler; it ends when `body` is dropped.
            tokio::spawn(reading.in_current_span());
            first
        }
        // Few rows, or none: there is nothing more to do, and what there is to say is said.
        None => first.await,
    };
    let first = first.map_err(|_| ApiError::internal("a read ended without an answer"))?;
    let Some(rows) = first? else {
        return Ok(answer::of_format(format, streamed(body)));
    };
    let size = rows.iter().map(|row| row.get::<_, &[u8]>(0).len()).sum();
    let write = move || write_ordered(rows.iter().map(|row| row.get(0)), &layout, format);
    answer::rows(format, size, write).await
}

/// A body from the pieces; a channel that closes before the last one is an error, which breaks the connection.
fn streamed(pieces: mpsc::Receiver<StreamPiece>) -> Body {
    Body::from_stream(stream::try_unfold(pieces, |mut pieces| async move {
        match pieces.recv().await {
            Some(piece) => Ok(piece.map(|data| (data, pieces))),
            None => Err(io::Error::other("the read failed halfway")),
        }
    }))
}

/// Reads, and answers through `head` and `pieces`; gives up as soon as nobody holds their other ends.
async fn produce(
    caller: Caller,
    asked: ReadQuery,
    (layout, format): (Layout, &'static Format),
    head: oneshot::Sender<Result<First, ApiError>>,
    pieces: mpsc::Sender<StreamPiece>,
) {
    let watch = pieces.clone();
    let mut output = StreamedAnswer {
        head: Some(head),
        pieces,
        pace: Pace::of(caller.config()),
        // Whether a row that is still to come has a fraction of a second nobody knows yet.
        format,
        rows: (format.rows)(&layout, Precision::Microseconds),
        piece: Vec::new(),
        record: caller.record().clone(),
    };
    let (text, parameters) = asked.statement();
    let parameters = &parameters;
    let answer = pin!(async {
        let consume = async |rows| consume(rows, &mut output).await;
        let result = caller.stream(SqlQuery { text, parameters }, consume).await;
        // A receiver that has gone needs no answer; then sending fails, and that is all right.
        match (result, output.head.take()) {
            (Ok(Some(rows)), Some(head)) => drop(head.send(Ok(Some(rows)))),
            (Ok(_), _) => {
                let written = output.rows.close(None, &mut output.piece).map_err(failed);
                if written.is_ok() && output.send().await.is_ok() {
                    let _gone = output.pieces.send(None).await;
                }
            }
            (Err(StreamFault::Refused(error)), Some(head)) => drop(head.send(Err(error))),
            (Err(fault), _) => tracing::warn!(?fault, "a stream of rows was aborted"),
        }
    });
    tokio::select! {
        biased;
        () = watch.closed() => {}
        () = answer => {}
    }
}

/// Takes the chunks: all of them when they are few, else one by one into the stream.
async fn consume(rows: RowStream, output: &mut StreamedAnswer) -> Result<First, StreamFault> {
    let mut rows = pin!(rows);
    let mut collected = Vec::new();
    let mut points = 0;
    while let Some(row) = rows.try_next().await? {
        let of_row = parse(&row)?.columns.points;
        output.record.add_rows_out(of_row as u64);
        points += of_row;
        collected.push(row);
        if points > ROW_ORDER_LIMIT {
            if output.format.needs_all {
                return Err(ApiError::bad_request(too_many()).into());
            }
            output.open()?;
            for row in collected {
                output.chunk(&parse(&row)?).await?;
            }
            while let Some(row) = rows.try_next().await? {
                let chunk = parse(&row)?;
                output.record.add_rows_out(chunk.columns.points as u64);
                output.chunk(&chunk).await?;
            }
            return Ok(None);
        }
    }
    Ok(Some(collected))
}

fn parse(row: &Row) -> Result<Chunk<'_>, StreamFault> {
    Chunk::parse(row.get(0)).map_err(|damaged| ApiError::internal(&damaged.to_string()).into())
}

fn failed(unwritten: Unwritten) -> StreamFault {
    ApiError::internal(&unwritten.to_string()).into()
}

fn too_many() -> String {
    format!(
        "The answer has more than {ROW_ORDER_LIMIT} rows, and orient=columns takes no more: ask for less, or for \
         another format."
    )
}

/// The way to the client.
struct StreamedAnswer {
    head: Option<oneshot::Sender<Result<First, ApiError>>>,
    pieces: mpsc::Sender<StreamPiece>,
    pace: Pace,
    format: &'static Format,
    rows: Box<dyn RowFormat>,
    /// What has not been sent yet.
    piece: Vec<u8>,
    record: Record,
}

impl StreamedAnswer {
    fn open(&mut self) -> Result<(), StreamFault> {
        self.pace.started = Instant::now();
        self.rows.open(None, &mut self.piece).map_err(failed)?;
        let head = self.head.take().ok_or(StreamFault::Abandoned)?;
        head.send(Ok(None)).map_err(|_| StreamFault::Abandoned)
    }

    async fn chunk(&mut self, chunk: &Chunk<'_>) -> Result<(), StreamFault> {
        let rows_per_piece = self.format.rows_per_piece;
        let mut index = 0;
        for run in &chunk.columns.runs {
            let shared = self.rows.shared(&run.series);
            for _ in 0..run.points {
                if index % rows_per_piece == 0 {
                    self.piece.reserve(rows_per_piece * shared.row_length());
                }
                self.rows.row(chunk, index, &shared, &mut self.piece);
                index += 1;
                if index % rows_per_piece == 0 {
                    self.send().await?;
                }
            }
        }
        self.send().await
    }

    async fn send(&mut self) -> Result<(), StreamFault> {
        self.rows.flush(&mut self.piece).map_err(failed)?;
        if self.piece.is_empty() {
            return Ok(());
        }
        let left = self.pace.left();
        let piece = std::mem::take(&mut self.piece);
        self.pace.sent += piece.len();
        self.pieces
            .send_timeout(Some(piece.into()), left)
            .await
            .map_err(|_| StreamFault::Abandoned)
    }
}

/// How slowly a client may take a stream, whose rows wait in the database until then, with a connection.
struct Pace {
    /// It may read nothing for this long, and may fall behind the rate by as much.
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
        let millis = (self.sent as u64).saturating_mul(1_000);
        let by_rate = match millis.checked_div(self.rate as u64) {
            Some(millis) => self.stall + Duration::from_millis(millis),
            None => Duration::MAX,
        };
        let left = self.limit.min(by_rate);
        let left = left.saturating_sub(self.started.elapsed());
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
