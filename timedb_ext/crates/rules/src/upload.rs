//! Uploads as they are read: their series, their columns, and what distinguishes one from another.

mod columns;
mod fingerprint;
mod series;

pub use columns::UploadColumns;
pub use fingerprint::{AboutBatch, fingerprint};
pub use series::{NamedSeries, SeriesList, SeriesRef};
