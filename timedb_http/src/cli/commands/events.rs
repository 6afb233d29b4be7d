//! `timedb events`: what was done to tenants, users and keys.

use serde::Serialize;
use serde_json::value::RawValue;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::shown::{iso, moment, tenant_id};
use crate::cli::config::Environment;
use crate::cli::failure::Failure;
use crate::cli::grammar::Events;
use crate::cli::session::Session;
use crate::cli::terminal::{self, Output, print_json, unless_gone};

#[derive(Serialize)]
struct Event {
    occurred_at: String,
    event: String,
    tenant_id: Uuid,
    user_id: Option<Uuid>,
    key_id: Option<Uuid>,
    actor_role: String,
    actor_user_id: Option<Uuid>,
    actor_key_id: Option<Uuid>,
    details: Box<RawValue>,
    event_id: Uuid,
}

/// `timedb events`
pub async fn run(arguments: &Events, environment: &Environment) -> Result<(), Failure> {
    let tenant = tenant_id(arguments.tenant_id.as_deref())?;
    let limit = i32::try_from(arguments.limit).unwrap_or(i32::MAX);
    let mut session = Session::open(&environment.database(arguments.common.dsn.as_ref())?).await?;
    let rows = session
        .ask(
            &format!(
                "SELECT {}, event, tenant_id, user_id, key_id, actor_role, actor_user_id, actor_key_id, \
                        details::pg_catalog.text, event_id \
                 FROM timedb.list_events(tenant_id => $1, max_events => $2)",
                iso("occurred_at")
            ),
            &[(&tenant, Type::UUID), (&limit, Type::INT4)],
        )
        .await;
    let rows = match rows {
        Ok(rows) => rows,
        Err(error) => return Err(session.explain(error).await),
    };
    let mut events = Vec::with_capacity(rows.len());
    for row in &rows {
        let details = RawValue::from_string(row.get(8))
            .map_err(|error| Failure::new(format!("An event cannot be read: {error}")))?;
        events.push(Event {
            occurred_at: row.get(0),
            event: row.get(1),
            tenant_id: row.get(2),
            user_id: row.get(3),
            key_id: row.get(4),
            actor_role: row.get(5),
            actor_user_id: row.get(6),
            actor_key_id: row.get(7),
            details,
            event_id: row.get(9),
        });
    }
    unless_gone(if arguments.common.json {
        print_json(&events)
    } else if events.is_empty() {
        terminal::print("No events found.\n")
    } else {
        let mut out = Output::new();
        out.table(
            &format!("Events ({})", events.len()),
            &[
                "Time",
                "Event",
                "By",
                "Tenant ID",
                "User ID",
                "Key ID",
                "Details",
            ],
            |short| events.iter().map(|event| event.cells(short)).collect(),
        );
        out.send()
    })
}

impl Event {
    fn cells(&self, short: bool) -> Vec<String> {
        let id = |id: Option<Uuid>| id.map_or_else(|| "-".to_owned(), |id| terminal::id(id, short));
        vec![
            moment(Some(&self.occurred_at)),
            self.event.clone(),
            self.actor_role.clone(),
            id(Some(self.tenant_id)),
            id(self.user_id),
            id(self.key_id),
            self.details.get().to_owned(),
        ]
    }
}
