//! What PostgreSQL calls, by the subjects of `sql/functions/`: arguments in, `Result` out, nothing else.
//!
//! The declarations, owners and grants are in `sql/`; the symbol of `f` is `f_wrapper`. Instants arrive as
//! PostgreSQL's microseconds (`timestamptz` is an `i64`).

mod arguments;
mod auth;
mod buckets;
mod changes;
mod corrections;
mod install;
mod keys;
mod packed;
mod read;
mod request;
mod rows;
pub mod scan;
mod series;
mod store;
mod upload;

/// Points of a chunk that becomes SQL rows: few enough to stay within work_mem.
const SQL_CHUNK_POINTS: usize = 4_096;
