//! `timedb users ...`: each command is one transaction that calls the extension's administration functions. A new key
//! comes back as a result and is printed once; it appears in no argument and no log.

use serde_json::json;
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::calls::{ask, connect, one};
use super::shown::{NewKey, iso, moment, show_done, show_list, tenant_id};
use crate::cli::config::Environment;
use crate::cli::failure::Failure;
use crate::cli::grammar::{CreateUser, ListUsers, OneUser, Users};
use crate::cli::session::{Session, SessionTrouble};
use crate::cli::terminal;

/// Runs one of the commands.
pub async fn run(command: &Users, environment: &Environment) -> Result<(), Failure> {
    match command {
        Users::Create(arguments) => create(arguments, environment).await,
        Users::List(arguments) => list(arguments, environment).await,
        Users::Activate(arguments) => activate(arguments, environment).await,
        Users::Deactivate(arguments) => deactivate(arguments, environment).await,
        Users::RegenerateKey(arguments) => regenerate_key(arguments, environment).await,
    }
}

/// The tenant is created too if there is none with that id.
async fn create(arguments: &CreateUser, environment: &Environment) -> Result<(), Failure> {
    let tenant = tenant_id(arguments.tenant_id.as_deref())?;
    let email = arguments.email.trim();
    let mut session = connect(&arguments.common, environment).await?;
    let user = match insert(&mut session, tenant, email).await {
        Ok(user) => user,
        Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
            return Err(Failure::new(format!(
                "User with email '{email}' already exists for this tenant."
            )));
        }
        Err(error) => return Err(session.explain(error).await),
    };
    let (user_id, tenant_id): (Uuid, Uuid) = (user.get("user_id"), user.get("tenant_id"));
    let (stored, api_key): (&str, &str) = (user.get("email"), user.get("api_key"));
    NewKey {
        json: json!({"user_id": user_id, "tenant_id": tenant_id, "email": stored, "api_key": api_key}),
        headline: "User created successfully!",
        fields: &[
            ("User ID", &user_id.to_string()),
            ("Tenant ID", &tenant_id.to_string()),
            ("Email", stored),
        ],
        label: "API Key",
        api_key,
        name: &format!("of '{email}'"),
        remedy: "users regenerate-key",
    }
    .show(&arguments.common)
}

async fn insert(
    session: &mut Session,
    tenant: Option<Uuid>,
    email: &str,
) -> Result<Row, SessionTrouble> {
    let transaction = session.enter().await?;
    let tenant: Uuid = transaction
        .query_typed_one(
            "SELECT timedb.create_tenant(tenant_id => $1, if_not_exists => $1 IS NOT NULL)",
            &[(&tenant, Type::UUID)],
        )
        .await?
        .get(0);
    let user = transaction
        .query_typed_one(
            "SELECT user_id, tenant_id, email, api_key \
             FROM timedb.create_user(tenant_id => $1, email => $2)",
            &[(&tenant, Type::UUID), (&email, Type::TEXT)],
        )
        .await?;
    transaction.commit().await?;
    Ok(user)
}

async fn list(arguments: &ListUsers, environment: &Environment) -> Result<(), Failure> {
    let tenant = tenant_id(arguments.tenant_id.as_deref())?;
    let sql = format!(
        "SELECT email, user_id, tenant_id, CASE WHEN active THEN 'active' ELSE 'inactive' END AS status, \
                {} AS created_at \
         FROM timedb.list_users(tenant_id => $1, include_inactive => $2)",
        iso("created_at")
    );
    let parameters = [
        (&tenant as _, Type::UUID),
        (&arguments.include_inactive as _, Type::BOOL),
    ];
    let users = ask(&arguments.common, environment, &sql, &parameters).await?;
    show_list(&arguments.common, "Users", &users, |user, short| {
        vec![
            ("Email", user.get("email")),
            ("User ID", terminal::id(user.get("user_id"), short)),
            ("Tenant ID", terminal::id(user.get("tenant_id"), short)),
            ("Status", user.get("status")),
            ("Created", moment(user.get("created_at"))),
        ]
    })
}

async fn activate(arguments: &OneUser, environment: &Environment) -> Result<(), Failure> {
    let user = change(arguments, environment, "activate_user").await?;
    show_switched(arguments, user.get(0), "active", "activated")
}

async fn deactivate(arguments: &OneUser, environment: &Environment) -> Result<(), Failure> {
    let email = arguments.email.trim();
    let question = format!("This ends the access of user '{email}'.");
    if !terminal::confirm(&question, arguments.common.yes, arguments.common.json)? {
        return Ok(());
    }
    let user = change(arguments, environment, "deactivate_user").await?;
    show_switched(arguments, user.get(0), "inactive", "deactivated")
}

async fn regenerate_key(arguments: &OneUser, environment: &Environment) -> Result<(), Failure> {
    let email = arguments.email.trim();
    let question = format!("This revokes all current keys of user '{email}'.");
    if !terminal::confirm(&question, arguments.common.yes, arguments.common.json)? {
        return Ok(());
    }
    let row = change(arguments, environment, "regenerate_key").await?;
    let api_key: &str = row.get(0);
    NewKey {
        json: json!({"email": email, "api_key": api_key}),
        headline: "API key regenerated!",
        fields: &[("Email", email)],
        label: "New API Key",
        api_key,
        name: &format!("of '{email}'"),
        remedy: "users regenerate-key",
    }
    .show(&arguments.common)
}

/// Calls an administration function that takes the email and the tenant of one user.
async fn change(
    arguments: &OneUser,
    environment: &Environment,
    function: &str,
) -> Result<Row, Failure> {
    let tenant = tenant_id(arguments.tenant_id.as_deref())?;
    let email = arguments.email.trim();
    let mut session = connect(&arguments.common, environment).await?;
    let sql = format!("SELECT timedb.{function}(email => $1, tenant_id => $2)");
    let parameters = [(&email as _, Type::TEXT), (&tenant as _, Type::UUID)];
    match session.ask(&sql, &parameters).await {
        Ok(rows) => one(rows),
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
    let sql = "SELECT email, tenant_id FROM timedb.list_users(tenant_id => NULL)";
    let users = session.ask(sql, &[]).await.unwrap_or_default();
    let email = email.to_lowercase();
    let its = |user: &&Row| user.get::<_, &str>(0) == email;
    let tenant = |user: &Row| user.get::<_, Uuid>(1).to_string();
    users.iter().filter(its).map(tenant).collect()
}

fn show_switched(
    arguments: &OneUser,
    user_id: Uuid,
    status: &str,
    done: &str,
) -> Result<(), Failure> {
    let email = arguments.email.trim();
    let json = json!({"email": email, "user_id": user_id, "status": status});
    let sentence = format!("User '{email}' {done}");
    show_done(arguments.common.json, &json, &sentence)
}
