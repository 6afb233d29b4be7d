//! What the library uses of PostgreSQL: errors, statements, values, locks, limits. Knows nothing about tenants' keys,
//! series or points.

pub mod durability;
pub mod error;
pub mod json;
pub mod locks;
pub mod options;
pub mod random;
pub mod role;
pub mod snapshot;
pub mod spi;
pub mod time;
pub mod tuplestore;
