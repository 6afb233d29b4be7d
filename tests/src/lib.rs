//! The harness of the behaviour tests: a fresh database per test, the personas, the real server, the
//! real binary and real clients. It knows timedb only through SQL, HTTP and the command line.
//!
//! `make test` starts the private cluster and sets the variables that `config` reads.

pub mod catalog;
mod cluster;
mod command;
mod config;
mod db;
mod http;
pub mod programs;
pub mod proxy;
pub mod random;
mod recorder;
pub mod rows;
mod schema;
mod sql;
mod standby;
pub mod times;
pub mod wire;

pub use cluster::{ThrowawayCluster, as_server, crashes_in, fail_for};
pub use command::{Output, Run, cli, pg_tool, psql, python, signal};
pub use config::Config;
pub use db::{Db, Role, Tenant};
pub use http::{Reply, Server};
pub use recorder::{Recorded, Recorder};
pub use schema::{FOR_TENANTS, qualified, schema_problems};
pub use sql::{
    FORCE_PARALLEL, authenticate, compact, compact_sometimes, connect, count, login, refusal, run,
    tenant_of, until_somebody_waits, upload,
};
pub use standby::Standby;

/// A key of the right form that is in no store: the one that docs/security.md shows.
pub const UNKNOWN_KEY: &str = "tdb_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf1Yo7hP";
