//! The listener of the metrics: apart from that of the API, so that those who may scrape need no way to the data, and
//! clients of the API none to the metrics.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{
    body::Body,
    http::{Method, Request, Response, StatusCode, header},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::TcpListener,
    sync::Semaphore,
    time::{sleep, timeout},
};

use super::socket::ACCEPT_PAUSE;
use crate::server::state::AppState;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Connections at a time: there are few who scrape.
const CONNECTIONS: usize = 16;
const HEAD_LIMIT: Duration = Duration::from_secs(10);
/// A connection is for one scrape, or for a few.
const CONNECTION_LIMIT: Duration = Duration::from_secs(120);

/// Where metrics are told, and what only the program knows of them.
pub struct MetricsListener {
    /// The place.
    pub listener: TcpListener,
    /// How many lines of the log could not be written.
    pub dropped_lines: Arc<AtomicU64>,
}

/// Serves `GET /metrics` until the value is dropped.
pub(super) async fn serve(metrics: MetricsListener, state: AppState) {
    let MetricsListener {
        listener,
        dropped_lines,
    } = metrics;
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection for the metrics could not be accepted");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (state, dropped_lines) = (state.clone(), Arc::clone(&dropped_lines));
        tokio::spawn(async move {
            let answer = service_fn(|request| {
                let dropped = dropped_lines.load(Relaxed);
                state.metrics.dropped_lines.inner().store(dropped, Relaxed);
                let answer = answer(&request, &state);
                async move { Ok::<_, Infallible>(answer) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_LIMIT)
                .max_headers(100)
                .serve_connection(TokioIo::new(stream), answer);
            let _ended = timeout(CONNECTION_LIMIT, connection).await;
            drop(permit);
        });
    }
}

fn answer(request: &Request<Incoming>, state: &AppState) -> Response<Body> {
    let of = |status: StatusCode, kind: &'static str, body: String| {
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        let kind = axum::http::HeaderValue::from_static(kind);
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    };
    let plain = |status| of(status, "text/plain; charset=utf-8", format!("{status}\n"));
    match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/metrics") => {
            state.measure();
            match state.metrics.render() {
                Ok(text) => of(StatusCode::OK, OPEN_METRICS, text),
                Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR),
            }
        }
        (_, "/metrics") => plain(StatusCode::METHOD_NOT_ALLOWED),
        _ => plain(StatusCode::NOT_FOUND),
    }
}
