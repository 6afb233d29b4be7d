//! `timedb create tables` and `timedb delete tables`: the extension of one database. The roles stay,
//! because they belong to the whole cluster.

use serde_json::json;
use timedb_http::db::store::{self, Store};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Error, Row};

use super::calls::connect;
use super::shown::show_done;
use crate::cli::config::{self, Environment};
use crate::cli::failure::{Failure, brief};
use crate::cli::grammar::{Common, CreateTables};
use crate::cli::session::{Session, SessionTrouble, is_installed};
use crate::cli::terminal::{self, Output, print_json, unless_gone};

/// A running server holds locks on the tables; waiting for it forever would look like a hang.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '10s'";
const CREATE: &str = "CREATE EXTENSION timedb";
const CREATE_IF_MISSING: &str = "CREATE EXTENSION IF NOT EXISTS timedb";
const REQUIRE_KEYS: &str = "SELECT timedb.set_auth_required(true)";
const REQUIRE_NO_KEYS: &str = "SELECT timedb.set_auth_required(false)";

/// `timedb create tables`. An existing store is never loosened: only a new one is made without keys.
pub async fn create(arguments: &CreateTables, environment: &Environment) -> Result<(), Failure> {
    if arguments.dry_run {
        return print_plan(arguments);
    }
    let mut session = connect(&arguments.common, environment).await?;
    let (created, store) = match install(&mut session, arguments.with_users).await {
        Ok(done) => done,
        Err(error) => return Err(explain_create(&session, error, arguments.with_users).await),
    };
    let (auth_required, version): (bool, &str) = (store.get(0), store.get(1));
    if auth_required && !arguments.with_users {
        terminal::complain("NOTE: this store exists and requires API keys; that does not change");
    }
    if arguments.common.json {
        let json = json!({"created": created, "auth_required": auth_required, "version": version});
        return unless_gone(print_json(&json));
    }
    let mut out = Output::new();
    out.line("Creating database schema...");
    out.done("Schema created successfully");
    out.done("Base timedb tables created");
    if arguments.with_users {
        out.done("Users table created");
    }
    out.line("");
    out.line("Schema created successfully!");
    unless_gone(out.send())
}

fn print_plan(arguments: &CreateTables) -> Result<(), Failure> {
    let statements = if arguments.with_users {
        [CREATE_IF_MISSING, REQUIRE_KEYS]
    } else {
        // Plain CREATE: on an existing store it fails, and with it the transaction that would open it.
        [CREATE, REQUIRE_NO_KEYS]
    };
    if arguments.common.json {
        return unless_gone(print_json(&json!({"sql": statements})));
    }
    let mut out = Output::new();
    if !arguments.with_users {
        out.line("-- For a database without timedb; in one with timedb nothing is executed.");
    }
    out.line("BEGIN;");
    for statement in statements {
        out.line(&format!("{statement};"));
    }
    out.line("COMMIT;");
    unless_gone(out.send())
}

/// Whether the store is new, and what it says of itself.
async fn install(session: &mut Session, with_users: bool) -> Result<(bool, Row), SessionTrouble> {
    let transaction = session.begin().await?;
    transaction.batch_execute(LOCK_TIMEOUT).await?;
    let created = !is_installed(&transaction).await?;
    if created {
        transaction.batch_execute(CREATE).await?;
        if !is_installed(&transaction).await? {
            return Err(SessionTrouble::NotSetUp);
        }
    }
    let auth_required: bool = transaction
        .query_typed_one("SELECT timedb.auth_required()", &[])
        .await?
        .get(0);
    if with_users && !auth_required {
        transaction.batch_execute(REQUIRE_KEYS).await?;
    } else if created && !with_users {
        transaction.batch_execute(REQUIRE_NO_KEYS).await?;
    }
    let store = transaction
        .query_typed_one("SELECT timedb.auth_required(), timedb.version()", &[])
        .await?;
    transaction.commit().await?;
    Ok((created, store))
}

