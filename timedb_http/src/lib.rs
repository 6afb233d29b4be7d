//! timedb's HTTP server, as the binary `timedb` and nobody else uses it. The command line (`main.rs`, `cli/`) is the
//! binary's own: it calls what stands here, and the server knows nothing of it.

#![forbid(unsafe_code)]

mod server;

pub use server::{
    config::{CorsOrigin, NoOrigin, ServerConfig},
    db,
    db::check::{DatabaseStatus, ServeError, check_database},
    instant,
    listen::serve,
};
