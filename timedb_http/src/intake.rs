//! Request bodies: JSON straight into columns, packed for the extension. A fast reader takes what is right;
//! whatever it refuses is read again by a slow one, which accepts the same and says what is wrong and where.

mod change;
mod columns;
mod corrections;
mod declared;
mod fast;
mod fields;
mod scalar;
mod scan;
mod series;
mod slow;
mod unknown;
mod upload;

pub(crate) use change::read_change;
pub(crate) use corrections::{Refused, read_corrections};
pub(crate) use scalar::Problem;
pub(crate) use series::read_series;
pub(crate) use upload::{Upload, read_upload};

#[cfg(test)]
mod tests;
