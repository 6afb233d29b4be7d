//! Sets PostgreSQL's variables on behalf of the library.

use crate::pg::error::{Error, Result};
use pgrx::pg_sys;
use std::ffi::{CStr, CString};

/// How long a value holds.
#[derive(Clone, Copy)]
pub enum Span {
    /// Until the transaction, or the savepoint it happens in, ends.
    Transaction,
    /// Until the session ends, or `DISCARD ALL`.
    Session,
    /// Until [`during`] ends.
    Call,
}

/// Runs `f`, and then gives back what it set for [`Span::Call`]. Where `f` raises an error, PostgreSQL gives it back.
///
/// # Errors
/// Whatever `f` returns.
pub fn during<T>(f: impl FnOnce() -> Result<T>) -> Result<T> {
    // SAFETY: in a transaction, as everything that SQL calls; the level that is left is the one that was entered.
    unsafe {
        let level = pg_sys::NewGUCNestLevel();
        let result = f();
        pg_sys::AtEOXact_GUC(true, level);
        result
    }
}

/// Sets a variable of PostgreSQL with a superuser's right, whoever the caller is.
///
/// # Errors
/// XX000 when PostgreSQL does not take the value; it raises its own errors.
pub fn set_option(name: &CStr, value: &str, span: Span) -> Result<()> {
    let refused = || Error::internal(format!("could not set {}", name.to_string_lossy()));
    let value = CString::new(value).map_err(|_| refused())?;
    let action = match span {
        Span::Transaction => pg_sys::GucAction::GUC_ACTION_LOCAL,
        Span::Session => pg_sys::GucAction::GUC_ACTION_SET,
        Span::Call => pg_sys::GucAction::GUC_ACTION_SAVE,
    };
    // SAFETY: both texts end in NUL and PostgreSQL copies them.
    let outcome = unsafe {
        pg_sys::set_config_option(
            name.as_ptr(),
            value.as_ptr(),
            pg_sys::GucContext::PGC_SUSET,
            pg_sys::GucSource::PGC_S_SESSION,
            action,
            true,
            0,
            false,
        )
    };
    if outcome > 0 { Ok(()) } else { Err(refused()) }
}

/// What PostgreSQL itself logs of parameters.
pub const OWN_LOG: [(&CStr, &str); 2] = [
    (c"log_parameter_max_length", "0"),
    (c"log_parameter_max_length_on_error", "0"),
];

/// What prints parameters, or constants of plans, elsewhere.
pub const OTHER_LOGS: [(&CStr, &str); 6] = [
    (c"debug_print_parse", "off"),
    (c"debug_print_rewritten", "off"),
    (c"debug_print_plan", "off"),
    (c"pgaudit.log_parameter", "off"),
    (c"auto_explain.log_verbose", "off"),
    (c"auto_explain.log_parameter_max_length", "0"),
];

/// Keeps the parameters of statements out of these logs for `span`. A variable may belong to a library
/// that is not there, or to a later PostgreSQL.
///
/// # Errors
/// As [`set_option`].
pub fn hide(
    logs: impl IntoIterator<Item = (&'static CStr, &'static str)>,
    span: Span,
) -> Result<()> {
    for (name, value) in logs {
        // SAFETY: the name ends in NUL; the text that comes back is looked at before anything else is asked.
        let is_so = unsafe {
            let now = pg_sys::GetConfigOption(name.as_ptr(), true, false);
            now.is_null() || CStr::from_ptr(now).to_bytes() == value.as_bytes()
        };
        if !is_so {
            set_option(name, value, span)?;
        }
    }
    Ok(())
}
