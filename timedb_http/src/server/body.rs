//! Request bodies: how they arrive, and JSON parsed directly into columns, packed for the extension. A fast reader
//! takes what is valid; whatever it refuses is read again by a slow one, which accepts the same and says what is wrong
//! and where.

mod corrections;
mod fast;
mod fields;
mod influx;
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
pub(crate) use series::{read_new_series, read_series_change};
pub(crate) use table::{BodyFormat, read_rows};
pub(crate) use upload::{AboutUpload, Upload, read_upload};

#[cfg(test)]
mod tests;
