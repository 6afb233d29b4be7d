//! The extension's one error type: a SQLSTATE, a message, and what to do about it.
//!
//! Pure code returns `Result`; the shims that PostgreSQL calls run their body in [`entry`], the only place
//! where an error becomes a PostgreSQL `ERROR`.

use pgrx::pg_sys::panic::{CaughtError, ErrorReport, ErrorReportWithLevel};
use pgrx::{PgLogLevel, PgSqlErrorCode, function_name};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

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

    /// Says which field of a series is refused, in the one form of DETAIL that the HTTP server reads.
    pub fn field(self, name: &str) -> Self {
        self.detail(format!("Field {name}."))
    }

    /// Says of which series of a list the field that is refused is.
    pub fn of_series(mut self, place: usize) -> Self {
        if let Some(field) = self
            .detail
            .as_deref()
            .and_then(|detail| detail.strip_suffix('.'))
            && field.starts_with("Field ")
        {
            self.detail = Some(format!("{field} of series {}, counted from 1.", place + 1));
        }
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

    /// XX000: an internal statement gave rows of other types than it declares. Somebody has changed the tables.
    pub fn other_columns() -> Self {
        Self::internal("an internal statement returned rows of other types than it declares")
            .hint("Tables of the schema timedb are not as the extension has made them.")
    }

    /// XX000: a function of the library is declared otherwise than this version of it has it.
    pub fn other_declaration() -> Self {
        Self::internal("a function of timedb is declared otherwise than its library has it")
            .hint("Run ALTER EXTENSION timedb UPDATE.")
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

/// Runs the body of a function that PostgreSQL calls: an `Err` becomes a PostgreSQL `ERROR`, and so does a
/// panic. What a panic says can hold whatever lay in memory, so that the client gets one fixed sentence, and
/// only the server's log the rest. Call it in the shims only, with nothing left to drop.
pub fn entry<T>(body: impl FnOnce() -> Result<T>) -> T {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(value)) => value,
        Ok(Err(error)) => error.raise(),
        Err(payload) => {
            if is_of_postgres(&*payload) {
                resume_unwind(payload);
            }
            log_panic(&*payload);
            Error::internal("timedb met an internal error")
                .hint("The server's log says more. Please report it.")
                .raise()
        }
    }
}

/// Runs the body of a callback, as [`entry`] runs that of a function.
pub fn shielded<T>(body: impl FnOnce() -> T) -> T {
    entry(|| Ok(body()))
}

/// Whether what unwinds is an error that PostgreSQL or [`Error::raise`] has raised, and not a panic.
fn is_of_postgres(payload: &(dyn Any + Send)) -> bool {
    payload
        .downcast_ref::<CaughtError>()
        .is_some_and(|caught| !matches!(caught, CaughtError::RustPanic { .. }))
        || payload.is::<ErrorReportWithLevel>()
        || payload.is::<ErrorReport>()
}

fn log_panic(payload: &(dyn Any + Send)) {
    let caught = payload
        .downcast_ref::<CaughtError>()
        .and_then(|caught| match caught {
            CaughtError::RustPanic { payload, .. } => Some(&**payload),
            _ => None,
        });
    let payload = caught.unwrap_or(payload);
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("of an unknown kind");
    ErrorReport::new(
        PgSqlErrorCode::ERRCODE_INTERNAL_ERROR,
        format!("timedb: panic: {text}"),
        function_name!(),
    )
    .report(PgLogLevel::LOG_SERVER_ONLY);
}

/// The text form of a UUID.
pub fn uuid_text(bytes: &[u8; 16]) -> String {
    uuid::Uuid::from_bytes(*bytes).to_string()
}
