//! One statement of a command about keys, on a session of its own, and what its errors mean.

use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};

use crate::cli::config::Environment;
use crate::cli::failure::Failure;
use crate::cli::grammar::Common;
use crate::cli::session::{Session, SessionTrouble};

/// Runs a statement in the database that the arguments or the environment name. What these functions refuse, they say
/// in sentences for the caller of the command too.
pub async fn ask(
    common: &Common,
    environment: &Environment,
    sql: &str,
    parameters: &[(&(dyn ToSql + Sync), Type)],
) -> Result<Vec<Row>, Failure> {
    let own = [
        SqlState::UNDEFINED_OBJECT,
        SqlState::UNIQUE_VIOLATION,
        SqlState::INVALID_PARAMETER_VALUE,
        SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
    ];
    let mut session = Session::open(&environment.database(common.dsn.as_ref())?).await?;
    match session.ask(sql, parameters).await {
        Ok(rows) => Ok(rows),
        Err(SessionTrouble::Database(error))
            if error.code().is_some_and(|code| own.contains(code)) =>
        {
            Err(error.into())
        }
        Err(other) => Err(session.explain(other).await),
    }
}

/// [`ask`] for a statement that answers with one row.
pub async fn ask_one(
    common: &Common,
    environment: &Environment,
    sql: &str,
    parameters: &[(&(dyn ToSql + Sync), Type)],
) -> Result<Row, Failure> {
    let row = ask(common, environment, sql, parameters).await?.pop();
    row.ok_or_else(|| Failure::new("The database answered with nothing."))
}
