//! What rows of all reads have in common.

use crate::pg::json::jsonb_datum;
use crate::pg::spi::Arg;
use crate::series::SeriesInfo;
use pgrx::pg_sys::Datum;

/// series_id, name, unit and labels.
pub fn series_columns(series: &SeriesInfo) -> [Option<Datum>; 4] {
    [
        Arg::uuid(&series.id).datum(),
        Arg::text(&series.name).datum(),
        Arg::text(&series.unit).datum(),
        jsonb_datum(&series.labels),
    ]
}
