//! The extension: whether it is there and nobody else's, its versions, what keeps tenants apart, and who needs a key.

use timedb_http::db::store::{self, Store};
use tokio_postgres::Row;

use super::check::Check;
use crate::cli::session::{Session, SessionTrouble};

const AVAILABLE: &str = "SELECT default_version FROM pg_catalog.pg_available_extensions \
     WHERE name OPERATOR(pg_catalog.=) 'timedb'";
const LIBRARY: &str = "SELECT timedb.version()";
const BUILD: &str =
    "SELECT timedb.built_for(), pg_catalog.current_setting('server_version_num')::pg_catalog.int4";
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
        build(session).await,
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
        .remedy(remedy(
            &available,
            version,
            "ALTER EXTENSION timedb UPDATE;",
        )),
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
        .remedy(remedy(
            loaded.as_deref().unwrap_or_default(),
            version,
            "ALTER EXTENSION timedb UPDATE; and connect anew.",
        )),
    }
}

/// What to do where the server has files of `files` and the database functions of `version`: there is no way back from a
/// later version to an earlier one.
fn remedy(files: &str, version: &str, update: &str) -> String {
    if numbers(files) < numbers(version) {
        format!(
            "Install the files of {version} again, or restore a backup: there is no update to an older version."
        )
    } else {
        update.to_owned()
    }
}

/// The parts of a version, to compare it.
fn numbers(version: &str) -> Vec<u32> {
    version
        .split('.')
        .filter_map(|part| part.parse().ok())
        .collect()
}

async fn build(session: &mut Session) -> Check {
    let id = "library-build";
    let rows = match session.ask(BUILD, &[]).await {
        Ok(rows) => rows,
        Err(trouble) => return Check::unknown(id, &trouble),
    };
    match rows.first() {
        Some(row) => fits(row.get(0), row.get(1)),
        None => Check::warning(id, "the library does not say what it was built with"),
    }
}

/// Both in the form of `server_version_num`.
fn fits(built: i32, server: i32) -> Check {
    let id = "library-build";
    let release = |number: i32| format!("{}.{}", number / 10_000, number % 10_000);
    let summary = format!("the library was built with PostgreSQL {}", release(built));
    if built <= server {
        return Check::ok(id, summary);
    }
    Check::warning(id, format!("{summary}, and this is {}", release(server))).remedy(format!(
        "Install PostgreSQL {} or newer and restart it, or build timedb with this release.",
        release(built)
    ))
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

#[cfg(test)]
mod tests {
    use super::super::check::Status;
    use super::{fits, remedy};

    #[test]
    fn an_older_library_cannot_be_updated_to() {
        assert_eq!(remedy("0.10.0", "0.9.1", "update"), "update");
        assert!(remedy("0.9.1", "0.10.0", "update").starts_with("Install the files of 0.10.0"));
    }

    #[test]
    fn a_library_from_the_future_is_a_warning_that_names_both_releases() {
        let check = fits(170_012, 170_004);
        assert_eq!(check.status, Status::Warning);
        assert!(
            check.summary.contains("17.12, and this is 17.4"),
            "{check:?}"
        );
        assert!(check.remedy.is_some_and(|text| text.contains("17.12")));
        assert_eq!(fits(170_004, 170_012).status, Status::Ok);
        assert_eq!(fits(170_004, 170_004).status, Status::Ok);
    }
}