/// Says who has to run what when the extension can't be created.
async fn explain_create(session: &Session, trouble: SessionTrouble, with_users: bool) -> Failure {
    let SessionTrouble::Database(error) = trouble else {
        return session.explain(trouble).await;
    };
    // Without the extension's files the server says FEATURE_NOT_SUPPORTED or UNDEFINED_FILE.
    if !has_extension_files(session).await {
        return Failure::new(
            "The extension timedb is not installed on the database server. On the server's own \
             machine run `make install` in timedb's sources (PG_CONFIG chooses the PostgreSQL), \
             then this command again",
        );
    }
    let is_new = matches!(is_installed(&session.client).await, Ok(false));
    if is_new && error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
        let role = session.role().await;
        let and_open = if with_users {
            String::new()
        } else {
            format!(" {REQUIRE_NO_KEYS};")
        };
        return Failure::new(format!(
            "Role {role} may not create the extension in database {}: {}. A superuser has to run, \
             in this database: {CREATE};{and_open}",
            session.place,
            brief(&error)
        ));
    }
    if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) {
        return blocked(session);
    }
    session.explain(error.into()).await
}

async fn has_extension_files(session: &Session) -> bool {
    let found = session
        .client
        .query_typed_opt(
            "SELECT FROM pg_catalog.pg_available_extensions WHERE name OPERATOR(pg_catalog.=) 'timedb'",
            &[],
        )
        .await;
    // If even that can't be asked, the first error is the better explanation.
    found.map_or(true, |row| row.is_some())
}

fn blocked(session: &Session) -> Failure {
    Failure::new(format!(
        "Other sessions are using timedb in database {}. Stop the API server and open \
         transactions, then run this command again",
        session.place
    ))
}

/// `timedb delete tables`. Succeeds where there is nothing to delete.
pub async fn delete(common: &Common, environment: &Environment) -> Result<(), Failure> {
    let config = environment.database(common.dsn.as_ref())?;
    let question = format!(
        "This deletes timedb from database {} with all data, users and keys, \
         and every view or function that is built on it.",
        config::describe(&config)
    );
    if !terminal::confirm(&question, common.yes, common.json)? {
        return Ok(());
    }
    let mut session = Session::open(&config).await?;
    let deleted = match remove(&mut session).await {
        Ok(deleted) => deleted,
        Err(error) => return Err(explain_delete(&session, error).await),
    };
    let json = json!({"deleted": deleted});
    show_done(common.json, &json, "All timedb tables deleted")
}

async fn remove(session: &mut Session) -> Result<bool, Error> {
    let transaction = session.begin().await?;
    transaction.batch_execute(LOCK_TIMEOUT).await?;
    // Whatever is wrong with a store, deleting it calls nothing in it.
    let deleted = store::inspect(&transaction).await? != Store::Absent;
    if deleted {
        transaction
            .batch_execute("DROP EXTENSION IF EXISTS timedb CASCADE")
            .await?;
    }
    // What somebody else put into the schema is not ours to delete, so only an empty one goes.
    let schema = transaction
        .query_typed_opt(
            "SELECT EXISTS (SELECT FROM pg_catalog.pg_depend AS d \
                 WHERE d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_namespace'::pg_catalog.regclass::pg_catalog.oid \
                 AND d.refobjid OPERATOR(pg_catalog.=) n.oid AND d.deptype OPERATOR(pg_catalog.=) 'n') \
             FROM pg_catalog.pg_namespace AS n WHERE n.nspname OPERATOR(pg_catalog.=) 'timedb'",
            &[],
        )
        .await?;
    let is_in_use: Option<bool> = schema.map(|row| row.get(0));
    if is_in_use == Some(false) {
        let drop_schema = "DROP SCHEMA timedb RESTRICT";
        transaction.batch_execute(drop_schema).await?;
    }
    transaction.commit().await?;
    if is_in_use == Some(true) {
        terminal::complain(
            "NOTE: schema timedb contains objects that do not belong to timedb, so it is kept",
        );
    }
    Ok(deleted)
}

async fn explain_delete(session: &Session, error: Error) -> Failure {
    let place = &session.place;
    match error.code() {
        Some(&SqlState::INSUFFICIENT_PRIVILEGE) => Failure::new(format!(
            "Role {} may not delete timedb from database {place}: {}. A superuser has to run, \
             in this database: DROP EXTENSION timedb CASCADE;",
            session.role().await,
            brief(&error)
        )),
        Some(&SqlState::LOCK_NOT_AVAILABLE) => blocked(session),
        _ => error.into(),
    }
}
