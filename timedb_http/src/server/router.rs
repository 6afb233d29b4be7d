//! All routes and layers in one place.

use std::{any::Any, future::Future, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::Request,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use tower_http::catch_panic::CatchPanicLayer;

use crate::server::{
    config::ServerConfig,
    cors::{self, Sharing},
    db::Database,
    error::ApiError,
    headers,
    listen::Refusal,
    routes,
    share::BodyMemory,
    telemetry,
};

/// What every handler has at hand.
#[derive(Clone)]
pub(crate) struct AppState {
    pub db: Database,
    pub request_timeout: Duration,
    pub max_body_bytes: usize,
    pub body_memory: Arc<BodyMemory>,
    pub config: Arc<ServerConfig>,
}

impl AppState {
    pub(crate) fn new(config: ServerConfig) -> Self {
        Self {
            db: Database::new(&config),
            request_timeout: config.request_timeout,
            max_body_bytes: config.max_body_bytes,
            body_memory: Arc::new(BodyMemory::new(
                config.body_memory,
                config.max_body_bytes,
                config.acquire_timeout,
            )),
            config: Arc::new(config),
        }
    }

    /// Holds work to the request's time limit; what it had under way in the database is cancelled then.
    pub(crate) async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<T, ApiError> {
        match tokio::time::timeout(self.request_timeout, work).await {
            Ok(result) => result,
            Err(_) => {
                tracing::warn!("a request ran into its time limit");
                Err(ApiError::timed_out())
            }
        }
    }
}

/// The whole API over a state.
pub(crate) fn build(state: AppState) -> Router {
    let sharing = Sharing::with(&state.config.cors_origins);
    Router::new()
        .route("/", get(routes::root::root))
        .route("/health", get(routes::health::health))
        .route("/ready", get(routes::health::ready))
        .route(
            "/values",
            get(routes::values::read_values).put(routes::corrections::update_values),
        )
        .route("/changes", get(routes::changes::read_changes))
        .route("/values/last", get(routes::values::read_last))
        .route("/upload", post(routes::upload::upload))
        .route(
            "/series",
            get(routes::series::search::find_series).post(routes::series::create_series),
        )
        .route("/series/count", get(routes::series::search::count_series))
        .route("/series/labels", get(routes::series::labels::label_names))
        .route(
            "/series/labels/{label}",
            get(routes::series::labels::label_values),
        )
        .route(
            "/series/{series_id}",
            get(routes::series::one::describe_series).patch(routes::series::one::change_series),
        )
        .route(
            "/list_timeseries",
            get(routes::list_timeseries::list_timeseries),
        )
        .fallback(async || ApiError::no_such_route())
        .method_not_allowed_fallback(async || ApiError::method_not_allowed())
        .layer(middleware::from_fn(refuse))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(sharing, cors::share))
        .layer(middleware::from_fn(telemetry::log_request))
        .layer(middleware::from_fn(headers::mark))
        .with_state(state)
}

/// Answers what stands for a request that was not let in.
async fn refuse(request: Request, next: Next) -> Response {
    if request.method().as_str() != Refusal::METHOD {
        return next.run(request).await;
    }
    ApiError::refused_head(Refusal::of_path(request.uri().path())).into_response()
}

/// The panic's text is in the log by the panic hook; the client gets a plain 500.
fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    ApiError::internal("a handler panicked").into_response()
}
