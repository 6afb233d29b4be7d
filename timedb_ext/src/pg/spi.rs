//! Statements that are prepared once per backend, with plain datums in and checked rows out.
//!
//! pgrx's own SPI converts row by row; here arrays go in and columns come out. Row-level security binds as in any
//! other statement: the role is that of the calling definer function. Nothing here has a name that SQL could use: no
//! cursor, no prepared statement.

mod args;
mod query;
mod row;
mod statement;

pub use args::Arg;
pub use query::{Home, Query, define};
pub use row::{Row, has_columns};
pub(crate) use statement::statements;
pub use statement::{Statement, types};

use crate::pg::error::{Error, Result};
use pgrx::pg_sys;
use pgrx::spi::Spi;
use std::cell::Cell;
use std::ffi::CStr;

thread_local! {
    // How many of this library's connections to SPI are open, one in another.
    static CONNECTIONS: Cell<u32> = const { Cell::new(0) };
}

/// Counts as one while it exists, even if an error unwinds.
struct Connection;

impl Drop for Connection {
    fn drop(&mut self) {
        CONNECTIONS.set(CONNECTIONS.get().saturating_sub(1));
    }
}

/// Runs `f` with SPI connected.
pub fn connected<T>(f: impl FnOnce() -> Result<T>) -> Result<T> {
    Spi::connect(|_| {
        CONNECTIONS.set(CONNECTIONS.get() + 1);
        let _connection = Connection;
        f()
    })
}

/// Checks that SPI is connected: PostgreSQL itself would access memory that does not exist.
///
/// # Errors
/// XX000 otherwise.
fn check_connected() -> Result<()> {
    match CONNECTIONS.get() {
        0 => Err(Error::internal(
            "an internal statement has no connection to SPI",
        )),
        _ => Ok(()),
    }
}

/// A new memory context of the usual sizes.
///
/// # Safety
/// The parent is a live one, with which the new one ends at the latest.
pub unsafe fn memory_context(
    parent: pg_sys::MemoryContext,
    name: &'static CStr,
) -> pg_sys::MemoryContext {
    // SAFETY: the caller's promise; the name lives for ever.
    unsafe {
        pg_sys::AllocSetContextCreateExtended(
            parent,
            name.as_ptr(),
            pg_sys::ALLOCSET_DEFAULT_MINSIZE as usize,
            pg_sys::ALLOCSET_DEFAULT_INITSIZE as usize,
            pg_sys::ALLOCSET_DEFAULT_MAXSIZE as usize,
        )
    }
}
