//! `timedb tenants ...`: each command is one call to the extension's administration functions.

use serde_json::json;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::calls::{ask, ask_one};
use super::shown::{iso, moment, show_done, show_list, tenant_id};
use crate::cli::config::Environment;
use crate::cli::failure::Failure;
use crate::cli::grammar::{Common, CreateTenant, DeleteTenant, Tenants};
use crate::cli::terminal;

/// Runs one of the commands.
pub async fn run(command: &Tenants, environment: &Environment) -> Result<(), Failure> {
    match command {
        Tenants::List(common) => list(common, environment).await,
        Tenants::Create(arguments) => create(arguments, environment).await,
        Tenants::Delete(arguments) => delete(arguments, environment).await,
    }
}

async fn list(common: &Common, environment: &Environment) -> Result<(), Failure> {
    let sql = format!(
        "SELECT tenant_id, name, {} AS created_at FROM timedb.list_tenants()",
        iso("created_at")
    );
    let tenants = ask(common, environment, &sql, &[]).await?;
    show_list(common, "Tenants", &tenants, |tenant, short| {
        let name: Option<String> = tenant.get("name");
        vec![
            ("Tenant ID", terminal::id(tenant.get("tenant_id"), short)),
            ("Name", name.unwrap_or_else(|| "-".to_owned())),
            ("Created", moment(tenant.get("created_at"))),
        ]
    })
}

async fn create(arguments: &CreateTenant, environment: &Environment) -> Result<(), Failure> {
    let wanted = tenant_id(arguments.tenant_id.as_deref())?;
    let name = arguments.name.as_deref().map(str::trim);
    let sql = "SELECT timedb.create_tenant(name => $1, tenant_id => $2, if_not_exists => $3) AS tenant_id";
    let parameters = [
        (&name as _, Type::TEXT),
        (&wanted as _, Type::UUID),
        (&arguments.if_not_exists as _, Type::BOOL),
    ];
    let row = ask_one(&arguments.common, environment, sql, &parameters).await?;
    let tenant: Uuid = row.get("tenant_id");
    let verb = match arguments.if_not_exists {
        true => "exists",
        false => "created",
    };
    show_done(
        arguments.common.json,
        &json!({"tenant_id": tenant}),
        &format!("Tenant {tenant} {verb}"),
    )
}

async fn delete(arguments: &DeleteTenant, environment: &Environment) -> Result<(), Failure> {
    let tenant = tenant_id(Some(&arguments.tenant_id))?;
    let shown = tenant.unwrap_or_default();
    let question = format!(
        "This deletes tenant {shown} with its users, its keys and all of its data. It cannot be undone."
    );
    if !terminal::confirm(&question, arguments.common.yes, arguments.common.json)? {
        return Ok(());
    }
    let sql = "SELECT users, series, points, bytes FROM timedb.delete_tenant($1)";
    let parameters = [(&tenant as _, Type::UUID)];
    let row = ask_one(&arguments.common, environment, sql, &parameters).await?;
    let [users, series, points, bytes] =
        ["users", "series", "points", "bytes"].map(|column| row.get::<_, i64>(column));
    show_done(
        arguments.common.json,
        &json!({"tenant_id": tenant, "users": users, "series": series, "points": points, "bytes": bytes}),
        &format!("Tenant {shown} deleted: {users} users, {series} series, {points} points"),
    )
}
