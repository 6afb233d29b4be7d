//! timedb inside PostgreSQL: module magic, the modules, what happens when the library is loaded.

use pgrx::prelude::*;

mod auth;
mod columns;
mod error;
mod functions;
mod install;
mod key;
mod labels;
mod pack;
mod read;
mod rows;
mod scan;
mod series;
mod settings;
mod spi;
mod time;
mod upload;

pgrx::pg_module_magic!(name, version);

/// Called by PostgreSQL when it loads the library, in the postmaster or in a session.
#[pg_guard]
pub extern "C-unwind" fn _PG_init() {
    // A Rust backtrace must not get into an error's DETAIL, where a client would read it.
    for name in ["RUST_BACKTRACE", "RUST_LIB_BACKTRACE"] {
        // SAFETY: a PostgreSQL process has one thread.
        unsafe { std::env::remove_var(name) };
    }
    settings::define();
    scan::define();
}

/// SQL `timedb.version()`.
#[pg_extern(sql = false)]
fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
