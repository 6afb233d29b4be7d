//! `timedb roles ...`: each command is one call to the extension's functions about bound roles.

use serde_json::json;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::calls::{ask, ask_one};
use super::keys::interval;
use super::shown::{iso, moment, show_done, show_list, tenant_id};
use crate::cli::config::Environment;
use crate::cli::failure::Failure;
use crate::cli::grammar::{BindRole, ListRoles, OneRole, Roles};
use crate::cli::terminal;

/// Runs one of the commands.
pub async fn run(command: &Roles, environment: &Environment) -> Result<(), Failure> {
    match command {
        Roles::Bind(arguments) => bind(arguments, environment).await,
        Roles::Unbind(arguments) => unbind(arguments, environment).await,
        Roles::List(arguments) => list(arguments, environment).await,
    }
}

async fn bind(arguments: &BindRole, environment: &Environment) -> Result<(), Failure> {
    let tenant = tenant_id(arguments.tenant_id.as_deref())?;
    let OneRole { common, role } = &arguments.role;
    let email = arguments.email.trim();
    let access = match arguments.read_write {
        true => "read_write",
        false => "read_only",
    };
    let timeout = arguments.statement_timeout.as_deref();
    let timeout = timeout.map(interval).transpose()?;
    let sql = "SELECT timedb.bind_role(role => $1, email => $2, access => $3, tenant_id => $4, \
                   statement_timeout => $5::pg_catalog.interval, work_mem => $6, temp_file_limit => $7, \
                   connection_limit => $8)";
    let parameters = [
        (role as _, Type::TEXT),
        (&email as _, Type::TEXT),
        (&access as _, Type::TEXT),
        (&tenant as _, Type::UUID),
        (&timeout as _, Type::TEXT),
        (&arguments.work_mem as _, Type::TEXT),
        (&arguments.temp_file_limit as _, Type::TEXT),
        (&arguments.connection_limit as _, Type::INT4),
    ];
    let row = ask_one(common, environment, sql, &parameters).await?;
    let binding_id: Uuid = row.get(0);
    show_done(
        common.json,
        &json!({"role": role, "email": email, "access": access, "binding_id": binding_id}),
        &format!("Role {role} is bound to {email} ({access})"),
    )
}

async fn unbind(arguments: &OneRole, environment: &Environment) -> Result<(), Failure> {
    let OneRole { common, role } = arguments;
    let question = format!("This ends the binding of role {role}.");
    if !terminal::confirm(&question, common.yes, common.json)? {
        return Ok(());
    }
    let sql = "SELECT timedb.unbind_role($1)";
    let row = ask_one(common, environment, sql, &[(role as _, Type::TEXT)]).await?;
    let sentence = match row.get(0) {
        true => format!("Role {role} is bound to nobody any more"),
        false => format!("Role {role} was bound to nobody"),
    };
    show_done(
        common.json,
        &json!({"role": role, "status": "unbound"}),
        &sentence,
    )
}

async fn list(arguments: &ListRoles, environment: &Environment) -> Result<(), Failure> {
    let tenant = tenant_id(arguments.tenant_id.as_deref())?;
    let sql = format!(
        "SELECT role, email, access, status, {} AS bound_at, {} AS last_used_at, binding_id, user_id, tenant_id \
         FROM timedb.list_bound_roles(tenant_id => $1)",
        iso("bound_at"),
        iso("last_used_at")
    );
    let parameters = [(&tenant as _, Type::UUID)];
    let roles = ask(&arguments.common, environment, &sql, &parameters).await?;
    show_list(&arguments.common, "Bound roles", &roles, |role, short| {
        let email: Option<String> = role.get("email");
        vec![
            ("Role", role.get("role")),
            ("Email", email.unwrap_or_default()),
            ("Access", role.get("access")),
            ("Status", role.get("status")),
            ("Last used", moment(role.get("last_used_at"))),
            ("Tenant ID", terminal::id(role.get("tenant_id"), short)),
        ]
    })
}
