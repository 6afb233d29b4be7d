//! The database: a bounded pool of connections and, for each request, one transaction in one round trip. Row security, tenants and time are up to the extension; this only speaks to it.

mod cancel;
pub mod check;
mod connect;
mod database;
mod lease;
mod login;
mod params;
mod prepared;
mod query;
mod requests;
pub mod store;
mod tls;
mod transaction;
mod upkeep;
mod writes;

pub use cancel::cancel;
pub use connect::{PIN, connect};
pub(crate) use database::Database;
pub use params::PgInstant;
pub(crate) use query::{Access, Parameter, SqlQuery};
pub(crate) use requests::{StreamFault, Writing};
pub use tls::{DatabaseTls, DatabaseTlsFault, secure};
