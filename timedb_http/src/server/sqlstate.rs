//! The one table from the database's SQLSTATEs to HTTP. A client's mistake keeps timedb's sentence; what
//! PostgreSQL says goes to the log, and the client gets a sentence of ours, or learns only that it happened.

mod fault;

use serde_json::json;
use tokio_postgres::{Error, error::DbError};

pub(crate) use fault::{chain, not_connected};
use fault::{fault, not_as_made};

use crate::server::error::{ApiError, FieldError, RefusedField};

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
