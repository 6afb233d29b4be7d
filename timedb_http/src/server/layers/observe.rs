//! What is told about each request once it is over: a line in the log, and the metrics. The line has the route, not
//! the path or the query, and the id of the key, not the key. Faults are logged where they arise, with the request's id.

use std::{
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::{MatchedPath, Request, State},
    http::{Method, StatusCode},
    middleware::Next,
    response::Response,
};
use http_body::{Frame, SizeHint};
use prometheus_client::metrics::counter::Counter;
use tracing::Instrument;

use super::request_id::{self, REQUEST_ID, TraceParent};
use crate::server::{
    metrics::{Answered, Authenticated, Authentication, Metrics, Routed},
    peer::Client,
    record::Record,
    state::AppState,
    usage::Usage,
};

/// Observes a request from its head to the last byte of its answer, gives it an id, and tells the client that.
pub(crate) async fn observe(
    State(state): State<AppState>,
    mut request: Request,
    next: Next,
) -> Response {
    let metrics = Arc::clone(&state.metrics);
    let id = request_id::of(request.headers());
    let record = Record::default();
    let mut observed = Observed::new(&state, &request, &id, record.clone());
    request.extensions_mut().insert(record);
    let bytes_in = metrics.bytes.inward.clone();
    let request = request.map(|body| {
        Body::new(Counted {
            body,
            bytes: bytes_in,
            observed: None,
        })
    });
    let span = tracing::error_span!("request", id);
    let mut response = next.run(request).instrument(span).await;
    observed.status = Some(response.status());
    if let Ok(id) = id.parse() {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    let bytes_out = metrics.bytes.outward.clone();
    response.map(|body| {
        observed.is_complete = body.is_end_stream();
        Body::new(Counted {
            body,
            bytes: bytes_out,
            observed: Some(observed),
        })
    })
}

/// A request under way; what is told about it is told when the value is dropped.
struct Observed {
    metrics: Arc<Metrics>,
    began: Instant,
    id: String,
    trace: Option<TraceParent>,
    method: &'static str,
    is_head: bool,
    route: String,
    client: Option<IpAddr>,
    record: Record,
    usage: Arc<Usage>,
    /// None as long as there is no answer.
    status: Option<StatusCode>,
    /// The whole answer has gone to the connection.
    is_complete: bool,
    bytes_out: u64,
}

impl Observed {
    fn new(state: &AppState, request: &Request, id: &str, record: Record) -> Self {
        state.metrics.in_progress.inc();
        let route = request.extensions().get::<MatchedPath>();
        let client = request.extensions().get::<Client>();
        Self {
            metrics: Arc::clone(&state.metrics),
            began: Instant::now(),
            id: id.to_owned(),
            trace: TraceParent::of(request.headers()),
            method: name(request.method()),
            is_head: request.method() == Method::HEAD,
            route: route.map_or_else(|| "(no route)".to_owned(), |path| path.as_str().to_owned()),
            client: client.and_then(|client| client.address),
            record,
            usage: Arc::clone(&state.usage),
            status: None,
            is_complete: false,
            bytes_out: 0,
        }
    }

    fn authentication(&self) -> Option<Authentication> {
        match self.status {
            Some(StatusCode::UNAUTHORIZED) if self.record.has_key() => {
                Some(Authentication::Refused)
            }
            Some(StatusCode::UNAUTHORIZED) => Some(Authentication::Missing),
            _ if !self.record.is_accepted() => None,
            _ if self.record.has_key() => Some(Authentication::Accepted),
            _ => Some(Authentication::Open),
        }
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        /// What proxies write for a client that went away before it had an answer.
        const CLIENT_GONE: u16 = 499;
        let metrics = &self.metrics;
        metrics.in_progress.dec();
        let elapsed = self.began.elapsed();
        let status = self.status.map_or(CLIENT_GONE, |status| status.as_u16());
        metrics
            .requests
            .get_or_create(&Answered {
                method: self.method,
                route: self.route.clone(),
                status,
            })
            .inc();
        metrics
            .request_seconds
            .get_or_create(&Routed {
                method: self.method,
                route: self.route.clone(),
            })
            .observe(elapsed.as_secs_f64());
        if let Some(outcome) = self.authentication() {
            metrics
                .authentications
                .get_or_create(&Authenticated { outcome })
                .inc();
        }
        let (rows_in, rows_out) = self.record.rows();
        metrics.rows.inward.inc_by(rows_in);
        metrics.rows.outward.inc_by(rows_out);
        if let Some(key) = self.record.key() {
            self.usage.add(key, rows_in, rows_out);
        }
        let identity = self.record.identity();
        tracing::info!(
            id = self.id,
            method = self.method,
            route = self.route,
            status,
            ms = millis(elapsed.as_micros()),
            db_ms = millis(self.record.database_time().as_micros()),
            key = identity
                .and_then(|found| found.key)
                .map(tracing::field::display),
            tenant = identity.map(|found| tracing::field::display(found.tenant)),
            rows_in,
            rows_out,
            bytes_out = self.bytes_out,
            client = self.client.map(tracing::field::display),
            complete = self.is_complete || self.is_head,
            trace_id = self.trace.as_ref().map(|trace| trace.trace_id.as_str()),
            parent_id = self.trace.as_ref().map(|trace| trace.parent_id.as_str()),
            "request"
        );
    }
}

/// Milliseconds with three digits behind the point.
fn millis(micros: u128) -> f64 {
    micros as f64 / 1e3
}

/// A method that HTTP knows; others are the client's invention.
fn name(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] = [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT",
    ];
    let known = KNOWN.into_iter().find(|known| *known == method.as_str());
    known.unwrap_or("other")
}

/// A body whose bytes are counted, and with whose end the request is over.
struct Counted {
    body: Body,
    bytes: Counter,
    observed: Option<Observed>,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        let frame = ready!(Pin::new(&mut this.body).poll_frame(context));
        let bytes = match &frame {
            Some(Ok(frame)) => frame.data_ref().map_or(0, Bytes::len) as u64,
            _ => 0,
        };
        this.bytes.inc_by(bytes);
        if let Some(observed) = &mut this.observed {
            observed.bytes_out += bytes;
            observed.is_complete |= frame.is_none() || this.body.is_end_stream();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
