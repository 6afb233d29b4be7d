//! What PostgreSQL calls, by the subjects of `sql/functions/`: arguments in, `Result` out, nothing else.
//!
//! The declarations, owners and grants are in `sql/`; the symbol of `f` is `f_wrapper`. Instants arrive as
//! PostgreSQL's microseconds (`timestamptz` is an `i64`).

/// Describes the calling convention of a function to PostgreSQL, which looks for the first of the names.
macro_rules! finfo {
    ($finfo:ident, $function:ident) => {
        #[doc = concat!("Of [`", stringify!($function), "`].")]
        #[unsafe(no_mangle)]
        pub extern "C" fn $finfo() -> &'static pgrx::pg_sys::Pg_finfo_record {
            const V1: pgrx::pg_sys::Pg_finfo_record =
                pgrx::pg_sys::Pg_finfo_record { api_version: 1 };
            &V1
        }
    };
}

mod arguments;
mod auth;
mod batches;
mod buckets;
mod changes;
mod compaction;
mod corrections;
mod damage;
mod deletion;
pub mod insert;
mod install;
mod keys;
mod moving;
mod named;
mod packed;
mod points;
mod read;
mod request;
mod retention;
mod rows;
pub mod scan;
mod series;
mod stats;
mod store;
mod upload;

/// Points of a chunk that becomes SQL rows: few enough to stay within work_mem.
const SQL_CHUNK_POINTS: usize = 4_096;
