//! timedb inside PostgreSQL: module magic, the rooms, and what happens when the library is loaded.
//!
//! Each room uses only those below it: sql, write, read, series, identity, pg.

use pgrx::prelude::*;

mod identity;
mod pg;
mod read;
mod series;
mod sql;
mod store;
mod write;

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
    identity::settings::define();
    identity::bound::define();
    sql::scan::define();
    sql::insert::statements::define();
    pg::spi::define();
    identity::settings::reserve_prefix();
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
