//! The streams of an HTTP/2 connection, each with a clock of its own: a client that takes nothing of an answer for a
//! while loses that stream, however busy the connection is otherwise. Answers go out in pieces, so that what waits for
//! a slow client waits here, where it is timed.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::{Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use hyper::{rt::Executor, server::conn::http2};
use tokio::time::{Instant, sleep, sleep_until};

use crate::server::share::lock;

/// The most requests of a connection at a time.
const STREAMS: u32 = 64;
/// The largest head, in the protocol's own count.
const HEAD: u32 = 64 << 10;
/// What a client may send ahead of what is read, of one body and of all of them.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 1 << 20;
/// What waits in the library for a client to take it, a stream.
const SEND_BUFFER: usize = 64 << 10;
const PIECE: usize = 32 << 10;
/// Requests that a client takes back before they have been looked at.
const RESETS: usize = 20;

tokio::task_local! {
    static CLOCK: StreamClock;
}

/// How HTTP/2 is spoken to a client that may take nothing of an answer for so long.
pub(super) fn builder(write_timeout: Duration) -> http2::Builder<StreamExecutor> {
    let mut http = http2::Builder::new(StreamExecutor { write_timeout });
    http.max_concurrent_streams(STREAMS)
        .max_header_list_size(HEAD)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(RESETS);
    http
}

/// Runs each stream until it ends or its client has had its time.
#[derive(Clone)]
pub(super) struct StreamExecutor {
    write_timeout: Duration,
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for StreamExecutor {
    fn execute(&self, stream: F) {
        let clock = StreamClock::default();
        let stalled = clock.clone().stalled(self.write_timeout);
        tokio::spawn(CLOCK.scope(clock, async move {
            tokio::select! {
                () = stream => {}
                () = stalled => tracing::debug!("a stream is reset: its client takes nothing"),
            }
        }));
    }
}

/// Since when a piece of an answer waits for the client.
#[derive(Clone, Default)]
struct StreamClock(Arc<Mutex<Option<Instant>>>);

impl StreamClock {
    fn set(&self, since: Option<Instant>) {
        *lock(&self.0) = since;
    }

    async fn stalled(self, limit: Duration) {
        loop {
            let since = *lock(&self.0);
            match since {
                None => sleep(limit).await,
                Some(since) if since.elapsed() >= limit => return,
                Some(since) => sleep_until(since + limit).await,
            }
        }
    }
}

/// The body of an answer, in pieces and timed where it goes out on a stream.
pub(super) struct Paced<B> {
    body: B,
    rest: Bytes,
    clock: Option<StreamClock>,
}

impl<B> Paced<B> {
    /// To be called in the task of the stream, if there is one.
    pub(super) fn new(body: B) -> Self {
        Self {
            body,
            rest: Bytes::new(),
            clock: CLOCK.try_with(Clone::clone).ok(),
        }
    }
}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for Paced<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = &mut *self;
        let Some(clock) = &this.clock else {
            return Pin::new(&mut this.body).poll_frame(context);
        };
        // The client has taken what there was; what comes next is not its affair until it is here.
        clock.set(None);
        if this.rest.is_empty() {
            match ready!(Pin::new(&mut this.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.rest = data,
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
                other => return Poll::Ready(other),
            }
        }
        clock.set(Some(Instant::now()));
        let piece = this.rest.split_to(this.rest.len().min(PIECE));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (mut hint, rest) = (self.body.size_hint(), self.rest.len() as u64);
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + rest);
        }
        hint.set_lower(hint.lower() + rest);
        hint
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_answer_goes_in_pieces_and_a_client_that_takes_none_has_had_its_time() {
        let clock = StreamClock::default();
        let limit = Duration::from_secs(15);
        CLOCK
            .scope(clock.clone(), async {
                let mut body = Paced::new(Body::from(vec![1; PIECE + 1]));
                let stalled = clock.clone().stalled(limit);
                assert!(tokio::time::timeout(limit * 3, stalled).await.is_err());
                assert_eq!(body.size_hint().exact(), Some(PIECE as u64 + 1));
                let piece = body.frame().await.unwrap().unwrap().into_data().unwrap();
                assert_eq!((piece.len(), body.is_end_stream()), (PIECE, false));
                assert_eq!(body.size_hint().exact(), Some(1));
                let began = Instant::now();
                clock.clone().stalled(limit).await;
                assert_eq!(began.elapsed(), limit);
                let piece = body.frame().await.unwrap().unwrap().into_data().unwrap();
                assert_eq!((piece.len(), body.is_end_stream()), (1, true));
            })
            .await;
    }
}
