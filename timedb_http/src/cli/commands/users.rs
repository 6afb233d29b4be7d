//! `timedb users ...`: each command is one transaction that calls the extension's administration functions. A new key
//! comes back as a result and is printed once; it appears in no argument and no log.

pub mod list;

use serde::Serialize;
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::shown::{show_key, tenant_id};
use crate::cli::config::Environment;
use crate::cli::failure::Failure;
use crate::cli::grammar::{CreateUser, OneUser};
use crate::cli::session::{Session, SessionTrouble};
use crate::cli::terminal::{self, Output, print_json};

#[derive(Serialize)]
struct NewUser {
    user_id: Uuid,
    tenant_id: Uuid,
    email: String,
    api_key: String,
}

#[derive(Serialize)]
struct Switched<'a> {
    email: &'a str,
    user_id: Uuid,
    status: &'static str,
}

#[derive(Serialize)]
struct ReplacingKey<'a> {
    email: &'a str,
    api_key: String,
}

/// `timedb users create`: the tenant too if there is none with that id.
pub async fn create(arguments: &CreateUser, environment: &Environment) -> Result<(), Failure> {
    let tenant = tenant_id(arguments.tenant_id.as_deref())?;
    let email = arguments.email.trim();
    let config = environment.database(arguments.common.dsn.as_ref())?;
    let mut session = Session::open(&config).await?;
    let user = match insert(&mut session, tenant, email).await {
        Ok(user) => user,
        Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
            return Err(Failure::new(format!(
                "User with email '{email}' already exists for this tenant."
            )));
        }
        Err(error) => return Err(session.explain(error).await),
    };
    let printed = if arguments.common.json {
        print_json(&user)
    } else {
        let mut out = Output::new();
        out.card(
            "User created successfully!",
            &[
                ("User ID", &user.user_id.to_string()),
                ("Tenant ID", &user.tenant_id.to_string()),
                ("Email", &user.email),
            ],
        );
        show_key(&mut out, "API Key", &user.api_key);
        out.send()
    };
    printed.map_err(|error| key_is_lost(email, &error))
}

async fn insert(
    session: &mut Session,
    tenant: Option<Uuid>,
    email: &str,
) -> Result<NewUser, SessionTrouble> {
    let transaction = session.enter().await?;
    let tenant: Uuid = transaction
        .query_typed_one(
            "SELECT timedb.create_tenant(tenant_id => $1, if_not_exists => $1 IS NOT NULL)",
            &[(&tenant, Type::UUID)],
        )
        .await?
        .get(0);
    let row = transaction
        .query_typed_one(
            "SELECT user_id, tenant_id, email, api_key \
             FROM timedb.create_user(tenant_id => $1, email => $2)",
            &[(&tenant, Type::UUID), (&email, Type::TEXT)],
        )
        .await?;
    transaction.commit().await?;
    Ok(NewUser {
        user_id: row.get(0),
        tenant_id: row.get(1),
        email: row.get(2),
        api_key: row.get(3),
    })
}

/// `timedb users activate`
pub async fn activate(arguments: &OneUser, environment: &Environment) -> Result<(), Failure> {
    let row = change(
        arguments,
        environment,
        "SELECT timedb.activate_user(email => $1, tenant_id => $2)",
    )
    .await?;
    show_switched(arguments, row.get(0), "active", "activated")
}

/// `timedb users deactivate`
pub async fn deactivate(arguments: &OneUser, environment: &Environment) -> Result<(), Failure> {
    let email = arguments.email.trim();
    let question = format!("This ends the access of user '{email}'.");
    if !terminal::confirm(&question, arguments.common.yes)? {
        return Ok(terminal::print("Aborted.\n")?);
    }
    let row = change(
        arguments,
        environment,
        "SELECT timedb.deactivate_user(email => $1, tenant_id => $2)",
    )
    .await?;
    show_switched(arguments, row.get(0), "inactive", "deactivated")
}

/// `timedb users regenerate-key`
pub async fn regenerate_key(arguments: &OneUser, environment: &Environment) -> Result<(), Failure> {
    let email = arguments.email.trim();
    let question = format!("This revokes all current keys of user '{email}'.");
    if !terminal::confirm(&question, arguments.common.yes)? {
        return Ok(terminal::print("Aborted.\n")?);
    }
    let row = change(
        arguments,
        environment,
        "SELECT timedb.regenerate_key(email => $1, tenant_id => $2)",
    )
    .await?;
    let api_key: String = row.get(0);
    let printed = if arguments.common.json {
        print_json(&ReplacingKey { email, api_key })
    } else {
        let mut out = Output::new();
        out.card("API key regenerated!", &[("Email", email)]);
        show_key(&mut out, "New API Key", &api_key);
        out.send()
    };
    printed.map_err(|error| key_is_lost(email, &error))
}

/// Runs one administration function on one user; `sql` takes the email and the tenant.
async fn change(arguments: &OneUser, environment: &Environment, sql: &str) -> Result<Row, Failure> {
    let tenant = tenant_id(arguments.tenant_id.as_deref())?;
    let email = arguments.email.trim();
    let config = environment.database(arguments.common.dsn.as_ref())?;
    let mut session = Session::open(&config).await?;
    let parameters: [(&(dyn ToSql + Sync), Type); 2] =
        [(&email, Type::TEXT), (&tenant, Type::UUID)];
    match session.ask_one(sql, &parameters).await {
        Ok(row) => Ok(row),
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_OBJECT) => Err(Failure::new(
            format!("User with email '{email}' not found."),
        )),
        Err(error) => {
            let tenants = tenants_of(&mut session, email).await;
            if tenant.is_none() && tenants.len() > 1 {
                return Err(Failure::new(format!(
                    "User with email '{email}' exists in {} tenants. Pass --tenant-id with one \
                     of: {}",
                    tenants.len(),
                    tenants.join(", ")
                )));
            }
            Err(session.explain(error).await)
        }
    }
}

/// The tenants that have a user with this email address; none if that can't be asked.
async fn tenants_of(session: &mut Session, email: &str) -> Vec<String> {
    let users = list::fetch(session, None, true).await.unwrap_or_default();
    users
        .into_iter()
        .filter(|user| user.email == email.to_lowercase())
        .map(|user| user.tenant_id.to_string())
        .collect()
}

fn show_switched(
    arguments: &OneUser,
    user_id: Uuid,
    status: &'static str,
    verb: &str,
) -> Result<(), Failure> {
    let email = arguments.email.trim();
    if arguments.common.json {
        let switched = Switched {
            email,
            user_id,
            status,
        };
        return Ok(print_json(&switched)?);
    }
    let mut out = Output::new();
    out.done(&format!("User '{email}' {verb}"));
    Ok(out.send()?)
}

fn key_is_lost(email: &str, error: &std::io::Error) -> Failure {
    Failure::new(format!(
        "The new API key of '{email}' is stored, but the output cannot be written ({error}), so \
         nobody has seen it. Run: timedb users regenerate-key"
    ))
}
