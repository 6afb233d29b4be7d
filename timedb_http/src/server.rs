//! The HTTP server: formats in, columns to the database, and back. It holds no rule about tenants or time; those live
//! in the extension, reached by one pipelined transaction a request. Each room uses only those below it:
//!
//! - `listen`, `router`, `layers`, `openapi`, `routes`: from a socket to a route, and what routes take and answer
//! - `guard`, `body`, `answer`: what every route goes through
//! - `state`, `db`, `limits`, `usage`, `waiting`, `share`, `sqlstate`: what requests share
//! - `refusal`, `head`, `metrics`, `record`, `peer`, `error`, `config` and the small ones: values and texts

mod answer;
mod body;
pub mod config;
pub mod db;
pub(crate) mod duration;
mod error;
mod guard;
mod head;
pub mod instant;
pub(crate) mod json;
mod key;
mod layers;
mod limits;
pub mod listen;
#[cfg(test)]
mod measure;
mod metrics;
mod openapi;
pub mod peer;
mod record;
mod refusal;
mod router;
mod routes;
mod share;
mod sqlstate;
mod state;
mod usage;
mod waiting;
