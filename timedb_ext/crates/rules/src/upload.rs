//! Uploads as they are taken in: their series, their columns, and what tells one from another.

mod columns;
mod fingerprint;
mod series;

pub use columns::UploadColumns;
pub use fingerprint::{AboutBatch, fingerprint};
pub use series::{NamedSeries, SeriesList, SeriesRef};
