//! Request bodies: how they arrive, and JSON parsed directly into columns, packed for the extension. A fast reader
//! takes what is valid; whatever it refuses is read again by a slow one, which accepts the same and says what is wrong
//! and where.

mod columns;
mod corrections;
mod declared;
mod fast;
mod fields;
mod kept;
mod new_series;
mod pieces;
mod receive;
mod scalar;
mod series_change;
mod slow;
mod unknown;
mod upload;

pub(crate) use corrections::read_corrections;
pub(crate) use new_series::{NewSeries, read_new_series};
pub(crate) use receive::{Received, leave_unread, receive};
pub(crate) use scalar::Problem;
pub(crate) use series_change::{SeriesChange, read_series_change};
pub(crate) use upload::{Upload, read_upload};

#[cfg(test)]
mod tests;
