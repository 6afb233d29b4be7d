//! The database: a bounded pool of connections and, for each request, one transaction in one pipelined round trip. Row
//! security, tenants and time are up to the extension; this only speaks to it.

mod cancel;
pub mod check;
mod connect;
mod database;
mod key_use;
mod lease;
mod login;
mod params;
pub mod store;
mod tls;
mod transaction;
mod upkeep;
mod writes;

pub use cancel::cancel;
pub use connect::{PIN, connect};
pub(crate) use database::Database;
pub use params::PgInstant;
pub use tls::{DatabaseTls, DatabaseTlsFault, secure};
pub(crate) use transaction::{Access, StreamFault, Writing};
