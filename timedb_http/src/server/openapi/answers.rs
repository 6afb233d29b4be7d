//! The answers of operations: those that go well, with their formats, and every way in which they may not.

use utoipa::openapi::{
    ContentBuilder, HeaderBuilder, Ref, RefOr, Response, ResponseBuilder, Schema, Type,
    schema::AnyOfBuilder,
};

use super::scalars::{Named, anything, bytes, integer, list, named, object, of, text, to};
use crate::{
    formats::rows::{FormatName, format},
    server::routes::{changes, upload},
};

const REQUEST_ID: &str = "X-Request-Id";

/// An answer of 400 or more: its status, its name and when it comes.
pub(super) type FailedAnswer = (&'static str, &'static str, &'static str);

/// What any operation may answer.
pub(super) const ALWAYS: [FailedAnswer; 7] = [
    (
        "400",
        "BadRequest",
        "The request, or a value in it, is well-formed but impossible; or its head is malformed.",
    ),
    ("408", "TooSlow", "The request does not arrive in time."),
    ("414", "UrlTooLong", "The URL has more than 65,534 bytes."),
    (
        "422",
        "Unprocessable",
        "Something in the URL, a header or the body cannot be read; the list names each place.",
    ),
    (
        "431",
        "HeadTooLarge",
        "The head has more than 128 KiB, or more than 100 headers.",
    ),
    (
        "500",
        "InternalError",
        "A fault of the server, whose cause is in its log.",
    ),
    (
        "501",
        "NotImplemented",
        "A transfer coding other than chunked; or changes and `as_of_change` from a database that is a logical subscriber.",
    ),
];
/// What an operation may answer that asks the database.
pub(super) const UNAVAILABLE: FailedAnswer = (
    "503",
    "Unavailable",
    "The database cannot be used at the moment; `Retry-After` says when to try again.",
);
/// What an operation may answer that waits for the database.
pub(super) const TIMED_OUT: FailedAnswer = (
    "504",
    "TimedOut",
    "The request took too long. Whether a write was stored is not known: send it again under its name.",
);
/// What an operation with data may answer as well.
pub(super) const OF_DATA: [FailedAnswer; 4] = [
    ("401", "Unauthorized", "No valid key."),
    (
        "429",
        "TooMany",
        "The key has sent more requests than its rate allows, the address too many without a valid key, or too many \
         clients of the tenant wait for changes; `Retry-After` says when to try again.",
    ),
    UNAVAILABLE,
    TIMED_OUT,
];
/// What an operation with a body may answer as well.
pub(super) const OF_BODY: [FailedAnswer; 2] = [
    ("413", "TooLarge", "The body, unpacked, is above the limit."),
    (
        "415",
        "UnsupportedMediaType",
        "The body is declared as a format, or packed in a way, that this operation does not take.",
    ),
];
/// What a write may answer as well.
pub(super) const FORBIDDEN: FailedAnswer = (
    "403",
    "Forbidden",
    "The key is read-only, or the request is for another tenant.",
);
/// What an operation on something that may not exist may answer as well.
pub(super) const NOT_FOUND: FailedAnswer = (
    "404",
    "NotFound",
    "It does not exist, or is another tenant's.",
);
/// What an operation may answer that meets something else than it expects.
pub(super) const CONFLICT: FailedAnswer = (
    "409",
    "Conflict",
    "It contradicts what is stored, or the same request is being carried out.",
);

/// All failures that operations refer to.
pub(super) fn failures() -> Vec<(&'static str, Response)> {
    let all = ALWAYS
        .into_iter()
        .chain(OF_DATA)
        .chain(OF_BODY)
        .chain([FORBIDDEN, NOT_FOUND, CONFLICT]);
    all.map(|(status, name, when)| {
        let schema = to(if status == "422" { "Invalid" } else { "Failed" });
        (name, failure(status, when, schema))
    })
    .collect()
}

/// A failure whose body has this schema.
pub(super) fn failure(status: &str, when: &str, schema: impl Into<RefOr<Schema>>) -> Response {
    let content = ContentBuilder::new().schema(Some(schema)).build();
    let answer = ResponseBuilder::new()
        .description(when)
        .header(REQUEST_ID, request_id())
        .content("application/json", content);
    let seconds = HeaderBuilder::new()
        .schema(Some(integer().minimum(Some(1))))
        .description(Some("Seconds to wait before another try."));
    let answer = match status {
        "401" => answer.header("WWW-Authenticate", a_text("Always `ApiKey`.")),
        "409" | "429" | "503" => answer.header("Retry-After", seconds.build()),
        _ => answer,
    };
    answer.build()
}

/// The schemas of failures.
pub(super) fn schemas() -> Vec<Named> {
    let place = AnyOfBuilder::new().item(text()).item(integer());
    let entry = [
        ("type", RefOr::from(text())),
        ("loc", list(place).into()),
        ("msg", text().into()),
        ("input", anything().into()),
        ("ctx", of(Type::Object).into()),
    ];
    let entry = object(entry, &["type", "loc", "msg", "input"]);
    vec![
        named("Failed", object([("detail", text())], &["detail"])),
        named("FieldError", entry),
        named(
            "Invalid",
            object([("detail", list(to("FieldError")))], &["detail"]),
        ),
    ]
}

pub(super) fn reference(name: &str) -> Ref {
    Ref::from_response_name(name)
}

/// 200 with JSON of this schema.
pub(super) fn json(schema: &str) -> ResponseBuilder {
    let content = ContentBuilder::new().schema(Some(to(schema)));
    ok().content("application/json", content.build())
}

/// 200 with rows, in any format.
pub(super) fn rows(schema: &str) -> ResponseBuilder {
    FormatName::NAMES
        .into_iter()
        .filter_map(FormatName::named)
        .fold(ok(), |answer, name| {
            let content = ContentBuilder::new();
            let content = match name {
                FormatName::Json => content.schema(Some(to(schema))),
                FormatName::Ndjson => content
                    .schema(Some(text()))
                    .description(Some("A `Row` a line.")),
                FormatName::Csv => content.schema(Some(text())),
                _ => content.schema(Some(bytes())),
            };
            answer.content(format(name).content_type, content.build())
        })
}

/// The link to the next page of an answer.
pub(super) fn paged(answer: ResponseBuilder) -> ResponseBuilder {
    let link = a_text("With `limit`: the next page, as `<...>; rel=\"next\"`, if there is one.");
    answer.header("Link", link)
}

/// The headers by which a reader of changes goes on, where the format is not JSON; and events.
pub(super) fn onward(answer: ResponseBuilder) -> ResponseBuilder {
    let events = ContentBuilder::new()
        .schema(Some(text()))
        .description(Some(
            "Server-sent events: of each `changes` the data is a `Changes`, and the id its cursor.",
        ))
        .build();
    let cursor = a_text("The cursor to go on with, where the format is not JSON.");
    let more = a_text("Whether there is more: `true` or `false`, where the format is not JSON.");
    answer
        .header(changes::CURSOR.as_str(), cursor)
        .header(changes::MORE.as_str(), more)
        .content("text/event-stream", events)
}

/// The header of an answer that was given before.
pub(super) fn replayed(answer: ResponseBuilder) -> ResponseBuilder {
    let told = a_text("`true` where the same request was carried out before, and nothing now.");
    answer.header(upload::REPLAYED.as_str(), told)
}

pub(super) fn ok() -> ResponseBuilder {
    answered("What was asked for.")
}

/// An answer without a body.
pub(super) fn answered(told: &str) -> ResponseBuilder {
    ResponseBuilder::new()
        .description(told)
        .header(REQUEST_ID, request_id())
}

/// What the request is called.
fn request_id() -> utoipa::openapi::Header {
    a_text(
        "What the request is called in the log: the `X-Request-Id` that it brought, or a new one.",
    )
}

fn a_text(told: &str) -> utoipa::openapi::Header {
    HeaderBuilder::new()
        .schema(Some(text()))
        .description(Some(told))
        .build()
}
