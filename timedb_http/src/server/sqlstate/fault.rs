//! Database errors that no client can have caused: logged here, once, and reported without their text.

use axum::http::StatusCode;
use tokio_postgres::Error;

use crate::server::error::ApiError;

/// What the database lacks that the extension had made.
pub(super) fn not_as_made(error: &Error) -> ApiError {
    tracing::error!(error = %chain(error), "the database is not as the extension created it");
    ApiError::operators(OPERATORS)
}

/// What it means that a connection cannot be opened: logged here, once.
pub(crate) fn not_connected(error: &Error) -> ApiError {
    const UNREACHABLE: &str = "The database is not reachable.";
    tracing::error!(error = %chain(error), "cannot connect to the database");
    match error.as_db_error().map(|answer| answer.code().code()) {
        // Slots get free by themselves, though there should be more of them.
        Some("53300") => ApiError::unavailable(UNREACHABLE),
        // 42501: the server's role may not connect.
        Some(code) if code == "42501" || fault_kind(code) == FaultKind::Operators => {
            ApiError::operators(UNREACHABLE)
        }
        _ => ApiError::unavailable(UNREACHABLE),
    }
}

const OPERATORS: &str =
    "The database can't serve this until its operator has fixed it; please try again later.";

/// What is behind an error that no client can have caused.
#[derive(Debug, PartialEq, Eq)]
enum FaultKind {
    /// A limit of time, or somebody who ended the statement.
    TimedOut,
    /// A standby, or a database that was made read-only.
    ReadOnly,
    /// It may be gone at the next attempt.
    Passing,
    /// It stays until somebody mends it.
    Operators,
    /// The program or the data is at fault: no attempt will go better.
    Defect,
}

/// What PostgreSQL's own error is about, by its code; docs/http_api.md has the same table.
fn fault_kind(code: &str) -> FaultKind {
    match (code, &code[..2]) {
        ("57014", _) => FaultKind::TimedOut,
        ("25006", _) => FaultKind::ReadOnly,
        // Connections, transactions that get in each other's way, locks, a server that is starting or stopping.
        (
            "25P03" | "25P04" | "40001" | "40P01" | "55006" | "55P03" | "57P01" | "57P02" | "57P03"
            | "57P05" | "72000",
            _,
        )
        | (_, "08") => FaultKind::Passing,
        // 28 and 3D the server's own login; 53 disk, memory and connections; 54 transaction ids that run out; 58
        // files; F0 the configuration; 55000 a database that is closed; 57P04 one that was dropped.
        ("55000" | "57P04", _) | (_, "28" | "3D" | "53" | "54" | "58" | "F0") => {
            FaultKind::Operators
        }
        _ => FaultKind::Defect,
    }
}

/// An error that no client can have caused: logged here, once, and told without its text.
pub(super) fn fault(error: &Error) -> ApiError {
    let Some(answer) = error.as_db_error() else {
        if error.is_closed()
            || std::error::Error::source(error).is_some_and(|e| e.is::<std::io::Error>())
        {
            tracing::error!(error = %chain(error), "the connection to the database was lost");
            return ApiError::unavailable(
                "The connection to the database was lost; please try again.",
            );
        }
        tracing::error!(error = %chain(error), "the database's answer can't be read");
        return ApiError::plain(StatusCode::INTERNAL_SERVER_ERROR);
    };
    let code = answer.code().code();
    let message = answer.message();
    match fault_kind(code) {
        FaultKind::TimedOut => {
            tracing::warn!(code, "a statement exceeded its time limit");
            ApiError::timed_out()
        }
        FaultKind::ReadOnly => {
            tracing::warn!(code, message, "the database is read-only");
            ApiError::unavailable("The database is read-only at the moment.")
        }
        FaultKind::Passing => {
            tracing::warn!(code, message, "the database can't serve now");
            ApiError::unavailable("The database can't serve this now; please try again.")
        }
        FaultKind::Operators => {
            tracing::error!(
                code,
                message,
                hint = answer.hint(),
                "the database needs attention from its operator"
            );
            let error = ApiError::operators(OPERATORS);
            match code {
                // Memory, and limits of the configuration such as temp_file_limit.
                "53200" | "53400" => error.of_this_request(),
                _ => error,
            }
        }
        FaultKind::Defect => {
            tracing::error!(
                code,
                message,
                detail = answer.detail(),
                place = answer.where_(),
                "a statement failed"
            );
            ApiError::plain(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

/// An error with its causes, for the log: `tokio_postgres` keeps the useful half in `source`.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_has_its_kind() {
        for (code, expected) in [
            ("53100", FaultKind::Operators),
            ("53200", FaultKind::Operators),
            ("53300", FaultKind::Operators),
            ("53400", FaultKind::Operators),
            ("54000", FaultKind::Operators),
            ("55000", FaultKind::Operators),
            ("57P04", FaultKind::Operators),
            ("58000", FaultKind::Operators),
            ("58030", FaultKind::Operators),
            ("58P01", FaultKind::Operators),
            ("F0000", FaultKind::Operators),
            ("08006", FaultKind::Passing),
            ("40001", FaultKind::Passing),
            ("40P01", FaultKind::Passing),
            ("55006", FaultKind::Passing),
            ("55P03", FaultKind::Passing),
            ("57P01", FaultKind::Passing),
            ("57P03", FaultKind::Passing),
            ("25006", FaultKind::ReadOnly),
            ("57014", FaultKind::TimedOut),
            ("0A000", FaultKind::Defect),
            ("42601", FaultKind::Defect),
            ("P0001", FaultKind::Defect),
            ("XX000", FaultKind::Defect),
            ("XX001", FaultKind::Defect),
            ("XX002", FaultKind::Defect),
        ] {
            assert_eq!(fault_kind(code), expected, "{code}");
        }
    }
}
