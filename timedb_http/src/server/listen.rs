//! The listener's loop: accepts, serves HTTP/1.1 with limits on slow heads, and stops gracefully.

mod gate;
mod patience;
mod stream;

use std::{convert::Infallible, future::Future, pin::pin, time::Duration};

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
use hyper_util::{rt::TokioIo, server::graceful::GracefulShutdown, service::TowerToHyperService};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use patience::{Limits, Patience, Work};
use stream::ClientStream;

use crate::server::{config::ServerConfig, db::check::DatabaseStatus, router, state::AppState};

/// How long to wait after an error of `accept`, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long requests that were broken off at the end have to cancel their statements.
const CANCEL_PAUSE: Duration = Duration::from_millis(300);

/// Serves a database that [`check_database`](crate::check_database) has found to keep tenants apart, until
/// `shutdown` resolves; running requests get `shutdown_grace` to end.
pub async fn serve(
    listener: TcpListener,
    config: ServerConfig,
    status: &DatabaseStatus,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    tracing::info!(
        address = listener.local_addr().ok().map(tracing::field::display),
        extension = status.extension_version,
        postgres = status.server_version,
        auth_required = status.auth_required,
        "serving"
    );
    let state = AppState::new(config);
    let service = TowerToHyperService::new(router::build(state.clone()));
    let limits = Limits {
        idle: state.config.idle_timeout,
        head: state.config.header_read_timeout,
    };
    let mut http = http1::Builder::new();
    // The connection's own clock has a limit for silence and one for heads.
    http.header_read_timeout(None);

    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let work = Work::default();
                    let patience = Patience::new(limits, work.clone());
                    let stream = prepared(stream, state.config.write_timeout, patience);
                    let connection = http.serve_connection(stream, served(service.clone(), work));
                    let watched = graceful.watch(connection);
                    connections.spawn(async move {
                        if let Err(error) = watched.await {
                            tracing::debug!(%error, "a client's connection ended early");
                        }
                    });
                }
                Err(error) => {
                    // A client that left in the queue is its own affair; a full table passes with time.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    tracing::info!("stopping");
    if tokio::time::timeout(state.config.shutdown_grace, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("requests that did not finish in time are aborted");
        connections.shutdown().await;
        tokio::time::sleep(CANCEL_PAUSE).await;
    }
    state.close();
}

/// Without TCP_NODELAY a small answer waits for the client's acknowledgement, some 40 ms.
fn prepared(
    stream: TcpStream,
    write_timeout: Duration,
    patience: Patience,
) -> TokioIo<ClientStream> {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY can't be set");
    }
    TokioIo::new(ClientStream::new(stream, write_timeout, patience))
}

/// The API for one connection, whose clock stops while a request of it is answered.
fn served(
    service: TowerToHyperService<Router>,
    work: Work,
) -> impl hyper::service::Service<
    Request<Incoming>,
    Response = Response<impl HttpBody<Data = Bytes, Error = axum::Error>>,
    Error = Infallible,
    Future: Send,
> {
    service_fn(move |request| {
        let job = work.begin();
        let answer = service.call(request);
        async move {
            let answer = answer.await?;
            Ok(answer.map(|body| job.until_the_end_of(body)))
        }
    })
}
