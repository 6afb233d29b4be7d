//! Random bytes from PostgreSQL's own source.

use crate::pg::error::{Error, Result};
use pgrx::pg_sys;

/// Random bytes fit for secrets.
///
/// # Errors
/// XX000 when the system has none.
pub fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    // SAFETY: writes as many bytes as the array has.
    match unsafe { pg_sys::pg_strong_random(bytes.as_mut_ptr().cast(), N) } {
        true => Ok(bytes),
        false => Err(Error::internal("could not generate random bytes")),
    }
}
