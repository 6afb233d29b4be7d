//! `GET /changes`: what has been written since a change_time or after a cursor, and the cursor to continue with. Who asks
//! for it waits until there is something, or gets a stream of events: each of them is the answer to the question that the
//! one before would lead to, asked with the client's own key.

use std::{sync::LazyLock, time::Duration};

use axum::{
    http::{HeaderName, HeaderValue, header},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::stream;
use serde_json::json;
use timedb_wire::{
    Chunk,
    reads::{self, Argument},
};
use tokio::time::Instant;
use tokio_postgres::Row;

use super::query::{
    arguments::{Arguments, Given, call},
    each_of_read,
    format::{format_of, is_parameter},
    time_unit, values, wrong,
};
use crate::formats::rows::{Format, FormatName, Mode, Onward, Unwritten, format, write_in_order};
use crate::server::{
    answer,
    error::ApiError,
    guard::Query,
    head::Head,
    record::Record,
    state::Caller,
    waiting::{WaitingClient, Woken},
};

/// Where a reader of rows without a frame goes on, and whether there is more.
pub(crate) const CURSOR: HeaderName = HeaderName::from_static("timedb-cursor");
pub(crate) const MORE: HeaderName = HeaderName::from_static("timedb-more");

/// The cursor of the last event that a client has had of a stream before.
pub(crate) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Tells nginx, and others that do as it does, to pass an event on when it comes.
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
const WAIT: &str = "wait";

static READ: LazyLock<String> = LazyLock::new(|| {
    let changes = call(reads::READ_CHANGES_PACKED);
    format!("SELECT cursor, more, packed FROM {changes}")
});

/// Which changes are asked for, and how they are answered.
#[derive(Debug, PartialEq)]
pub(crate) struct ChangesQuery {
    asked: Arguments,
    delivery: Delivery,
}

#[derive(Debug, PartialEq)]
enum Delivery {
    /// When there are some, or after so long.
    Once(FormatName, Duration),
    Events,
}

pub(crate) fn plan(head: &Head) -> Query<ChangesQuery> {
    let format = format_of(head)?;
    let mut asked = Arguments::default();
    let (mut wait, mut names_format) = (None, false);
    let unit = time_unit(head.query());
    each_of_read(head.query(), |name, value| match name {
        name if is_parameter(name) => {
            names_format = true;
            Ok(())
        }
        WAIT => values::wait(value).map(|time| wait = Some(time)),
        _ => asked.take(&reads::CHANGES, name, value, unit),
    })?;
    if names_format || !asks_for_events(head) {
        let delivery = Delivery::Once(format, wait.unwrap_or_default());
        return Ok(ChangesQuery { asked, delivery });
    }
    if wait.is_some() {
        let problem = values::no_wait_for_events();
        return Err(vec![wrong(&["query", WAIT], "", problem)]);
    }
    // A client that lost its stream repeats the query that it began with.
    if let Some(last) = head.headers.get(&LAST_EVENT_ID)
        && !last.is_empty()
    {
        let cursor = String::from_utf8_lossy(last.as_bytes()).into_owned();
        asked.take_off(Argument::Since);
        asked.give(Argument::Cursor, Given::Text(cursor.into()));
    }
    let delivery = Delivery::Events;
    Ok(ChangesQuery { asked, delivery })
}

/// Whether a client accepts events, and says so by name.
fn asks_for_events(head: &Head) -> bool {
    let accepted = head.headers.get_all(header::ACCEPT).iter();
    let mut ranges = accepted
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    ranges.any(|range| {
        let media_type = range.split(';').next().unwrap_or_default();
        media_type.trim().eq_ignore_ascii_case("text/event-stream")
    })
}

pub(crate) async fn read(caller: Caller, query: ChangesQuery) -> Result<Response, ApiError> {
    let ChangesQuery { asked, delivery } = query;
    match delivery {
        Delivery::Once(name, wait) => once(caller, asked, name, wait).await,
        Delivery::Events => events(caller, asked).await,
    }
}

/// What the database has answered once.
struct ChangesAnswer {
    row: Row,
}

impl ChangesAnswer {
    async fn ask(caller: &Caller, asked: &Arguments) -> Result<Self, ApiError> {
        let parameters = asked.of(reads::READ_CHANGES_PACKED);
        let row = caller.within(caller.read_one(&READ, &parameters)).await?;
        Ok(Self { row })
    }

    fn cursor(&self) -> &str {
        self.row.get(0)
    }

    fn has_more(&self) -> bool {
        self.row.get(1)
    }

    fn packed(&self) -> &[u8] {
        self.row.get(2)
    }

    /// Whether there is something to tell. Asked only of who waits: the columns are looked at again when they are
    /// written.
    fn is_news(&self) -> Result<bool, ApiError> {
        let columns = Chunk::decode(self.packed());
        let columns = columns.map_err(|damaged| ApiError::internal(&damaged.to_string()))?;
        Ok(columns.points > 0 || self.has_more())
    }

    fn write(&self, format: &Format, record: &Record) -> Result<Vec<u8>, Unwritten> {
        let onward = Onward::Changes {
            cursor: self.cursor(),
            more: self.has_more(),
        };
        let count = |rows| record.add_rows_out(rows as u64);
        write_in_order(self.packed(), &Mode::Versions.into(), onward, format, count)
    }
}

/// The question that follows an answer.
fn continue_at(asked: &mut Arguments, answered: &ChangesAnswer) {
    asked.take_off(Argument::Since);
    let cursor = answered.cursor().to_owned();
    asked.give(Argument::Cursor, Given::Text(cursor.into()));
}

async fn once(
    caller: Caller,
    mut asked: Arguments,
    name: FormatName,
    wait: Duration,
) -> Result<Response, ApiError> {
    let deadline = Instant::now() + wait;
    let mut answered = ChangesAnswer::ask(&caller, &asked).await?;
    if !wait.is_zero() && !answered.is_news()? {
        let mut place = caller.wait()?;
        // What was written before there was a place has told nobody.
        let mut woken = Woken::Look;
        while woken == Woken::Look {
            continue_at(&mut asked, &answered);
            answered = ChangesAnswer::ask(&caller, &asked).await?;
            if answered.is_news()? {
                break;
            }
            woken = place.until(deadline).await;
        }
    }
    let format = format(name);
    // A table has no room for what is not a row.
    let onward = [
        (CURSOR, HeaderValue::from_str(answered.cursor())),
        (
            MORE,
            HeaderValue::from_str(&answered.has_more().to_string()),
        ),
    ];
    let (size, record) = (answered.packed().len(), caller.record().clone());
    let write = move || answered.write(format, &record);
    let mut response = answer::rows(format, size, write).await?;
    if name != FormatName::Json {
        for (header, value) in onward {
            let value = value.map_err(|_| ApiError::internal("a cursor is no header"))?;
            response.headers_mut().insert(header, value);
        }
    }
    Ok(response)
}

/// A stream of events. The first one comes at once, and the others when there is news.
async fn events(caller: Caller, asked: Arguments) -> Result<Response, ApiError> {
    // An answer of its own if anything is wrong.
    let first = ChangesAnswer::ask(&caller, &asked).await?;
    let place = caller.wait()?;
    let stream = ChangeStream {
        deadline: Instant::now() + caller.config().stream_timeout,
        // What was written before there was a place has told nobody.
        is_due: true,
        caller,
        asked,
        place,
        first: Some(first),
    };
    let events = stream::try_unfold(Some(stream), async |stream| match stream {
        Some(stream) => stream.next().await,
        None => Ok(None),
    });
    let mut response = Sse::new(events)
        .keep_alive(KeepAlive::default())
        .into_response();
    let headers = response.headers_mut();
    // Who may keep it is said of all answers.
    headers.remove(header::CACHE_CONTROL);
    headers.append(header::VARY, HeaderValue::from_static("Accept"));
    headers.insert(BUFFERING, HeaderValue::from_static("no"));
    Ok(response)
}

/// Where a stream of events is.
struct ChangeStream {
    caller: Caller,
    asked: Arguments,
    place: WaitingClient,
    /// After it the client has to come again.
    deadline: Instant,
    first: Option<ChangesAnswer>,
    /// There may be news without anybody's having told.
    is_due: bool,
}

/// An event, and what follows it, if anything does.
type NextEvent = Option<(Event, Option<ChangeStream>)>;

impl ChangeStream {
    async fn next(mut self) -> Result<NextEvent, Unsent> {
        if let Some(first) = self.first.take() {
            return self.event(first).await.map(Some);
        }
        loop {
            if !self.is_due && self.place.until(self.deadline).await == Woken::End {
                return Ok(None);
            }
            self.is_due = false;
            let answered = ChangesAnswer::ask(&self.caller, &self.asked).await;
            match answered.and_then(|answered| Ok((answered.is_news()?, answered))) {
                Ok((true, answered)) => return self.event(answered).await.map(Some),
                Ok((false, answered)) => continue_at(&mut self.asked, &answered),
                // The database is away, or busy; the client has nothing to do about it.
                Err(error) if error.may_pass() => {}
                Err(error) => {
                    let told = json!({ "detail": error.detail() }).to_string();
                    return Ok(Some((Event::default().event("error").data(told), None)));
                }
            }
        }
    }

    async fn event(mut self, answered: ChangesAnswer) -> Result<(Event, Option<Self>), Unsent> {
        continue_at(&mut self.asked, &answered);
        self.is_due |= answered.has_more();
        let (size, record) = (answered.packed().len(), self.caller.record().clone());
        let event = Event::default().event("changes").id(answered.cursor());
        let write = move || answered.write(format(FormatName::Json), &record);
        // As text it is about eight times as long.
        let written = answer::work_on(8 * size, write).await;
        let text = written.map_err(|_| Unsent)?.map_err(|_| Unsent)?;
        let text = String::from_utf8(text).map_err(|_| Unsent)?;
        Ok((event.data(text), Some(self)))
    }
}

/// An event that could not be written; the cause is in the log where it is known.
#[derive(Debug, thiserror::Error)]
#[error("an event could not be written")]
struct Unsent;

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::server::{db::PgInstant, routes::query::arguments::Given};

    fn parse(query: &str) -> Query<Arguments> {
        plan(&Head::asking(query)).map(|query| query.asked)
    }

    #[test]
    fn every_parameter_is_read() {
        let asked = parse(
            "since=2025-01-01T00:00:00Z&cursor=AQ-_&series_id=00000000-0000-0000-0000-000000000001\
             &name=a+b&labels=%7B%22a%22:%22b%22%7D&max_points=7",
        );
        let asked = asked.unwrap();
        let text = |text: &'static str| Given::Text(text.into());
        for (argument, given) in reads::CHANGES.into_iter().zip([
            Given::Instant(PgInstant(1_735_689_600_000_000)),
            text("AQ-_"),
            Given::Ids(vec![Uuid::from_u128(1)]),
            text("a b"),
            text(r#"{"a":"b"}"#),
            Given::Integer(7),
        ]) {
            assert_eq!(asked.get(argument), Some(&given), "{argument:?}");
        }
        assert_eq!(parse(""), Ok(Arguments::default()));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (query, kind, place) in [
            ("sinse=2025-01-01", "extra_forbidden", "sinse"),
            ("since=yesterday", "datetime_from_date_parsing", "since"),
            ("max_points=many", "int_parsing", "max_points"),
            ("series_id=7", "uuid_parsing", "series_id"),
            ("cursor=%00", "string_pattern_mismatch", "cursor"),
            ("labels=north", "dict_type", "labels"),
            ("wait=soon", "time_delta_parsing", "wait"),
            ("wait=-1s", "greater_than_equal", "wait"),
            ("wait=61s", "less_than_equal", "wait"),
            ("wait=1d", "less_than_equal", "wait"),
        ] {
            let error = json!(parse(query).unwrap_err())[0].clone();
            assert_eq!(error["type"], kind, "{query}");
            assert_eq!(error["loc"], json!(["query", place]), "{query}");
        }
    }

    fn asking(query: &str, headers: &[(&str, &str)]) -> Query<ChangesQuery> {
        let mut request = axum::http::Request::get(format!("/changes?{query}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(()).unwrap();
        plan(&Head::new(request.into_parts().0).0)
    }

    #[test]
    fn events_are_for_those_who_accept_them_and_begin_after_the_last_one() {
        let events = [("accept", "application/json;q=0.5, Text/Event-Stream")];
        let asked = asking("since=2025-01-01&name=a", &events).unwrap();
        assert_eq!(asked.delivery, Delivery::Events);
        assert!(asked.asked.get(Argument::Since).is_some());
        let again = [events[0], ("last-event-id", "AQ-_")];
        let asked = asking("since=2025-01-01&name=a", &again).unwrap();
        assert_eq!(asked.asked.get(Argument::Since), None);
        let cursor = Given::Text("AQ-_".into());
        assert_eq!(asked.asked.get(Argument::Cursor), Some(&cursor));
        assert!(asked.asked.get(Argument::Name).is_some());
        let named = asking("format=csv&wait=1.5", &events).unwrap();
        let delivery = Delivery::Once(FormatName::Csv, Duration::from_millis(1500));
        assert_eq!(named.delivery, delivery);
        let error = json!(asking("wait=1s", &events).unwrap_err())[0].clone();
        assert_eq!(error["loc"], json!(["query", "wait"]));
    }
}
