//! All routes and layers in one place.

use std::any::Any;

use axum::{
    Router,
    extract::Request,
    http::StatusCode,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::MethodFilter,
};
use tower_http::catch_panic::CatchPanicLayer;

use crate::server::{
    error::ApiError,
    guard::Api,
    layers::{
        self,
        cors::{self, Sharing},
        observe,
    },
    openapi,
    refusal::Refusal,
    routes::{
        changes, corrections, health, influx, points,
        query::{self, none},
        remote_write::{self, REMOTE_WRITE},
        root,
        series::{self, labels, one, search},
        upload, values,
    },
    state::AppState,
};

/// The whole API over a state.
pub(crate) fn build(state: AppState) -> Router {
    let sharing = Sharing::with(&state.config.cors_origins);
    api()
        .into_router()
        .fallback(async || ApiError::plain(StatusCode::NOT_FOUND))
        .method_not_allowed_fallback(async || ApiError::plain(StatusCode::METHOD_NOT_ALLOWED))
        .layer(middleware::from_fn(refuse))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(layers::packing())
        .layer(middleware::from_fn_with_state(sharing, cors::share))
        .layer(middleware::from_fn_with_state(
            state.clone(),
            observe::observe,
        ))
        .layer(middleware::from_fn_with_state(state.clone(), layers::mark))
        .with_state(state)
}

fn api() -> Api {
    const POST: MethodFilter = MethodFilter::POST;
    const PUT: MethodFilter = MethodFilter::PUT;
    const PATCH: MethodFilter = MethodFilter::PATCH;
    Api::described(openapi::parameters)
        .public("/", root::root)
        .public("/health", health::health)
        .public("/ready", health::ready)
        .public("/openapi.json", openapi::openapi)
        .public("/docs", openapi::page::page)
        .public("/redoc", openapi::page::other_viewer)
        .public("/docs/start.js", openapi::page::start)
        .public("/docs/swagger-ui-bundle.js", openapi::page::script)
        .public("/docs/swagger-ui.css", openapi::page::styles)
        .get("/values", query::plan, values::read)
        .with_body(PUT, "/values", corrections::plan, corrections::update)
        .get("/values/last", query::plan_last, values::read)
        .with_body(POST, "/points", points::plan, points::read)
        .get_waiting("/changes", changes::plan, changes::read)
        .with_body(POST, "/upload", upload::plan, upload::upload)
        .in_dialect(
            "/api/v1/write",
            REMOTE_WRITE,
            remote_write::plan,
            remote_write::write,
        )
        .in_dialect("/api/v2/write", influx::V2, influx::plan, influx::write)
        .in_dialect("/write", influx::V1, influx::plan_v1, influx::write)
        .get("/series", search::plan, search::find)
        .with_body(POST, "/series", series::plan, series::create)
        .get("/series/count", search::plan_count, search::count)
        .get("/series/labels", none, labels::names)
        .get(
            "/series/labels/{label}",
            labels::plan_values,
            labels::values,
        )
        .get("/series/{series_id}", one::plan, one::describe)
        .with_body(PATCH, "/series/{series_id}", one::plan_change, one::change)
        .get("/list_timeseries", none, search::list)
}

/// Answers in place of a request that was refused.
async fn refuse(request: Request, next: Next) -> Response {
    if request.method().as_str() != Refusal::METHOD {
        return next.run(request).await;
    }
    Refusal::of_path(request.uri().path())
        .answer()
        .into_response()
}

/// The panic's text is in the log by the panic hook; the client gets a plain 500.
fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    ApiError::internal("a handler panicked").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_route_is_described_and_nothing_else_is() {
        let all = openapi::parameters().iter();
        let mut described: Vec<_> = all
            .map(|(method, path, _)| format!("{method:?} {path}"))
            .collect();
        let api = api();
        let routes = api.routes().iter();
        // What the page consists of, and where else it is looked for, is not for programs.
        let mut served: Vec<_> = routes
            .filter(|(_, path)| !path.starts_with("/docs/") && path != "/redoc")
            .map(|(method, path)| format!("{method:?} {path}"))
            .collect();
        described.sort();
        served.sort();
        assert_eq!(described, served);
    }
}
