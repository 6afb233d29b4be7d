//! Keeps the parameters of statements out of logs.

use crate::pg::error::Result;
use crate::pg::options::{self, Span};
use std::ffi::CStr;

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

/// Keeps parameters out of these logs until the transaction ends.
pub fn hide(logs: impl IntoIterator<Item = (&'static CStr, &'static str)>) -> Result<()> {
    logs.into_iter()
        .try_for_each(|(name, value)| options::set_known_option(name, value, Span::Transaction))
}
