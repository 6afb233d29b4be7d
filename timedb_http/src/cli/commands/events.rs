//! `timedb events`: what was done to tenants, users and keys.

use serde_json::value::RawValue;
use tokio_postgres::Row;
use tokio_postgres::types::{Json, Type};
use uuid::Uuid;

use super::calls::ask;
use super::shown::{iso, moment, show_list, tenant_id};
use crate::cli::config::Environment;
use crate::cli::failure::Failure;
use crate::cli::grammar::Events;
use crate::cli::terminal;

/// `timedb events`
pub async fn run(arguments: &Events, environment: &Environment) -> Result<(), Failure> {
    let tenant = tenant_id(arguments.tenant_id.as_deref())?;
    let limit = i32::try_from(arguments.limit).unwrap_or(i32::MAX);
    let sql = format!(
        "SELECT {} AS occurred_at, event, tenant_id, user_id, key_id, actor_role, actor_user_id, \
                actor_key_id, details, event_id \
         FROM timedb.list_events(tenant_id => $1, max_events => $2)",
        iso("occurred_at")
    );
    let parameters = [(&tenant as _, Type::UUID), (&limit as _, Type::INT4)];
    let events = ask(&arguments.common, environment, &sql, &parameters).await?;
    show_list(&arguments.common, "Events", &events, cells)
}

fn cells(event: &Row, short: bool) -> Vec<(&'static str, String)> {
    let id = |column| {
        let id: Option<Uuid> = event.get(column);
        id.map_or_else(|| "-".to_owned(), |id| terminal::id(id, short))
    };
    let Json(details): Json<&RawValue> = event.get("details");
    vec![
        ("Time", moment(event.get("occurred_at"))),
        ("Event", event.get("event")),
        ("By", event.get("actor_role")),
        ("Tenant ID", id("tenant_id")),
        ("User ID", id("user_id")),
        ("Key ID", id("key_id")),
        ("Details", details.get().to_owned()),
    ]
}
