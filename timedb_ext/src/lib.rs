//! timedb inside PostgreSQL: module magic, the modules, what happens when the library is loaded.

use pgrx::prelude::*;

mod auth;
mod batches;
mod changes;
mod columns;
mod corrections;
mod durability;
mod error;
mod functions;
mod install;
mod json;
mod key_use;
mod labels;
mod limits;
mod locks;
mod nobody;
mod pack;
mod read;
mod rows;
mod scan;
mod segments;
mod series;
mod series_functions;
mod settings;
mod spi;
mod text;
mod time;
mod tuplestore;
mod units;
mod upload;
mod writer;

pgrx::pg_module_magic!(name, version);

/// Called by PostgreSQL when it loads the library, in the postmaster or in a session.
#[pg_guard]
pub extern "C-unwind" fn _PG_init() {
    // A Rust backtrace must not get into an error's DETAIL, where a client would read it.
    for name in ["RUST_BACKTRACE", "RUST_LIB_BACKTRACE"] {
        // SAFETY: a PostgreSQL process has one thread.
        unsafe { std::env::remove_var(name) };
    }
    keep_freed_memory();
    timedb_segment::at_pauses(look_for_interrupts);
    settings::define();
    scan::define();
    spi::define();
}

/// Ends what is going on, if somebody has cancelled it or its time is up.
fn look_for_interrupts() {
    pgrx::check_for_interrupts!();
}

/// Keeps a few megabytes of freed memory in the process. By default glibc gives back whatever is free
/// at the top of the heap beyond 128 kB, and a read that decodes one segment after the other then
/// spends more on page faults than on decoding.
fn keep_freed_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: sets two limits of the allocator.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 4 << 20);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 16 << 20);
    }
}

/// Panics. Not declared in SQL: the tests do that, as superuser, to see what a client learns of a panic.
#[pg_extern(sql = false)]
fn panic_at(index: i32) -> i32 {
    let none: &[i32] = &[];
    error::entry(|| Ok(none[index as usize]))
}

/// SQL `timedb.version()`.
#[pg_extern(sql = false)]
fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
