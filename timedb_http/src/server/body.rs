//! Request bodies: JSON straight into columns, packed for the extension. A fast reader takes what is right;
//! whatever it refuses is read again by a slow one, which accepts the same and says what is wrong and where.

mod change;
mod columns;
mod corrections;
mod declared;
mod fast;
mod fields;
mod pieces;
mod receive;
mod scalar;
mod series;
mod slow;
mod unknown;
mod upload;

pub(crate) use change::read_change;
pub(crate) use corrections::{Refused, read_corrections};
pub(crate) use receive::{IDEMPOTENCY_KEY, Received, idempotency_key, key_and_body, read_body};
pub(crate) use scalar::Problem;
pub(crate) use series::read_series;
pub(crate) use upload::{Upload, read_upload};

#[cfg(test)]
mod tests;
