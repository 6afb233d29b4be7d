//! timedb's HTTP server, used by the binary `timedb` and nobody else. The command line (`main.rs`, `cli/`) belongs to
//! the binary: it calls this library, and the server knows nothing about it.

#![forbid(unsafe_code)]

mod server;

pub use server::{
    config::{CorsOrigin, NoOrigin, ServerConfig},
    db,
    db::check::{DatabaseStatus, ServeError, check_database},
    instant,
    listen::serve,
};
