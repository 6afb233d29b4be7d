//! `timedb read`: points as they arrive, chunk by chunk, into a file or a pipe, or drawn in the terminal.

mod plot;
mod row;

use std::io::{BufWriter, Write, stdout};
use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use serde_json::json;
use timedb_http::db::PgInstant;
use timedb_http::rows::Chunk;
use timedb_wire::reads::{Argument, READ, READ_PACKED};
use tokio_postgres::Transaction;
use tokio_postgres::types::{Json, ToSql, Type};

use plot::Plot;
use row::RowSink;

use super::keys::read_time;
use super::part_file::PartFile;
use super::series::labels;
use super::shown::show_done;
use super::tenant::TenantSession;
use crate::cli::config::Environment;
use crate::cli::failure::Failure;
use crate::cli::grammar::{PointFormat, ReadMode, ReadPoints};
use crate::cli::session::SessionTrouble;
use crate::cli::terminal;

/// How often it says how far it has come.
const SAY_EVERY: Duration = Duration::from_secs(5);

const BUFFER: usize = 1 << 18;

/// `timedb read`
pub async fn run(arguments: &ReadPoints, environment: &Environment) -> Result<(), Failure> {
    let query = ReadRequest::of(arguments)?;
    let mut session = TenantSession::open(&arguments.tenant, environment).await?;
    if arguments.plot {
        let mut plot = Plot::default();
        pass_on(&mut session, &query, |chunk| plot.take(&chunk.columns)).await?;
        return terminal::unless_gone(plot.show());
    }
    let Some(output) = &arguments.output else {
        let out = buffered(stdout());
        return write(&mut session, &query, arguments, out)
            .await
            .map(|_| ());
    };
    let (mut part, file) = PartFile::create(output)?;
    let work = write(&mut session, &query, arguments, buffered(file));
    let points = part.unless_stopped(work).await?;
    part.keep()?;
    show_done(
        arguments.tenant.common.json,
        &json!({"points": points, "file": output}),
        &format!("{points} points written to {}", output.display()),
    )
}

fn buffered(out: impl Write + 'static) -> Box<dyn Write> {
    Box::new(BufWriter::with_capacity(BUFFER, out))
}

async fn write(
    session: &mut TenantSession,
    query: &ReadRequest,
    arguments: &ReadPoints,
    out: Box<dyn Write>,
) -> Result<u64, Failure> {
    let mut sink = RowSink::new(out, format(arguments), query.mode)?;
    let points = pass_on(session, query, |chunk| sink.take(chunk)).await?;
    sink.end()?;
    Ok(points)
}

/// Hands over the chunks of a read, and says how many points they had.
async fn pass_on(
    session: &mut TenantSession,
    query: &ReadRequest,
    mut take: impl FnMut(&Chunk<'_>) -> Result<(), Failure>,
) -> Result<u64, Failure> {
    let read = match session.begin().await {
        Ok(transaction) => query.stream(transaction, &mut take).await,
        Err(trouble) => Err(ReadFault::Session(trouble)),
    };
    match read {
        Ok(points) => Ok(points),
        Err(ReadFault::Failure(failure)) => Err(failure),
        Err(ReadFault::Session(trouble)) => Err(session.explain(trouble).await),
    }
}

/// What stopped a read: the database, or the output.
enum ReadFault {
    Session(SessionTrouble),
    Failure(Failure),
}

impl From<tokio_postgres::Error> for ReadFault {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Session(error.into())
    }
}

