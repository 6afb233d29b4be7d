//! The session of the commands about keys, and what its errors mean.

use tokio_postgres::error::SqlState;

use crate::cli::config::{Dsn, Environment};
use crate::cli::failure::Failure;
use crate::cli::session::{Session, SessionTrouble};

/// Connects to the database that the arguments or the environment name.
pub async fn open(dsn: Option<&Dsn>, environment: &Environment) -> Result<Session, Failure> {
    Session::open(&environment.database(dsn)?).await
}

/// What these functions refuse, they say in sentences for the caller of the command too.
pub async fn explain(session: &Session, trouble: SessionTrouble) -> Failure {
    let own = [
        SqlState::UNDEFINED_OBJECT,
        SqlState::UNIQUE_VIOLATION,
        SqlState::INVALID_PARAMETER_VALUE,
        SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
    ];
    match trouble {
        SessionTrouble::Database(error) if error.code().is_some_and(|code| own.contains(code)) => {
            error.into()
        }
        other => session.explain(other).await,
    }
}
