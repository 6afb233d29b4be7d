//! A command's statement in the database that its arguments or the environment name.

use tokio_postgres::Row;

use crate::cli::config::Environment;
use crate::cli::failure::Failure;
use crate::cli::grammar::Common;
use crate::cli::session::{Parameters, Session};

/// Connects to the database.
pub async fn connect(common: &Common, environment: &Environment) -> Result<Session, Failure> {
    Session::open(&environment.database(common.dsn.as_ref())?).await
}

/// Runs one statement, on a connection of its own.
pub async fn ask(
    common: &Common,
    environment: &Environment,
    sql: &str,
    parameters: &Parameters<'_>,
) -> Result<Vec<Row>, Failure> {
    let mut session = connect(common, environment).await?;
    match session.ask(sql, parameters).await {
        Ok(rows) => Ok(rows),
        Err(trouble) => Err(session.explain(trouble).await),
    }
}

/// [`ask`] for a statement that answers with one row.
pub async fn ask_one(
    common: &Common,
    environment: &Environment,
    sql: &str,
    parameters: &Parameters<'_>,
) -> Result<Row, Failure> {
    one(ask(common, environment, sql, parameters).await?)
}

/// The row of such a statement.
pub fn one(mut rows: Vec<Row>) -> Result<Row, Failure> {
    let row = rows.pop();
    row.ok_or_else(|| Failure::new("The database answered with nothing."))
}
