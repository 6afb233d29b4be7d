//! Parameters: those of reads from the list that SQL and the server share, and the few others.

use serde_json::json;
use timedb_wire::{
    Aggregate,
    reads::{Argument, Kind},
};
use utoipa::openapi::{
    Content, ContentBuilder, RefOr, Required, Schema, Type,
    path::{Parameter, ParameterBuilder, ParameterIn},
};

use super::scalars::{choice, list, of, small_integer, stored_text, text, time_of_day, to, uuid};
use crate::{
    formats::rows::{FormatName, Mode},
    server::routes::query::{
        MOST_ROWS,
        values::{FILLS, MODES, MOST_ANSWERED},
    },
};

/// The parameters for these arguments. Several names are a parameter given several times.
pub(super) fn of_arguments(arguments: &[Argument]) -> Vec<Parameter> {
    let mut arguments: Vec<_> = arguments.to_vec();
    arguments.retain(|argument| *argument != Argument::Names);
    arguments.into_iter().map(of_argument).collect()
}

fn of_argument(argument: Argument) -> Parameter {
    let parameter = query(argument.parameter(), argument.about());
    let schema: RefOr<Schema> = match (argument, argument.kind()) {
        (Argument::Mode, _) => choice(MODES.map(Mode::name)).into(),
        (Argument::Fill, _) => choice(FILLS).into(),
        (Argument::Unit, _) => to("Unit").into(),
        (Argument::Cursor, _) => stored_text().min_length(Some(1)).into(),
        (Argument::Name, _) => list(stored_text()).into(),
        (Argument::MaxPoints, _) => small_integer()
            .minimum(Some(1))
            .maximum(Some(100_000))
            .into(),
        (Argument::DaysAhead, _) => small_integer().minimum(Some(0)).into(),
        (_, Kind::Labels) => {
            return parameter
                .content("application/json", object("LabelFilter"))
                .build();
        }
        (_, Kind::Instant) => to("Time").into(),
        (_, Kind::Length) => to("Length").into(),
        (_, Kind::Integer) => small_integer().into(),
        (_, Kind::TimeOfDay) => time_of_day().into(),
        (_, Kind::Truth) => of(Type::Boolean).into(),
        (_, Kind::Ids) => list(uuid()).into(),
        (_, Kind::Texts) => {
            let names = Aggregate::ALL.map(Aggregate::name);
            list(choice(names.into_iter().chain(["twa"]))).into()
        }
        (_, Kind::Text) => stored_text().into(),
    };
    parameter.schema(Some(schema)).build()
}

/// What numbers in the request count.
pub(super) fn time_unit() -> Parameter {
    let about = "What numbers count that stand for times, since 1970.";
    query("time_unit", about)
        .schema(Some(to("TimeUnit")))
        .build()
}

/// The format of the rows of an answer.
pub(super) fn formats() -> [Parameter; 2] {
    let format = query(
        "format",
        "The format of the rows, whatever `Accept` says; `json` if neither names one.",
    );
    let orient = query("orient", "Rows or columns; for JSON only.");
    [
        format.schema(Some(choice(FormatName::NAMES))).build(),
        orient.schema(Some(choice(["records", "columns"]))).build(),
    ]
}

/// What `GET /values` takes beside arguments and formats.
pub(super) fn of_modes() -> Vec<Parameter> {
    let truth = |name, about| query(name, about).schema(Some(of(Type::Boolean))).build();
    vec![
        truth("all_versions", "Every version, whatever `mode` says."),
        truth("include_updates", "Another name of `all_versions`."),
        truth("include_knowledge_time", "The same as `mode=overlapping`."),
    ]
}

