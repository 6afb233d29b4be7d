//! Random bytes from PostgreSQL's own source.

use crate::pg::error::{Error, Result};
use pgrx::pg_sys;

/// Fills a buffer with random bytes fit for secrets.
///
/// # Errors
/// XX000 when the system has none.
pub fn fill(bytes: &mut [u8]) -> Result<()> {
    // SAFETY: writes as many bytes as the buffer has.
    if unsafe { pg_sys::pg_strong_random(bytes.as_mut_ptr().cast(), bytes.len()) } {
        Ok(())
    } else {
        Err(Error::internal("could not generate random bytes"))
    }
}
