//! The extension: whether it is there and nobody else's, its versions, what keeps tenants apart, and who needs a key.

use timedb_http::db::store::{self, Store};
use tokio_postgres::Row;

use super::check::Check;
use crate::cli::session::{Session, SessionTrouble};

const AVAILABLE: &str = "SELECT default_version FROM pg_catalog.pg_available_extensions \
     WHERE name OPERATOR(pg_catalog.=) 'timedb'";
const LIBRARY: &str = "SELECT timedb.version()";
const PROBLEMS: &str = "SELECT problem, remedy FROM timedb.isolation_problems()";
const AUTH_REQUIRED: &str = "SELECT timedb.auth_required()";

/// Looks for the extension, and returns its version if its functions can be called.
pub async fn examine(session: &mut Session, checks: &mut Vec<Check>) -> Option<String> {
    let id = "extension";
    match store::inspect(&session.client).await {
        Ok(Store::Genuine { version }) => {
            checks.push(Check::ok(id, format!("timedb {version} is installed")));
            Some(version)
        }
        Ok(Store::Absent) => {
            let check = Check::problem(id, "timedb is not in this database");
            checks.push(check.remedy("timedb create tables --with-users"));
            None
        }
        Ok(Store::Doubtful { problem, remedy }) => {
            checks.push(Check::problem(id, problem).remedy(remedy));
            None
        }
        Err(error) => {
            checks.push(Check::unknown(id, &error.into()));
            None
        }
    }
}

/// What can be asked of an extension that is genuine.
pub async fn examine_installed(session: &mut Session, version: &str) -> Vec<Check> {
    vec![
        update(session, version).await,
        library(session, version).await,
        binary(version),
        isolation(session).await,
        authentication(session).await,
    ]
}

async fn update(session: &mut Session, version: &str) -> Check {
    let id = "extension-update";
    let available: Option<String> = match session.ask(AVAILABLE, &[]).await {
        Ok(rows) => rows.first().and_then(|row| row.get(0)),
        Err(trouble) => return Check::unknown(id, &trouble),
    };
    match available {
        Some(available) if available == version => Check::ok(id, "no update is pending"),
        Some(available) => Check::warning(
            id,
            format!("the files of {available} are installed, and the database has {version}"),
        )
        .remedy("ALTER EXTENSION timedb UPDATE;"),
        None => Check::warning(id, "the server has no control file of timedb")
            .remedy("Install the package of the extension on the database server."),
    }
}

async fn library(session: &mut Session, version: &str) -> Check {
    let id = "library";
    let loaded: Option<String> = match session.ask(LIBRARY, &[]).await {
        Ok(rows) => rows.first().map(|row| row.get(0)),
        Err(trouble) => return Check::unknown(id, &trouble),
    };
    match loaded {
        Some(loaded) if loaded == version => {
            Check::ok(id, format!("the loaded library is {loaded}"))
        }
        loaded => Check::warning(
            id,
            format!(
                "the loaded library is {}, and the database's functions are of {version}",
                loaded.as_deref().unwrap_or("unknown")
            ),
        )
        .remedy("ALTER EXTENSION timedb UPDATE; and connect anew."),
    }
}

fn binary(version: &str) -> Check {
    let id = "binary";
    let own = env!("CARGO_PKG_VERSION");
    if own == version {
        return Check::ok(id, format!("this program is timedb {own}"));
    }
    Check::warning(
        id,
        format!("this program is timedb {own}, and the database has {version}"),
    )
    .remedy("Use the program and the extension of one version.")
}

async fn isolation(session: &mut Session) -> Check {
    let id = "row-security";
    let rows = match session.ask(PROBLEMS, &[]).await {
        Ok(rows) => rows,
        Err(trouble) => return Check::unknown(id, &trouble),
    };
    let text = |row: &Row, at: usize| row.get::<_, Option<String>>(at).unwrap_or_default();
    let Some(first) = rows.first() else {
        return Check::ok(id, "row security keeps tenants apart");
    };
    let details = rows
        .iter()
        .map(|row| format!("{}. {}", text(row, 0), text(row, 1)));
    Check::problem(
        id,
        format!("tenants might not be kept apart: {} findings", rows.len()),
    )
    .details(details.collect())
    .remedy(text(first, 1))
}

async fn authentication(session: &mut Session) -> Check {
    let id = "authentication";
    let required: Result<Option<bool>, SessionTrouble> = session
        .ask(AUTH_REQUIRED, &[])
        .await
        .map(|rows| rows.first().map(|row| row.get(0)));
    match required {
        Ok(Some(false)) => Check::warning(
            id,
            "the store is open: whoever reaches the server needs no key",
        )
        .remedy("timedb create tables --with-users"),
        Ok(_) => Check::ok(id, "every request needs a key"),
        Err(trouble) => Check::unknown(id, &trouble),
    }
}
