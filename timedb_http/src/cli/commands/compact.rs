//! `timedb compact`: compacts the stores of tenants, one after the other, in many short transactions. Stopping it at any
//! moment leaves every store whole.

use serde::Serialize;
use serde_json::json;
use timedb_http::db::cancel;
use tokio_postgres::Config;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::shown::tenant_id;
use super::stop::Stop;
use crate::cli::config::Environment;
use crate::cli::failure::Failure;
use crate::cli::grammar::Compact;
use crate::cli::session::{Session, SessionTrouble};
use crate::cli::terminal::{self, Output, print_json, unless_gone};

const CALL: &str = "SELECT folded_writes, merged_segments, written_segments, points, more, busy, problem \
     FROM timedb.compact_store(tenant_id => $1, max_points => $2, entirely => $3)";

/// What was done to the store of a tenant, or of all of them.
#[derive(Default, Serialize)]
struct Done {
    folded_writes: i64,
    merged_segments: i64,
    written_segments: i64,
    points: i64,
}

#[derive(Serialize)]
struct TenantDone {
    tenant_id: Uuid,
    #[serde(flatten)]
    done: Done,
    /// Another compaction is at work there.
    busy: bool,
    /// What is damaged.
    problem: Option<String>,
}

/// How the work ended.
enum End {
    Done,
    Stopped,
    Failed(Failure),
}

/// `timedb compact`
pub async fn run(arguments: &Compact, environment: &Environment) -> Result<(), Failure> {
    let tenant = tenant_id(arguments.tenant_id.as_deref())?;
    let config = environment.database(arguments.common.dsn.as_ref())?;
    let mut stop = Stop::listen()?;
    let mut session = Session::open(&config).await?;
    let tenants = match tenant {
        Some(tenant) => vec![tenant],
        None => {
            let list = "SELECT tenant_id FROM timedb.list_tenants()";
            match session.ask(list, &[]).await {
                Ok(rows) => rows.iter().map(|row| row.get(0)).collect(),
                Err(trouble) => return Err(session.explain(trouble).await),
            }
        }
    };
    let mut all = Vec::new();
    let mut end = End::Done;
    for tenant_id in tenants {
        let mut of_tenant = TenantDone {
            tenant_id,
            done: Done::default(),
            busy: false,
            problem: None,
        };
        end = compact_one(arguments, &config, &mut session, &mut stop, &mut of_tenant).await;
        all.push(of_tenant);
        if !matches!(end, End::Done) {
            break;
        }
    }
    if let (End::Failed(_), Some(_)) = (&end, tenant) {
        // There is nothing to sum up.
    } else {
        show(arguments.common.json, &all)?;
    }
    outcome(&all, end)
}

/// Compacts the store of a tenant until there is nothing left to do there.
async fn compact_one(
    arguments: &Compact,
    config: &Config,
    session: &mut Session,
    stop: &mut Stop,
    of: &mut TenantDone,
) -> End {
    let entirely = !arguments.partly;
    let parameters = [
        (&of.tenant_id as _, Type::UUID),
        (&arguments.max_points as _, Type::INT8),
        (&entirely as _, Type::BOOL),
    ];
    let tenant_id = of.tenant_id;
    loop {
        let token = session.client.cancel_token();
        let asked = {
            let mut ask = std::pin::pin!(session.ask(CALL, &parameters));
            tokio::select! {
                asked = &mut ask => asked,
                () = stop.next() => {
                    // What it is at is undone; if it cannot be told, it ends by itself.
                    let told = cancel(&token, config).await;
                    if told.is_ok() {
                        let _undone = ask.await;
                    }
                    return End::Stopped;
                }
            }
        };
        let row = match asked {
            Ok(rows) => rows.into_iter().next(),
            // It has been deleted meanwhile.
            Err(SessionTrouble::Database(error))
                if arguments.tenant_id.is_none()
                    && error.code() == Some(&tokio_postgres::error::SqlState::UNDEFINED_OBJECT) =>
            {
                None
            }
            Err(trouble) => return End::Failed(session.explain(trouble).await),
        };
        let Some(row) = row else {
            return End::Done;
        };
        of.done.add(&Done {
            folded_writes: row.get("folded_writes"),
            merged_segments: row.get("merged_segments"),
            written_segments: row.get("written_segments"),
            points: row.get("points"),
        });
        let (more, busy): (bool, bool) = (row.get("more"), row.get("busy"));
        of.busy |= busy;
        if let Some(problem) = row.get("problem") {
            of.problem = Some(problem);
        }
        if busy {
            terminal::complain(&format!(
                "{tenant_id}: another compaction is at work there, so it is left alone"
            ));
        } else if more || of.done.points > 0 {
            terminal::complain(&format!("{tenant_id}: {} so far", of.done.text()));
        }
        if !more {
            return End::Done;
        }
    }
}

impl Done {
    fn add(&mut self, other: &Self) {
        self.folded_writes += other.folded_writes;
        self.merged_segments += other.merged_segments;
        self.written_segments += other.written_segments;
        self.points += other.points;
    }

    fn text(&self) -> String {
        format!(
            "{} writes folded, {} segments merged, {} points rewritten",
            self.folded_writes, self.merged_segments, self.points
        )
    }
}

fn show(as_json: bool, all: &[TenantDone]) -> Result<(), Failure> {
    let mut total = Done::default();
    for one in all {
        total.add(&one.done);
    }
    unless_gone(if as_json {
        print_json(&json!({"tenants": all, "total": total}))
    } else {
        let counted = |is_one: fn(&TenantDone) -> bool| {
            let count = all.iter().filter(|one| is_one(one)).count();
            count.to_string()
        };
        let mut out = Output::new();
        out.card(
            "Compaction",
            &[
                ("Tenants", &all.len().to_string()),
                ("Left to another compaction", &counted(|one| one.busy)),
                ("Damaged", &counted(|one| one.problem.is_some())),
                ("Writes folded", &total.folded_writes.to_string()),
                ("Segments merged", &total.merged_segments.to_string()),
                ("Segments written", &total.written_segments.to_string()),
                ("Points rewritten", &total.points.to_string()),
            ],
        );
        out.send()
    })
}

fn outcome(all: &[TenantDone], end: End) -> Result<(), Failure> {
    match end {
        End::Failed(failure) => return Err(failure),
        End::Stopped => {
            return Err(Failure::new(
                "Stopped. What has been done so far stays; run the command again for the rest.",
            ));
        }
        End::Done => {}
    }
    let problems: Vec<&str> = all
        .iter()
        .filter_map(|one| one.problem.as_deref())
        .collect();
    match problems.as_slice() {
        [] => Ok(()),
        _ => Err(Failure::new(format!(
            "These are damaged, and have stayed as they are:\n{}",
            problems.join("\n")
        ))),
    }
}
