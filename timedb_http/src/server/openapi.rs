//! `GET /openapi.json`: the API in OpenAPI 3.1, for programs and for the page that shows it. What a read takes comes from
//! the one list of arguments; what is described here, the router serves, and a test compares the two.

mod answers;
mod bodies;
mod described;
mod operations;
pub(crate) mod page;
mod parameters;
mod protocols;
mod rows;
mod scalars;

use std::sync::LazyLock;

use axum::{
    extract::RawQuery,
    http::header,
    response::{IntoResponse, Response},
    routing::MethodFilter,
};
use utoipa::openapi::{
    ComponentsBuilder, InfoBuilder, License, OpenApi, OpenApiBuilder, RefOr,
    path::ParameterIn,
    security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
};

use crate::server::{answer, error::ApiError, guard::RouteParameters, routes::query::any};
use described::{BEARER, KEY};

static DOCUMENT: LazyLock<Result<String, serde_json::Error>> =
    LazyLock::new(|| document().to_pretty_json());

/// Answers with the document, which is the same for everybody: caches may keep it for five minutes.
pub(crate) async fn openapi(RawQuery(raw): RawQuery) -> Result<Response, ApiError> {
    any(raw.as_deref().unwrap_or_default())?;
    let text = DOCUMENT
        .as_ref()
        .map_err(|error| ApiError::internal(&error.to_string()))?;
    let minutes = [(header::CACHE_CONTROL, "public, max-age=300")];
    Ok((minutes, answer::json(text.as_str())).into_response())
}

/// What the API takes and answers.
pub(crate) fn document() -> OpenApi {
    let info = InfoBuilder::new()
        .title("TimeDB API")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Reads and writes time series that get revised. A request is one transaction: it happens as a whole or not at \
             all. Request bodies may be compressed with gzip or zstd (`Content-Encoding`), and answers are for clients \
             that accept it. A parameter or a field that is not listed is refused.",
        ))
        .license(Some(License::new(env!("CARGO_PKG_LICENSE"))));
    let key = ApiKeyValue::with_description("X-API-Key", "The key decides the tenant.");
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("The same key, as `Authorization: Bearer KEY`."));
    let components = protocols::schemes()
        .into_iter()
        .fold(ComponentsBuilder::new(), |components, (name, scheme)| {
            components.security_scheme(name, scheme)
        })
        .security_scheme(KEY, SecurityScheme::ApiKey(ApiKey::Header(key)))
        .security_scheme(BEARER, SecurityScheme::Http(bearer.build()))
        .schemas_from_iter(scalars::schemas())
        .schemas_from_iter(rows::schemas())
        .schemas_from_iter(bodies::schemas())
        .schemas_from_iter(answers::schemas())
        .schemas_from_iter(protocols::schemas())
        .responses_from_iter(answers::failures());
    OpenApiBuilder::new()
        .info(info.build())
        .paths(operations::paths())
        .components(Some(components.build()))
        .build()
}

static PARAMETERS: LazyLock<Vec<RouteParameters>> = LazyLock::new(|| {
    let mut described = Vec::new();
    for (path, item) in document().paths.paths {
        for (method, operation) in [
            (MethodFilter::GET, item.get),
            (MethodFilter::POST, item.post),
            (MethodFilter::PUT, item.put),
            (MethodFilter::PATCH, item.patch),
            (MethodFilter::DELETE, item.delete),
        ] {
            let Some(operation) = operation else {
                continue;
            };
            let all = operation.parameters.into_iter().flatten();
            let of_query = all.filter_map(|parameter| match parameter {
                RefOr::T(named) => (named.parameter_in == ParameterIn::Query).then_some(named.name),
                RefOr::Ref(_) => None,
            });
            described.push((method, path.clone(), of_query.collect()));
        }
    }
    described
});

/// The operations, each with the parameters in its query.
pub(crate) fn parameters() -> &'static [RouteParameters] {
    &PARAMETERS
}

#[cfg(test)]
mod tests;
