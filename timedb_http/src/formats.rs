//! The formats that rows travel in: what makes rows of the database's packed columns (`rows`), and what reads the rows
//! of an upload from a table (`table`), into columns on their way to the database (`columns`). Knows neither HTTP nor
//! where rows come from, so that the server and the command line can share it.

pub(crate) mod columns;
pub mod guarded;
pub(crate) mod line_protocol;
pub(crate) mod remote_write;
pub mod rows;
pub(crate) mod scalar;
pub(crate) mod table;
