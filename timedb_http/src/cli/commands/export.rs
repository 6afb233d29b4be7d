//! `timedb export`: all that a tenant has, as a file with a hash at its end, read in one snapshot, page by page.

use std::io::{BufWriter, Write, stdout};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio_postgres::types::Type;
use tokio_postgres::{Row, Transaction};
use uuid::Uuid;

use super::calls::{connect, one};
use super::moving::{KINDS, Sink, Trailer, Trouble};
use super::part_file::PartFile;
use super::shown::{show_done, tenant_id};
use crate::cli::config::Environment;
use crate::cli::failure::Failure;
use crate::cli::grammar::{Export, FileFormat};
use crate::cli::terminal;

const PAGE: &str = "SELECT records, packed, reached FROM timedb_internal._export_page(tenant_id => $1, kind => $2, after => $3)";

/// How often it says how far it has come.
const SAY_EVERY: Duration = Duration::from_secs(5);

const BUFFER: usize = 1 << 20;

/// `timedb export`
pub async fn run(arguments: &Export, environment: &Environment) -> Result<(), Failure> {
    let tenant = tenant_id(Some(&arguments.tenant_id))?.unwrap_or_default();
    let mut session = connect(&arguments.common, environment).await?;
    let (mut part, out): (_, Box<dyn Write>) = match &arguments.output {
        Some(output) => {
            let (part, file) = PartFile::create(output)?;
            (Some(part), Box::new(file))
        }
        None => (None, Box::new(stdout())),
    };
    let out = Box::new(BufWriter::with_capacity(BUFFER, out));
    let sink = match arguments.format {
        FileFormat::Ndjson => Sink::ndjson(out),
        FileFormat::Arrow => Sink::arrow(out)?,
    };
    let work = async {
        match session.enter_for_long("REPEATABLE READ").await {
            Ok(transaction) => write(transaction, tenant, sink).await,
            Err(trouble) => Err(Trouble::Session(trouble)),
        }
    };
    let written = match &mut part {
        Some(part) => part.unless_stopped(work).await,
        None => work.await,
    };
    let trailer = match written {
        Ok(trailer) => trailer,
        Err(Trouble::Session(trouble)) => return Err(session.explain(trouble).await),
        Err(Trouble::Failure(failure)) => return Err(failure),
    };
    let sentence = format!(
        "Exported tenant {tenant}: {} points and {} other records, SHA-256 {}",
        trailer.points, trailer.records, trailer.sha256
    );
    let json = json!({"tenant_id": tenant, "records": trailer.records, "points": trailer.points,
                      "sha256": trailer.sha256});
    let Some(part) = part else {
        // The export itself is on stdout.
        let told = if arguments.common.json {
            json.to_string()
        } else {
            sentence
        };
        terminal::complain(&told);
        return Ok(());
    };
    part.keep()?;
    show_done(arguments.common.json, &json, &sentence)
}

async fn write(
    transaction: Transaction<'_>,
    tenant: Uuid,
    mut sink: Sink,
) -> Result<Trailer, Trouble> {
    for header in records(&page(&transaction, &tenant, "tenant", None).await?) {
        sink.record(header)?;
    }
    let missing = page(&transaction, &tenant, "damaged", None).await?;
    if let [first, ..] = records(&missing).as_slice() {
        terminal::complain(&format!(
            "WARNING: rows of this tenant have been set aside as damaged, and are not in the export: {}, the first \
             of them {first}",
            records(&missing).len()
        ));
    }
    let mut said = Instant::now();
    for kind in KINDS.into_iter().chain(["point"]) {
        let mut after: Option<String> = None;
        loop {
            let row = page(&transaction, &tenant, kind, after.as_deref()).await?;
            for record in records(&row) {
                sink.record(record)?;
            }
            if let Some(packed) = row.get("packed") {
                sink.chunk(packed)?;
            }
            if said.elapsed() >= SAY_EVERY {
                said = Instant::now();
                terminal::complain(&format!("{} points so far", sink.points()));
            }
            after = row.get("reached");
            if after.is_none() {
                break;
            }
        }
    }
    // Before it is said to be done: the event is recorded with it.
    transaction.commit().await?;
    Ok(sink.end()?)
}

async fn page(
    transaction: &Transaction<'_>,
    tenant: &Uuid,
    kind: &str,
    after: Option<&str>,
) -> Result<Row, Trouble> {
    let parameters = [
        (tenant as _, Type::UUID),
        (&kind as _, Type::TEXT),
        (&after as _, Type::TEXT),
    ];
    Ok(one(transaction.query_typed(PAGE, &parameters).await?)?)
}

fn records(row: &Row) -> Vec<&str> {
    row.get::<_, Option<Vec<&str>>>("records")
        .unwrap_or_default()
}
