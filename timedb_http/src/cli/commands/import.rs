//! `timedb import`: stores what `timedb export` has written, in one transaction: all of it, or nothing.

use std::fs::File;
use std::io::{BufRead, BufReader, stdin};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio_postgres::Transaction;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::calls::{connect, one};
use super::moving::{KINDS, PointColumns, ReadStep, Source, Trailer, Trouble};
use super::shown::show_done;
use crate::cli::config::Environment;
use crate::cli::failure::Failure;
use crate::cli::grammar::Import;
use crate::cli::terminal;

const BEGIN: &str = "SELECT timedb_internal._begin_import(header => $1)";
const RECORDS: &str =
    "SELECT timedb_internal._import_page(tenant_id => $1, kind => $2, records => $3)";
const POINTS: &str =
    "SELECT timedb_internal._import_page(tenant_id => $1, kind => 'point', packed => $2)";
const END: &str = "SELECT timedb_internal._end_import(tenant_id => $1, points => $2, sha256 => $3)";

/// Records of a page, and their bytes, about.
const PAGE_RECORDS: usize = 1_000;
const PAGE_BYTES: usize = 4 << 20;

/// How often it says how far it has come.
const SAY_EVERY: Duration = Duration::from_secs(5);

const BUFFER: usize = 1 << 20;

/// `timedb import`
pub async fn run(arguments: &Import, environment: &Environment) -> Result<(), Failure> {
    let input: Box<dyn BufRead> = match arguments.file.as_deref() {
        Some(path) if path.as_os_str() != "-" => {
            let file = File::open(path).map_err(|error| {
                Failure::new(format!("{} cannot be read: {error}", path.display()))
            })?;
            Box::new(BufReader::with_capacity(BUFFER, file))
        }
        _ => Box::new(BufReader::with_capacity(BUFFER, stdin())),
    };
    // What is no export is refused before anybody is bothered.
    let source = Source::open(input)?;
    let mut session = connect(&arguments.common, environment).await?;
    let read = match session.enter_for_long("READ COMMITTED").await {
        Ok(transaction) => read(transaction, source).await,
        Err(trouble) => Err(Trouble::Session(trouble)),
    };
    let (tenant, trailer) = match read {
        Ok(done) => done,
        Err(Trouble::Failure(failure)) => return Err(failure),
        Err(Trouble::Session(trouble)) => return Err(session.explain(trouble).await),
    };
    let json = json!({"tenant_id": tenant, "records": trailer.records, "points": trailer.points,
                      "sha256": trailer.sha256});
    let sentence = format!(
        "Imported tenant {tenant}: {} points and {} other records, SHA-256 {}. Its users have no keys here yet",
        trailer.points, trailer.records, trailer.sha256
    );
    show_done(arguments.common.json, &json, &sentence)
}

async fn read(
    transaction: Transaction<'_>,
    mut source: Source,
) -> Result<(Uuid, Trailer), Trouble> {
    // What is imported is no statement that should stand in a log.
    let hide = "SELECT timedb.hide_parameters()";
    transaction.query_typed(hide, &[]).await?;
    let mut points = PointColumns::default();
    let header = match source.next(&mut points)? {
        ReadStep::Record(kind, line) if kind == "tenant" => line,
        _ => {
            let none = "This is no export of timedb: it does not begin with a tenant.";
            return Err(Failure::new(none).into());
        }
    };
    let begun = transaction
        .query_typed(BEGIN, &[(&header as _, Type::TEXT)])
        .await?;
    let mut import = Importer {
        tenant: one(begun)?.get(0),
        transaction: &transaction,
        kind: 0,
        pending: Vec::new(),
        pending_bytes: 0,
        points,
        stored: 0,
    };
    let mut said = Instant::now();
    let trailer = loop {
        match source.next(&mut import.points)? {
            ReadStep::Record(kind, line) => {
                let place = KINDS.iter().position(|known| *known == kind);
                let Some(place) = place.filter(|place| *place >= import.kind) else {
                    let what = format!("a record of kind \"{kind}\" does not belong there");
                    return Err(source.damaged(&what).into());
                };
                import.add(place, line).await?;
            }
            ReadStep::Point => import.pass_points(false).await?,
            ReadStep::End(trailer) => break trailer,
        }
        if said.elapsed() >= SAY_EVERY {
            said = Instant::now();
            terminal::complain(&format!("{} points so far", import.stored));
        }
    };
    import.pass_records().await?;
    import.pass_points(true).await?;
    let tenant = import.tenant;
    let count = i64::try_from(trailer.points).unwrap_or(i64::MAX);
    let parameters = [
        (&tenant as _, Type::UUID),
        (&count as _, Type::INT8),
        (&trailer.sha256 as _, Type::TEXT),
    ];
    transaction.query_typed(END, &parameters).await?;
    transaction.commit().await?;
    Ok((tenant, trailer))
}

/// An import under way.
struct Importer<'a> {
    transaction: &'a Transaction<'a>,
    tenant: Uuid,
    /// The place among [`KINDS`] of the pending records.
    kind: usize,
    pending: Vec<String>,
    pending_bytes: usize,
    points: PointColumns,
    stored: usize,
}

impl Importer<'_> {
    async fn add(&mut self, kind: usize, record: String) -> Result<(), Trouble> {
        let is_full = self.pending.len() >= PAGE_RECORDS || self.pending_bytes >= PAGE_BYTES;
        if kind != self.kind || is_full {
            self.pass_records().await?;
            self.kind = kind;
        }
        self.pending_bytes += record.len();
        self.pending.push(record);
        Ok(())
    }

    async fn pass_records(&mut self) -> Result<(), Trouble> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let parameters = [
            (&self.tenant as _, Type::UUID),
            (&KINDS[self.kind] as _, Type::TEXT),
            (&self.pending as _, Type::TEXT_ARRAY),
        ];
        self.transaction.query_typed(RECORDS, &parameters).await?;
        self.pending.clear();
        self.pending_bytes = 0;
        Ok(())
    }

    /// Passes the points on that have gathered, if they are many or the last.
    async fn pass_points(&mut self, all: bool) -> Result<(), Trouble> {
        self.pass_records().await?;
        if self.points.len() == 0 || !(all || self.points.is_full()) {
            return Ok(());
        }
        self.stored += self.points.len();
        let packed = self.points.pack();
        let parameters = [(&self.tenant as _, Type::UUID), (&packed as _, Type::BYTEA)];
        self.transaction.query_typed(POINTS, &parameters).await?;
        Ok(())
    }
}
