//! The HTTP server: formats in, columns to the database, and back. It holds no rule about tenants or time; those live
//! in the extension, reached by one pipelined transaction a request.

mod body;
pub mod config;
pub mod cors;
pub mod db;
mod duration;
mod error;
mod guard;
mod headers;
pub mod instant;
mod json;
pub mod listen;
mod router;
mod routes;
mod rows;
pub mod serve_error;
mod share;
mod sqlstate;
mod telemetry;
