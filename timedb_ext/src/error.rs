//! The extension's one error type: a SQLSTATE, a message, and what to do about it.
//!
//! Pure code returns `Result`; the `#[pg_extern]` shims call [`or_raise`], the only place where
//! an error becomes a PostgreSQL `ERROR`.

use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{PgLogLevel, PgSqlErrorCode, function_name};

/// What went wrong, in PostgreSQL's own terms.
#[derive(Debug)]
pub struct Error {
    code: PgSqlErrorCode,
    message: String,
    detail: Option<String>,
    hint: Option<String>,
}

/// The result of everything that can fail in the extension.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error with SQLSTATE `code` and a message in PostgreSQL's style (lower case, no period).
    pub fn new(code: PgSqlErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            detail: None,
            hint: None,
        }
    }

    /// Adds the DETAIL line: a full sentence with the facts.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds the HINT line: a full sentence that says what to do.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says at the head of the message what it is about, such as a place in an argument.
    pub fn at(mut self, place: impl std::fmt::Display) -> Self {
        self.message = format!("{place}: {}", self.message);
        self
    }

    /// 22023: an argument that no call could use.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE, message)
    }

    /// 2202E: arrays whose lengths do not fit together.
    pub fn array(message: impl Into<String>) -> Self {
        Self::new(PgSqlErrorCode::ERRCODE_ARRAY_ELEMENT_ERROR, message)
    }

    /// 22008: an instant that cannot be stored.
    pub fn time(message: impl Into<String>) -> Self {
        Self::new(PgSqlErrorCode::ERRCODE_DATETIME_FIELD_OVERFLOW, message)
    }

    /// 42704: a series that does not exist, or belongs to somebody else: the same answer.
    pub fn no_such_series(series_id: &[u8; 16]) -> Self {
        Self::new(
            PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT,
            format!("series \"{}\" does not exist", uuid_text(series_id)),
        )
    }

    /// XX000: a state that the code excludes.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(PgSqlErrorCode::ERRCODE_INTERNAL_ERROR, message)
    }

    fn raise(self) -> ! {
        let mut report = ErrorReport::new(self.code, self.message, function_name!());
        if let Some(detail) = self.detail {
            report = report.set_detail(detail);
        }
        if let Some(hint) = self.hint {
            report = report.set_hint(hint);
        }
        report.report(PgLogLevel::ERROR);
        unreachable!("reporting at level ERROR does not return")
    }
}

/// Turns an `Err` into a PostgreSQL `ERROR`; call it in the shims only, with nothing left to drop.
pub fn or_raise<T>(result: Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => error.raise(),
    }
}

/// The text form of a UUID.
pub fn uuid_text(bytes: &[u8; 16]) -> String {
    uuid::Uuid::from_bytes(*bytes).to_string()
}