/// What an upload of a table says besides its rows.
pub(super) fn of_upload() -> Vec<Parameter> {
    let table = |name: &str, about: &str| {
        let told = format!("{about} Only where the body is not JSON, which has a field for it.");
        query(name, &told)
    };
    let time = |name, about| table(name, about).schema(Some(to("Time"))).build();
    vec![
        query(
            "format",
            "The format of the body, whatever `Content-Type` says.",
        )
        .schema(Some(choice(FormatName::NAMES)))
        .build(),
        time(
            "batch_start_time",
            "When the work began that produced the values; by default now.",
        ),
        time("batch_finish_time", "When it ended."),
        time(
            "known_time",
            "When values became known whose rows do not say it.",
        ),
        table("workflow_id", "What produced the values.")
            .schema(Some(stored_text()))
            .build(),
        table("batch_id", "The id of the batch.")
            .schema(Some(uuid()))
            .build(),
        table("skip_unchanged", "Leave out what changes nothing.")
            .schema(Some(of(Type::Boolean)))
            .build(),
        table("batch_params", "Stored with the batch.")
            .content("application/json", object("Metadata"))
            .build(),
    ]
}

/// What series are searched by.
pub(super) fn of_search() -> Vec<Parameter> {
    let mut parameters = vec![
        query("name", "With exactly this name.")
            .schema(Some(stored_text()))
            .build(),
        query("prefix", "Whose name begins so.")
            .schema(Some(stored_text()))
            .build(),
        query(
            "search",
            "With this text in their name or description, in whichever case.",
        )
        .schema(Some(stored_text()))
        .build(),
    ];
    parameters.extend(of_arguments(&[Argument::Labels]));
    parameters
}

/// The page of a list.
pub(super) fn of_page(after: impl Into<RefOr<Schema>>) -> [Parameter; 2] {
    let limit = small_integer()
        .minimum(Some(1))
        .maximum(Some(MOST_ANSWERED as u64));
    [
        query("limit", "At most so many; by default 1000.")
            .schema(Some(limit))
            .build(),
        query("after", "The `next` of the page before.")
            .schema(Some(after))
            .build(),
    ]
}

/// The page of a read.
pub(super) fn of_pages() -> [Parameter; 2] {
    let limit = small_integer()
        .minimum(Some(1))
        .maximum(Some(MOST_ROWS as u64));
    [
        query("limit", "A page of at most so many rows.")
            .schema(Some(limit))
            .build(),
        query(
            "cursor",
            "The `next` of the page before, of the same read. It requires `limit`.",
        )
        .schema(Some(stored_text().min_length(Some(1))))
        .build(),
    ]
}

/// How long to wait for news.
pub(super) fn wait() -> Parameter {
    let about = "How long to wait for rows if there are none, up to 60 s, such as `30s`; not for a stream of events.";
    query("wait", about).schema(Some(to("Length"))).build()
}

/// Where a stream of events goes on.
pub(super) fn last_event_id() -> Parameter {
    ParameterBuilder::new()
        .name("Last-Event-ID")
        .parameter_in(ParameterIn::Header)
        .description(Some(
            "For a stream of events: the id of the last event of the one before, which counts instead of `since` and \
             `cursor`.",
        ))
        .schema(Some(text()))
        .build()
}

/// What the values of a label begin with.
pub(super) fn prefix() -> Parameter {
    query("prefix", "Only values that begin so.")
        .schema(Some(stored_text()))
        .build()
}

/// The name of a request, under which it can be sent again.
pub(super) fn idempotency_key() -> Parameter {
    let name = text().pattern(Some("^[!-~]([ -~]{0,253}[!-~])?$"));
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .description(Some(
            "A name of the request: sent again under it, it is carried out once.",
        ))
        .schema(Some(name))
        .build()
}

/// A part of the path.
pub(super) fn path(name: &str, schema: impl Into<RefOr<Schema>>) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .schema(Some(schema))
        .build()
}

/// Whether the database has to accept writes for the server to be ready.
pub(super) fn writes() -> Parameter {
    query("writes", "Whether the database has to accept writes.")
        .schema(Some(of(Type::Boolean)))
        .build()
}

/// A parameter that is a JSON object. Its example is what a page begins with, and asks for everything.
fn object(schema: &str) -> Content {
    ContentBuilder::new()
        .schema(Some(to(schema)))
        .example(Some(json!({})))
        .build()
}

/// A parameter of the query.
pub(super) fn query(name: &str, about: &str) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .description(Some(about))
}
