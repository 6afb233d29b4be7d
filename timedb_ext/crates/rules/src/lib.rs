//! timedb's rules, without PostgreSQL: which names, labels and texts are valid, how instants are written, where a
//! reader of changes is, what a correction says and which version it means. Knows no tables and no statements.
#![forbid(unsafe_code)]

pub mod corrections;
mod damage;
mod error;
pub mod labels;
pub mod limits;
mod page;
pub mod points;
mod position;
pub mod text;
pub mod time;
pub mod upload;

pub use damage::DamagedRow;
pub use error::{Error, Result, SqlState, uuid_text};
pub use page::PagePlace;
pub use position::{Position, Reached, ReachedPoint};

#[cfg(test)]
mod tests;
