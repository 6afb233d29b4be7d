//! Request bodies: how they arrive, and JSON parsed directly into columns, packed for the extension. A fast reader
//! takes what is valid; whatever it refuses is read again by a slow one, which accepts the same and says what is wrong
//! and where.

mod corrections;
mod fast;
mod fields;
mod influx;
mod lines;
mod pieces;
mod points;
mod receive;
mod remote_write;
mod samples;
mod series;
mod slow;
mod table;
mod unknown;
mod upload;

pub(crate) use crate::formats::{columns::SeriesFields, scalar::Problem};
pub(crate) use corrections::read_corrections;
pub(crate) use influx::{LinePrecision, read_influx_lines};
pub(crate) use points::{PointsAsked, read_points};
pub(crate) use receive::{Received, leave_unread, receive};
pub(crate) use remote_write::read_remote_write;
pub(crate) use samples::{SampleUpload, Samples};
pub(crate) use series::{ANSWERED_OF_SERIES, read_new_series, read_series_change};
pub(crate) use table::{BodyFormat, read_rows};
pub(crate) use unknown::{NOT_PERMITTED, nearest};
pub(crate) use upload::{AboutUpload, Upload, read_upload};

/// Which fields each body may have, by the name of its schema in OpenAPI.
#[cfg(test)]
pub(crate) fn known_fields() -> [(&'static str, Vec<&'static str>); 7] {
    let of_series = series::FIELDS.to_vec();
    [
        ("Upload", upload::FIELDS.to_vec()),
        ("UploadRow", slow::OF_ROW.to_vec()),
        ("NewSeries", of_series.clone()),
        ("SeriesFields", of_series.clone()),
        (
            "SeriesChange",
            [of_series, ANSWERED_OF_SERIES.to_vec()].concat(),
        ),
        ("Update", timedb_wire::json::UPDATE_FIELDS.to_vec()),
        ("Points", points::FIELDS.to_vec()),
    ]
}

#[cfg(test)]
mod tests;
