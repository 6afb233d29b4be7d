//! The operations that speak the protocols of others, InfluxDB's and Prometheus': their keys, bodies and errors.

use utoipa::openapi::{
    ContentBuilder, RefOr, Response,
    path::{HttpMethod, Parameter},
    request_body::RequestBodyBuilder,
    schema::AnyOfBuilder,
    security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
};

use super::{
    answers::{ALWAYS, answered, failure, reference},
    described::{BEARER, Described, KEY, in_protocol},
    parameters::query,
    scalars::{Named, bytes, choice, named, object, text, to},
};
use crate::server::routes::influx::{IGNORED, IGNORED_V1, PRECISIONS};

const TOKEN: &str = "token";
const PASSWORD: &str = "password";
const PASSWORD_IN_QUERY: &str = "password_in_query";

const ERROR: &str = "Failed";
const LINE_ERROR: &str = "LineFailed";
const LINE_ERROR_V1: &str = "LineFailedV1";

/// What is refused before it is known which operation it is for.
const BEFORE: [&str; 4] = ["408", "414", "431", "501"];
/// What these operations may answer as well; what is wrong with a request is 400, and what may go well later is 503.
const FAILURES: [(&str, &str); 7] = [
    ("401", "No valid key."),
    ("403", "The key is read-only."),
    (
        "413",
        "The body, unpacked, is above the limit, or has too many values, series, or bytes of their names.",
    ),
    (
        "429",
        "The key has sent more requests than its rate allows, or the address too many without a valid key; \
         `Retry-After` says when to try again.",
    ),
    ("500", "A fault of the server, whose cause is in its log."),
    (
        "503",
        "The body does not arrive in time, or the database cannot be used at the moment; `Retry-After`, if it is there, \
         says when to try again.",
    ),
    (
        "504",
        "The request took too long. Sent again, it stores what is not stored yet.",
    ),
];
const LINES_REFUSED: &str = "Lines are left out, and everything else is stored: the message begins with `partial write`, \
     names up to ten of them, and says as `dropped` how many there are. Otherwise nothing is stored: the body, the query \
     or the head of the request cannot be read.";
const SAMPLES_REFUSED: &str = "Samples or series are left out, and everything else is stored: the sentence says how many, \
     and names up to ten of them. Otherwise nothing is stored: the body, the query or the head of the request cannot be \
     read.";
const LINES_PACKED: &str =
    "The body is packed otherwise than with gzip or zstd, or begins like a text in UTF-16.";

const SAMPLES_PACKED: &str =
    "The body is declared as remote write 2.0, or packed otherwise than with snappy, gzip or zstd.";

