//! What happens around every request and answer, whichever route it is.

pub(super) mod cors;
pub(super) mod headers;
pub(super) mod telemetry;
