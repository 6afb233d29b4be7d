//! The operations, in the order of the reference.

use timedb_wire::reads;
use utoipa::openapi::{
    ContentBuilder, Paths, PathsBuilder, path::HttpMethod, request_body::RequestBodyBuilder,
    response::ResponseBuilder,
};

use super::{
    answers::{
        CONFLICT, FORBIDDEN, NOT_FOUND, TIMED_OUT, UNAVAILABLE, json, ok, onward, paged, replayed,
        rows,
    },
    described::{Described, body, keyed, public},
    parameters::{
        formats, idempotency_key, last_event_id, of_arguments, of_modes, of_page, of_pages,
        of_search, of_upload, path, prefix, time_unit, wait, writes,
    },
    protocols,
    scalars::{bytes, stored_text, text, uuid},
};
use crate::{
    formats::rows::{FormatName, format},
    server::routes::query::OF_BUCKETS,
};

/// All paths.
pub(super) fn paths() -> Paths {
    use HttpMethod::{Get, Patch, Post, Put};
    let one = || path("series_id", uuid());
    let list: [(&str, HttpMethod, Described); 19] = [
        (
            "/",
            Get,
            public("describe_service", "What this is", json("Service")),
        ),
        (
            "/openapi.json",
            Get,
            public("describe_api", "This document", json("Document")),
        ),
        (
            "/docs",
            Get,
            public("show_api", "This document as a page, to try it", page()),
        ),
        (
            "/health",
            Get,
            public("health", "Whether the process responds", json("Health")),
        ),
        (
            "/ready",
            Get,
            public("ready", "Whether the database can be used", json("Ready"))
                .takes([writes()])
                .fails(&[UNAVAILABLE, TIMED_OUT]),
        ),
        (
            "/values",
            Get,
            keyed(
                "read_values",
                "Read values, or aggregates in buckets of time",
                paged(rows("Read")),
            )
            .takes(of_arguments(&reads::READ))
            .takes(of_arguments(&OF_BUCKETS))
            .takes(of_modes())
            .takes(of_pages())
            .takes(formats())
            .takes([time_unit()]),
        ),
        (
            "/values",
            Put,
            keyed(
                "correct_values",
                "Correct points, all or none",
                replayed(json("Corrected")),
            )
            .takes([idempotency_key(), time_unit()])
            .has(body("Updates"))
            .fails(&[FORBIDDEN, NOT_FOUND, CONFLICT]),
        ),
        (
            "/values/last",
            Get,
            keyed(
                "read_last",
                "Read the last point of each series",
                paged(rows("Read")),
            )
            .takes(of_arguments(&reads::LAST))
            .takes(of_pages())
            .takes(formats())
            .takes([time_unit()]),
        ),
        (
            "/points",
            Post,
            keyed(
                "read_points",
                "Read values as each was known by its own cut-off",
                rows("Read"),
            )
            .takes(formats())
            .takes([time_unit()])
            .has(body("Points"))
            .fails(&[NOT_FOUND, CONFLICT]),
        ),
        (
            "/changes",
            Get,
            keyed(
                "read_changes",
                "Read what has been written since",
                onward(rows("Changes")),
            )
            .takes(of_arguments(&reads::CHANGES))
            .takes([wait(), last_event_id()])
            .takes(formats())
            .takes([time_unit()]),
        ),
        (
            "/upload",
            Post,
            keyed(
                "upload",
                "Store rows as one batch, all or none",
                replayed(json("Uploaded")),
            )
            .takes([idempotency_key()])
            .takes(of_upload())
            .takes([time_unit()])
            .has(tables(body("Upload")))
            .fails(&[FORBIDDEN, NOT_FOUND, CONFLICT]),
        ),
        (
            "/series",
            Get,
            keyed(
                "find_series",
                "Find series, page by page",
                json("SeriesPage"),
            )
            .takes(of_search())
            .takes(of_page(uuid()))
            .fails(&[NOT_FOUND]),
        ),
        (
            "/series",
            Post,
            keyed(
                "create_series",
                "Find or create a series",
                json("CreatedSeries"),
            )
            .has(body("NewSeries"))
            .fails(&[FORBIDDEN, CONFLICT]),
        ),
        (
            "/series/count",
            Get,
            keyed(
                "count_series",
                "Count the series that would be found",
                json("Count"),
            )
            .takes(of_search()),
        ),
        (
            "/series/labels",
            Get,
            keyed(
                "list_labels",
                "List the names of labels",
                json("LabelNames"),
            ),
        ),
        (
            "/series/labels/{label}",
            Get,
            keyed(
                "list_label_values",
                "List the values of a label",
                json("LabelValues"),
            )
            .takes([path("label", stored_text().min_length(Some(1))), prefix()])
            .takes(of_page(stored_text())),
        ),
        (
            "/series/{series_id}",
            Get,
            keyed(
                "describe_series",
                "Describe a series",
                json("DescribedSeries"),
            )
            .takes([one()])
            .fails(&[NOT_FOUND]),
        ),
        (
            "/series/{series_id}",
            Patch,
            keyed("change_series", "Change a series", json("DescribedSeries"))
                .takes([one()])
                .has(body("SeriesChange"))
                .fails(&[FORBIDDEN, NOT_FOUND, CONFLICT]),
        ),
        (
            "/list_timeseries",
            Get,
            keyed(
                "list_series",
                "List all series by their ids",
                json("ListedSeries"),
            ),
        ),
    ];
    let mut paths = PathsBuilder::new().build();
    for (path, method, described) in list.into_iter().chain(protocols::operations()) {
        paths.add_path_operation(path, vec![method], described.operation());
    }
    paths
}

/// The same, or rows in another format.
fn tables(body: RequestBodyBuilder) -> RequestBodyBuilder {
    let others = [
        FormatName::Ndjson,
        FormatName::Csv,
        FormatName::Arrow,
        FormatName::Parquet,
    ];
    others.into_iter().fold(body, |body, name| {
        let content = ContentBuilder::new();
        let content = match name {
            FormatName::Ndjson | FormatName::Csv => content.schema(Some(text())),
            _ => content.schema(Some(bytes())),
        };
        body.content(format(name).content_type, content.build())
    })
}

fn page() -> ResponseBuilder {
    let content = ContentBuilder::new().schema(Some(text())).build();
    ok().content("text/html; charset=utf-8", content)
}