/// Method, path and what is said of each.
pub(super) fn operations() -> [(&'static str, HttpMethod, Described); 3] {
    let stored = || answered("All is stored.");
    let remote_write = in_protocol(
        "write_samples",
        "Store what Prometheus sends: remote write 1.0",
        "204",
        stored(),
    )
    .tells(
        "Each series is one of the tenant's, named by its label `__name__`. NaN is a missing value. Infinite values and \
         native histograms are left out and told; exemplars and metadata are left out.",
    )
    .keyed_by([KEY, BEARER, PASSWORD])
    .has_own(samples())
    .fails_with(failures(ERROR, SAMPLES_REFUSED, SAMPLES_PACKED));
    let influx = in_protocol(
        "write_lines",
        "Store InfluxDB line protocol, as its version 2 takes it",
        "204",
        stored(),
    )
    .tells(
        "Each field that is a number or a boolean becomes a point of the series `measurement.field`, whose labels are the \
         tags. Fields of text are left out.",
    )
    .keyed_by([KEY, BEARER, TOKEN, PASSWORD])
    .takes(ignored(&IGNORED))
    .takes([precision()])
    .has_own(lines())
    .fails_with(failures(LINE_ERROR, LINES_REFUSED, LINES_PACKED));
    let influx_v1 = in_protocol(
        "write_lines_v1",
        "Store InfluxDB line protocol, as its version 1 takes it",
        "204",
        stored(),
    )
    .tells("The same as `POST /api/v2/write`; keys and errors come as in version 1.")
    .keyed_by([KEY, BEARER, TOKEN, PASSWORD, PASSWORD_IN_QUERY])
    .takes(ignored(&IGNORED_V1))
    .takes([precision()])
    .has_own(lines())
    .fails_with(failures(LINE_ERROR_V1, LINES_REFUSED, LINES_PACKED));
    [
        ("/api/v1/write", HttpMethod::Post, remote_write),
        ("/api/v2/write", HttpMethod::Post, influx),
        ("/write", HttpMethod::Post, influx_v1),
    ]
}

/// The ways in which a key may come that only these operations have.
pub(super) fn schemes() -> [(&'static str, SecurityScheme); 3] {
    let token = ApiKeyValue::with_description(
        "Authorization",
        "The same key, as `Token KEY`, or as `Token USER:KEY` with any user.",
    );
    let password = HttpBuilder::new()
        .scheme(HttpAuthScheme::Basic)
        .description(Some("The same key as the password of any user."));
    let in_query = ApiKeyValue::with_description(
        "p",
        "The same key as the password of any user, in the URL, where every proxy on the way sees it.",
    );
    [
        (TOKEN, SecurityScheme::ApiKey(ApiKey::Header(token))),
        (PASSWORD, SecurityScheme::Http(password.build())),
        (
            PASSWORD_IN_QUERY,
            SecurityScheme::ApiKey(ApiKey::Query(in_query)),
        ),
    ]
}

/// The errors of these protocols.
pub(super) fn schemas() -> Vec<Named> {
    let codes = [
        "invalid",
        "unauthorized",
        "forbidden",
        "not found",
        "conflict",
        "request too large",
        "too many requests",
        "unavailable",
        "internal error",
    ];
    let members = [("code", choice(codes)), ("message", text())];
    vec![
        named(LINE_ERROR, object(members, &["code", "message"])),
        named(LINE_ERROR_V1, object([("error", text())], &["error"])),
    ]
}

/// What may go wrong where an error has this schema.
fn failures(
    schema: &str,
    refused: &'static str,
    unsupported: &'static str,
) -> Vec<(&'static str, RefOr<Response>)> {
    let before = ALWAYS.iter().filter(|(status, ..)| BEFORE.contains(status));
    let before = before.map(|(status, name, _)| (*status, RefOr::from(reference(name))));
    let own = [("400", refused), ("415", unsupported)];
    let own = own.into_iter().chain(FAILURES).map(|(status, when)| {
        // These can also come before the operation is known, and have the form of all others then.
        let either = ["400", "500"].contains(&status) && schema != ERROR;
        let response = match either {
            true => failure(
                status,
                when,
                AnyOfBuilder::new().item(to(schema)).item(to(ERROR)),
            ),
            false => failure(status, when, to(schema)),
        };
        (status, RefOr::T(response))
    });
    let mut all: Vec<_> = before.chain(own).collect();
    all.sort_by_key(|(status, _)| *status);
    all
}

fn precision() -> Parameter {
    let names = PRECISIONS
        .iter()
        .flat_map(|(names, _)| names.iter().copied());
    query(
        "precision",
        "What a timestamp counts; nanoseconds by default.",
    )
    .schema(Some(choice(names)))
    .build()
}

/// What says where InfluxDB would store points.
fn ignored(names: &[&str]) -> Vec<Parameter> {
    // The password is one of the ways to send a key.
    let names = names.iter().filter(|name| **name != "p");
    let one = |name: &&str| {
        query(name, "Ignored: the key says whose the points are.")
            .schema(Some(text()))
            .build()
    };
    names.map(one).collect()
}

fn lines() -> RequestBodyBuilder {
    let content = ContentBuilder::new().schema(Some(text()));
    RequestBodyBuilder::new()
        .description(Some(
            "Line protocol in UTF-8, such as `cpu,host=a usage=1.5,cores=4i 1735689600000000000`, whatever its content type. \
             It may be packed with gzip or zstd.",
        ))
        .content("text/plain", content.build())
}

fn samples() -> RequestBodyBuilder {
    let content = ContentBuilder::new().schema(Some(bytes()));
    RequestBodyBuilder::new()
        .description(Some(
            "A `prometheus.WriteRequest`, packed as `Content-Encoding` says: with snappy as one block (not in frames), gzip \
             or zstd, or not at all.",
        ))
        .content("application/x-protobuf", content.build())
}
