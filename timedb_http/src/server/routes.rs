//! One module per route: its plan, which says what a request asks for or what is wrong with it, and its answer, which
//! turns that into one statement and its result into a format.

pub(crate) mod changes;
pub(crate) mod corrections;
pub(crate) mod health;
pub(crate) mod influx;
mod pages;
pub(crate) mod points;
pub(crate) mod query;
pub(crate) mod remote_write;
pub(crate) mod root;
mod samples;
pub(crate) mod series;
pub(crate) mod upload;
pub(crate) mod values;
