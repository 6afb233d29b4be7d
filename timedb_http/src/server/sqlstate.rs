//! The one table from the database's SQLSTATEs to HTTP. A client's mistake keeps timedb's sentence; what
//! PostgreSQL says goes to the log, and the client gets a sentence of ours, or learns only that it happened.

use serde_json::json;
use tokio_postgres::{Error, error::DbError};

use crate::server::{
    db::chain,
    error::{ApiError, FieldError, RefusedField},
};

/// What the error of a statement means to the client.
pub(crate) fn to_api(error: &Error, with_key: bool) -> ApiError {
    let Some(answer) = error.as_db_error() else {
        return fault(error);
    };
    let code = answer.code().code();
    if !is_ours(answer) {
        return of_postgres(error, code);
    }
    match (code, &code[..2]) {
        ("28000", _) => ApiError::unauthenticated(with_key),
        ("42501", _) => ApiError::forbidden(sentence(answer)),
        ("42704", _) => ApiError::not_found(sentence(answer)),
        // P0003: several points where one is meant. 55000: the unit of a series that has points.
        ("23505" | "P0003" | "55000", _) => ApiError::conflict(sentence(answer)),
        // The same request is under way in another transaction; nothing was waited for.
        ("55006", _) => ApiError::under_way(sentence(answer)),
        ("0A000", _) => ApiError::not_supported(sentence(answer)),
        ("22000", _) if let Some(reused) = reused(answer.message(), sentence(answer)) => {
            ApiError::invalid(&[reused])
        }
        ("22023", _) if let Some((name, series)) = refused_field(answer.detail()) => {
            ApiError::refused_field(RefusedField {
                name,
                series,
                sentence: sentence(answer),
            })
        }
        ("21000" | "23514", _) | (_, "22" | "54") => ApiError::bad_request(sentence(answer)),
        _ => fault(error),
    }
}

/// Whether timedb itself wrote the error's sentence: in Rust, or with RAISE in a function of its own. PostgreSQL's
/// sentences are for administrators; they can name objects, files and settings.
fn is_ours(answer: &DbError) -> bool {
    let routine = answer.routine().unwrap_or_default();
    routine.starts_with("timedb::") || routine == "exec_stmt_raise"
}

/// What PostgreSQL's own error means to the client, in a sentence for the client; its own goes to the log.
fn of_postgres(error: &Error, code: &str) -> ApiError {
    let told = match (code, &code[..2]) {
        ("54001", _) => "The request is nested too deeply.",
        ("22021" | "22P05" | "22P02" | "22P03", _) => {
            "A text of the request holds what cannot be stored, such as \\u0000 or half a surrogate pair."
        }
        ("22003" | "22008", _) => "A number or a time of the request is out of range.",
        (_, "22") => "A value of the request is not valid.",
        ("23505", _) => {
            tracing::warn!(error = %chain(error), "two requests wrote the same at once");
            return ApiError::under_way(
                "Another request wrote the same at the same time; please try again.".to_owned(),
            );
        }
        // A table, function, column, schema or right is gone.
        ("3F000" | "42501" | "42703" | "42704" | "42883" | "42P01", _) => {
            return not_as_made(error);
        }
        _ => return fault(error),
    };
    tracing::warn!(error = %chain(error), "the database refused a value");
    ApiError::bad_request(told.to_owned())
}

/// The name of a request that was given to a different one before, and where the client gave it.
fn reused(message: &str, sentence: String) -> Option<FieldError> {
    let name = message.strip_suffix("\" was used for a different request")?;
    let (place, name) = match name.strip_prefix("idempotency key \"") {
        Some(key) => (["header", "Idempotency-Key"], key),
        None => (["body", "batch_id"], name.strip_prefix("batch_id \"")?),
    };
    let place = place.map(|part| json!(part)).to_vec();
    Some(FieldError::new(
        "idempotency_mismatch",
        place,
        sentence,
        json!(name),
    ))
}

/// The field of a series that a DETAIL names, and the place of the series in a list, counted from 0.
fn refused_field(detail: Option<&str>) -> Option<(&'static str, usize)> {
    let told = detail?.strip_prefix("Field ")?.strip_suffix('.')?;
    let (name, place) = match told.strip_suffix(", counted from 1") {
        Some(told) => told.split_once(" of series ")?,
        None => (told, "1"),
    };
    let fields = ["name", "labels", "unit"];
    let name = fields.into_iter().find(|field| *field == name)?;
    Some((name, place.parse::<usize>().ok()?.checked_sub(1)?))
}

/// What the error of `authenticate` means: almost always a 401.
pub(crate) fn refused_key(error: &Error, with_key: bool) -> ApiError {
    match error.as_db_error().map(|answer| answer.code().code()) {
        // A text the database can't even read (wrong encoding) is not a key either.
        Some("22021" | "28000") => ApiError::unauthenticated(with_key),
        // No key could be found: a role has lost its name.
        Some("55000") => not_as_made(error),
        _ => fault(error),
    }
}

/// What it means that a transaction did not begin as `timedb_user`: that is the operator's to mend, and
/// everybody is refused until then.
pub(crate) fn not_begun(error: &Error) -> ApiError {
    match error.as_db_error().map(|answer| answer.code().code()) {
        // The role is gone or not the server's to be, or the extension, a function or the schema is gone.
        Some("22023" | "42501" | "42704" | "42883" | "3F000") => not_as_made(error),
        _ => fault(error),
    }
}

