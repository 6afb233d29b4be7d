//! The listener's loop: accepts, encrypts if there is a certificate, serves HTTP/1.1 with limits on slow heads, or
//! HTTP/2 with limits on streams, and stops gracefully.

pub mod certificates;
mod gate;
mod patience;
mod scrape;
pub mod socket;
mod stream;
mod streams;

use std::{convert::Infallible, future::Future, pin::pin, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Bytes, HttpBody},
};
use hyper::{
    Request, Response,
    body::Incoming,
    server::conn::http1,
    service::{Service as _, service_fn},
};
use hyper_util::{
    rt::TokioIo,
    server::graceful::{GracefulShutdown, Watcher},
    service::TowerToHyperService,
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::MissedTickBehavior,
};
use tokio_rustls::TlsAcceptor;

use certificates::Certificates;
use gate::Gate;
use patience::{Limits, Patience, Work};
pub use scrape::MetricsListener;
use socket::{ACCEPT_PAUSE, Listener, Socket};
use stream::ClientStream;

use crate::server::{
    config::ServerConfig, db::check::DatabaseStatus, metrics::Metrics, peer::Peer, router,
    state::AppState,
};

/// How long requests that were broken off at the end have to cancel their statements.
const CANCEL_PAUSE: Duration = Duration::from_millis(300);

/// How often the database is told what keys were used for: a little less often than once a minute, because it notes no
/// second use of a key within that time. And how long it may take at the end.
const REPORT_PERIOD: Duration = Duration::from_secs(61);
const LAST_REPORT_LIMIT: Duration = Duration::from_secs(5);

/// Where the server can be reached, and how.
pub struct Transport {
    /// The API.
    pub listener: Listener,
    /// With it the API is encrypted.
    pub certificates: Option<Arc<Certificates>>,
    /// Where metrics are told, if anywhere.
    pub metrics: Option<MetricsListener>,
}

/// Serves a database that [`check_database`](crate::check_database) has found to keep tenants apart, until
/// `shutdown` resolves; running requests get `shutdown_grace` to end. `reloads` brings configurations whose limits
/// count from then on.
pub async fn serve(
    transport: Transport,
    config: ServerConfig,
    status: &DatabaseStatus,
    mut reloads: mpsc::Receiver<Arc<ServerConfig>>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    tracing::info!(
        listener = ?transport.listener,
        tls = transport.certificates.is_some(),
        extension = status.extension_version,
        postgres = status.server_version,
        auth_required = status.auth_required,
        "serving"
    );
    let Transport {
        listener,
        certificates,
        metrics,
    } = transport;
    let counted = Metrics::new(&status.extension_version, &status.server_version);
    let mut state = AppState::new(config, counted);
    let scraped = metrics.map(|listener| tokio::spawn(scrape::serve(listener, state.clone())));
    let reports = tokio::spawn(report_usage(state.clone()));
    let (service, current) = watch::channel(service(&state));

    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok((socket, peer)) => {
                    let connection = ClientConnection {
                        peer,
                        tls: certificates.as_ref().map(|found| found.current().into()),
                        limits: Limits {
                            idle: state.config.idle_timeout,
                            head: state.config.header_read_timeout,
                        },
                        write_timeout: state.config.write_timeout,
                        service: current.clone(),
                        watcher: graceful.watcher(),
                    };
                    connections.spawn(connection.serve(socket));
                }
                Err(error) => {
                    // A client that left in the queue is its own affair; a full table passes with time.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(config) = reloads.recv() => {
                state = state.reloaded(&config);
                service.send_replace(self::service(&state));
            }
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    tracing::info!("stopping");
    state.end_waiting();
    if tokio::time::timeout(state.config.shutdown_grace, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("requests that did not finish in time are aborted");
        connections.shutdown().await;
        tokio::time::sleep(CANCEL_PAUSE).await;
    }
    if let Some(scraped) = scraped {
        scraped.abort();
    }
    reports.abort();
    if tokio::time::timeout(LAST_REPORT_LIMIT, state.report_usage())
        .await
        .is_err()
    {
        tracing::warn!("not all use of keys could be reported at the end");
    }
    state.close();
}

/// Tells the database now and then what keys were used for.
async fn report_usage(state: AppState) {
    let mut period = tokio::time::interval(REPORT_PERIOD);
    period.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        period.tick().await;
        state.report_usage().await;
    }
}

/// The API as it is configured.
fn service(state: &AppState) -> TowerToHyperService<Router> {
    TowerToHyperService::new(router::build(state.clone()))
}

/// A client's connection, and what counts for it.
struct ClientConnection {
    peer: Peer,
    tls: Option<TlsAcceptor>,
    limits: Limits,
    write_timeout: Duration,
    service: watch::Receiver<TowerToHyperService<Router>>,
    watcher: Watcher,
}

impl ClientConnection {
    /// Serves it to its end, in the protocol that the two have agreed on.
    async fn serve(mut self, socket: Box<dyn Socket>) {
        let Some((socket, is_http2)) = self.encrypted(socket).await else {
            return;
        };
        let work = Work::default();
        let patience = Patience::new(self.limits, work.clone());
        let gate = (!is_http2).then(Gate::new);
        let stream = ClientStream::new(socket, gate, self.write_timeout, patience);
        let stream = TokioIo::new(stream);
        let service = served(self.service, self.peer, work);
        let ended = if is_http2 {
            let http = streams::builder(self.write_timeout);
            let connection = http.serve_connection(stream, service);
            self.watcher.watch(connection).await
        } else {
            let mut http = http1::Builder::new();
            // The connection's own clock has a limit for silence and one for heads.
            http.header_read_timeout(None);
            let connection = http.serve_connection(stream, service);
            self.watcher.watch(connection).await
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a client's connection ended early");
        }
    }

    /// The connection after its handshake, for which a client has as long as for a head; and whether it is HTTP/2.
    async fn encrypted(&mut self, socket: Box<dyn Socket>) -> Option<(Box<dyn Socket>, bool)> {
        let Some(tls) = &self.tls else {
            return Some((socket, false));
        };
        match tokio::time::timeout(self.limits.head, tls.accept(socket)).await {
            Ok(Ok(stream)) => {
                self.peer.is_encrypted = true;
                let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                Some((Box::new(stream), is_http2))
            }
            Ok(Err(error)) => {
                tracing::debug!(%error, "a client's handshake has failed");
                None
            }
            Err(_) => {
                tracing::debug!("a client's handshake took too long");
                None
            }
        }
    }
}

/// The API for one connection, whose clock stops while a request of it is answered.
fn served(
    service: watch::Receiver<TowerToHyperService<Router>>,
    peer: Peer,
    work: Work,
) -> impl hyper::service::Service<
    Request<Incoming>,
    Response = Response<impl HttpBody<Data = Bytes, Error = axum::Error>>,
    Error = Infallible,
    Future: Send,
> {
    service_fn(move |mut request: Request<Incoming>| {
        let job = work.begin();
        request.extensions_mut().insert(peer);
        // As it is configured now, also on a connection that is older.
        let answer = service.borrow().call(request);
        async move {
            let answer = answer.await?;
            Ok(answer.map(|body| streams::Paced::new(job.until_the_end_of(body))))
        }
    })
}
