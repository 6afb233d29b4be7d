//! The one table from the database's SQLSTATEs to HTTP. For a client's mistake the answer has timedb's sentence; what
//! PostgreSQL says goes to the log, and the client gets a sentence of ours, or learns only that it happened.

mod fault;
mod meaning;

use serde_json::json;
use timedb_wire::refused::RequestName;
use tokio_postgres::{Error, error::DbError};

pub(crate) use fault::{chain, not_connected};
use fault::{fault, not_as_made};

use crate::server::error::{ApiError, FieldError, RefusedField};
use meaning::{Meaning, Signs};

/// What the error of a statement means to the client.
pub(crate) fn to_api(error: &Error, with_key: bool) -> ApiError {
    let Some(answer) = error.as_db_error() else {
        return fault(error);
    };
    let sentence = || sentence(answer);
    match Signs::of(answer).meaning() {
        Meaning::NoKey => ApiError::unauthenticated(with_key),
        Meaning::Status(status) => ApiError::new(status, sentence()),
        Meaning::UnderWay => ApiError::under_way(sentence()),
        Meaning::Mismatch(name) => vec![mismatch(name, sentence())].into(),
        Meaning::RefusedField(field, series) => ApiError::refused_field(RefusedField {
            name: field.name(),
            series,
            sentence: sentence(),
        }),
        Meaning::NotAsMade => not_as_made(error),
        Meaning::Fault => fault(error),
        Meaning::OfPostgres => of_postgres(error, answer.code().code()),
    }
}

/// Whether a session says that it has asked something else than what the proof of a key answers.
pub(crate) fn is_of_another_challenge(error: &Error) -> bool {
    error
        .as_db_error()
        .is_some_and(|answer| Signs::of(answer).is_of_another_challenge())
}

/// What PostgreSQL's own error means to the client, in a sentence for the client; its own goes to the log.
fn of_postgres(error: &Error, code: &str) -> ApiError {
    let told = match (code, &code[..2]) {
        ("54001", _) => "The request is nested too deeply.",
        ("22021" | "22P05" | "22P02" | "22P03", _) => {
            "A text in the request contains something that cannot be stored, such as \\u0000 or half a surrogate pair."
        }
        ("22003" | "22008", _) => "A number or a time in the request is out of range.",
        (_, "22") => "A value in the request is not valid.",
        ("23505", _) => {
            tracing::warn!(error = %chain(error), "two requests wrote the same thing at once");
            return ApiError::under_way(
                "Another request wrote the same thing at the same time; please try again."
                    .to_owned(),
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

/// The name of a request that was given to a different one before, where the client gave it.
fn mismatch(name: RequestName, sentence: String) -> FieldError {
    let (place, name) = match name {
        RequestName::IdempotencyKey(key) => (["header", "Idempotency-Key"], key),
        RequestName::BatchId(id) => (["body", "batch_id"], id),
    };
    FieldError::new("idempotency_mismatch", place, sentence, json!(name))
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

/// What it means that a transaction did not begin as `timedb_user`: that is for the operator to fix,
/// and everybody is refused until then.
pub(crate) fn not_begun(error: &Error) -> ApiError {
    match error.as_db_error().map(|answer| answer.code().code()) {
        // The role is gone or not the server's to be, or the extension, a function or the schema is gone.
        Some("22023" | "42501" | "42704" | "42883" | "3F000") => not_as_made(error),
        _ => fault(error),
    }
}

/// The database's message, with the point that it is about or its hint, when there is one.
fn sentence(answer: &DbError) -> String {
    let point = answer.detail().filter(|told| told.starts_with("Point "));
    match point.or(answer.hint()) {
        Some(more) => format!("{} ({more})", answer.message()),
        None => answer.message().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_used_twice_is_shown_where_it_was_given() {
        let place = |name| {
            let error = mismatch(name, "told".to_owned());
            (json!(error.loc), error.input)
        };
        assert_eq!(
            place(RequestName::IdempotencyKey(r#"a "b""#.to_owned())),
            (json!(["header", "Idempotency-Key"]), json!(r#"a "b""#))
        );
        assert_eq!(
            place(RequestName::BatchId("x".to_owned())),
            (json!(["body", "batch_id"]), json!("x"))
        );
    }
}