impl From<Failure> for ReadFault {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// What is asked for; an argument that is not given has no parameter.
struct ReadRequest {
    mode: ReadMode,
    parameters: Vec<(Argument, Box<dyn ToSql + Sync + Send>, Type)>,
}

impl ReadRequest {
    fn of(arguments: &ReadPoints) -> Result<Self, Failure> {
        let mode = arguments.mode.unwrap_or(match arguments.plot {
            true => ReadMode::Overlapping,
            false => ReadMode::Flat,
        });
        let mut query = Self {
            mode,
            parameters: vec![(Argument::Mode, Box::new(mode.name()), Type::TEXT)],
        };
        if !arguments.series_id.is_empty() {
            let ids = arguments.series_id.clone();
            query.give(Argument::SeriesId, ids, Type::UUID_ARRAY);
        }
        if !arguments.names.is_empty() {
            query.give(Argument::Names, arguments.names.clone(), Type::TEXT_ARRAY);
        }
        if let Some(Json(labels)) = labels(&arguments.labels)? {
            query.give(Argument::Labels, Json(labels), Type::JSONB);
        }
        if let Some(unit) = &arguments.unit {
            query.give(Argument::Unit, unit.clone(), Type::TEXT);
        }
        for (argument, option, text) in [
            (
                Argument::StartValid,
                "--start-valid",
                &arguments.start_valid,
            ),
            (Argument::EndValid, "--end-valid", &arguments.end_valid),
            (
                Argument::StartKnown,
                "--start-known",
                &arguments.start_known,
            ),
            (Argument::EndKnown, "--end-known", &arguments.end_known),
            (Argument::AsOf, "--as-of", &arguments.as_of),
            (
                Argument::AsOfChange,
                "--as-of-change",
                &arguments.as_of_change,
            ),
        ] {
            let time: Option<PgInstant> = read_time(option, text.as_deref())?;
            if let Some(time) = time {
                query.give(argument, time, Type::TIMESTAMPTZ);
            }
        }
        Ok(query)
    }

    fn give(&mut self, argument: Argument, value: impl ToSql + Sync + Send + 'static, kind: Type) {
        self.parameters.push((argument, Box::new(value), kind));
    }

    fn sql(&self) -> String {
        let places = READ.iter().map(|argument| {
            let at = self
                .parameters
                .iter()
                .position(|given| given.0 == *argument);
            match at {
                Some(at) => format!("${}", at + 1),
                None => "NULL".to_owned(),
            }
        });
        let places: Vec<String> = places.collect();
        format!(
            "SELECT {}({})",
            READ_PACKED.qualified_name(),
            places.join(", ")
        )
    }

    async fn stream(
        &self,
        transaction: Transaction<'_>,
        take: &mut impl FnMut(&Chunk<'_>) -> Result<(), Failure>,
    ) -> Result<u64, ReadFault> {
        let parameters = self.parameters.iter();
        let parameters =
            parameters.map(|(_, value, kind)| (&**value as &(dyn ToSql + Sync), kind.clone()));
        let rows = transaction.query_typed_raw(&self.sql(), parameters).await?;
        let mut rows = pin!(rows);
        let mut points = 0;
        let mut said = Instant::now();
        while let Some(row) = rows.try_next().await? {
            let Some(packed) = row.get::<_, Option<&[u8]>>(0) else {
                continue;
            };
            let chunk = Chunk::parse(packed).map_err(|error| {
                Failure::new(format!(
                    "The database has sent points that cannot be read: {error}"
                ))
            })?;
            take(&chunk)?;
            points += chunk.columns.points as u64;
            if said.elapsed() >= SAY_EVERY {
                said = Instant::now();
                terminal::complain(&format!("{points} points so far"));
            }
        }
        Ok(points)
    }
}

/// The form of the output: as said, or as the file's name ends, or as JSON if that is wanted.
fn format(arguments: &ReadPoints) -> PointFormat {
    // A file that is written is not compressed, whatever its name says.
    let output = arguments.output.as_deref();
    let output = output.filter(|path| path.extension().is_none_or(|ending| ending != "gz"));
    let by_name = || PointFormat::of_name(output?);
    let is_json = arguments.tenant.common.json && arguments.output.is_none();
    let by_flag = || is_json.then_some(PointFormat::Json);
    let format = arguments.format.or_else(by_name).or_else(by_flag);
    format.unwrap_or(PointFormat::Csv)
}
