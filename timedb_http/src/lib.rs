//! timedb's HTTP server, used by the binary `timedb` and nobody else. The command line (`main.rs`, `cli/`) belongs to
//! the binary: it calls this library, and the server knows nothing about it.

#![forbid(unsafe_code)]
// Futures of a request are nested deeply: layers around the guard around a transaction.
#![recursion_limit = "256"]

mod formats;
mod server;

pub use formats::{guarded::guarded, rows};
pub use server::{
    config::{CorsOrigin, NoOrigin, Pooler, ServerConfig},
    db,
    db::check::{DatabaseStatus, ServeError, check_database},
    instant,
    listen::{
        MetricsListener, Transport,
        certificates::{CertificateFault, CertificateFiles, Certificates},
        serve,
        socket::Listener,
    },
    peer::{NoProxy, TrustedProxy},
};