fn not_as_made(error: &Error) -> ApiError {
    tracing::error!(error = %chain(error), "the database is not as the extension made it");
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
        Some(code) if code == "42501" || trouble(code) == Trouble::Operators => {
            ApiError::operators(UNREACHABLE)
        }
        _ => ApiError::unavailable(UNREACHABLE),
    }
}

const PASSING: &str = "The database can't serve this now; please try again.";
const OPERATORS: &str =
    "The database can't serve this until its operator has mended it; please try again later.";

/// What is behind an error that no client can have caused.
#[derive(Debug, PartialEq, Eq)]
enum Trouble {
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
fn trouble(code: &str) -> Trouble {
    match (code, &code[..2]) {
        ("57014", _) => Trouble::TimedOut,
        ("25006", _) => Trouble::ReadOnly,
        // Connections, transactions in each other's way, locks, a server that starts or stops.
        (
            "25P03" | "25P04" | "40001" | "40P01" | "55006" | "55P03" | "57P01" | "57P02" | "57P03"
            | "57P05" | "72000",
            _,
        )
        | (_, "08") => Trouble::Passing,
        // 28 and 3D the server's own login; 53 disk, memory and connections; 54 transaction ids that run out; 58
        // files; F0 the configuration; 55000 a database that is closed; 57P04 one that was dropped.
        ("55000" | "57P04", _) | (_, "28" | "3D" | "53" | "54" | "58" | "F0") => Trouble::Operators,
        _ => Trouble::Defect,
    }
}

/// An error that no client can have caused: logged here, once, and told without its text.
pub(crate) fn fault(error: &Error) -> ApiError {
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
        return ApiError::internal_quiet();
    };
    let code = answer.code().code();
    let message = answer.message();
    match trouble(code) {
        Trouble::TimedOut => {
            tracing::warn!(code, "a statement ran into its time limit");
            ApiError::timed_out()
        }
        Trouble::ReadOnly => {
            tracing::warn!(code, message, "the database is read-only");
            ApiError::unavailable("The database is read-only at the moment.")
        }
        Trouble::Passing => {
            tracing::warn!(code, message, "the database can't serve now");
            ApiError::unavailable(PASSING)
        }
        Trouble::Operators => {
            tracing::error!(
                code,
                message,
                hint = answer.hint(),
                "the database needs its operator"
            );
            let error = ApiError::operators(OPERATORS);
            match code {
                // Memory, and limits of the configuration such as temp_file_limit.
                "53200" | "53400" => error.of_this_request(),
                _ => error,
            }
        }
        Trouble::Defect => {
            tracing::error!(
                code,
                message,
                detail = answer.detail(),
                place = answer.where_(),
                "a statement failed"
            );
            ApiError::internal_quiet()
        }
    }
}

/// The database's message, and its hint when there is one.
fn sentence(answer: &DbError) -> String {
    match answer.hint() {
        Some(hint) => format!("{} ({hint})", answer.message()),
        None => answer.message().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_has_its_trouble() {
        for (code, expected) in [
            ("53100", Trouble::Operators),
            ("53200", Trouble::Operators),
            ("53300", Trouble::Operators),
            ("53400", Trouble::Operators),
            ("54000", Trouble::Operators),
            ("55000", Trouble::Operators),
            ("57P04", Trouble::Operators),
            ("58000", Trouble::Operators),
            ("58030", Trouble::Operators),
            ("58P01", Trouble::Operators),
            ("F0000", Trouble::Operators),
            ("08006", Trouble::Passing),
            ("40001", Trouble::Passing),
            ("40P01", Trouble::Passing),
            ("55006", Trouble::Passing),
            ("55P03", Trouble::Passing),
            ("57P01", Trouble::Passing),
            ("57P03", Trouble::Passing),
            ("25006", Trouble::ReadOnly),
            ("57014", Trouble::TimedOut),
            ("0A000", Trouble::Defect),
            ("42601", Trouble::Defect),
            ("P0001", Trouble::Defect),
            ("XX000", Trouble::Defect),
            ("XX001", Trouble::Defect),
            ("XX002", Trouble::Defect),
        ] {
            assert_eq!(trouble(code), expected, "{code}");
        }
    }

    #[test]
    fn a_refused_field_is_found_in_the_detail() {
        for (detail, found) in [
            (Some("Field name."), Some(("name", 0))),
            (
                Some("Field unit of series 3, counted from 1."),
                Some(("unit", 2)),
            ),
            (
                Some("Field labels of series 1, counted from 1."),
                Some(("labels", 0)),
            ),
            (Some("Field colour."), None),
            (Some("Field name of series 0, counted from 1."), None),
            (Some("Series \"name\" is involved."), None),
            (None, None),
        ] {
            assert_eq!(refused_field(detail), found, "{detail:?}");
        }
    }

    #[test]
    fn a_name_used_twice_is_found_in_the_message() {
        let place = |message: &str| {
            reused(message, "told".to_owned()).map(|error| (json!(error.loc), error.input))
        };
        assert_eq!(
            place(r#"idempotency key "a "b"" was used for a different request"#),
            Some((json!(["header", "Idempotency-Key"]), json!(r#"a "b""#)))
        );
        assert_eq!(
            place(r#"batch_id "x" was used for a different request"#),
            Some((json!(["body", "batch_id"]), json!("x")))
        );
        for other in [
            "",
            "something else",
            r#"batch "x" was used for a different request"#,
            r#"" was used for a different request"#,
        ] {
            assert_eq!(place(other), None, "{other}");
        }
    }
}
