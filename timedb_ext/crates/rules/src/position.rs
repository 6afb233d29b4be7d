//! Where a reader of changes is, and the text for it: a cursor. It records only the position, and is valid for its
//! tenant only.

use crate::error::{Error, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

const VERSION: u8 = 1;
/// Tells its cursors from those of others.
const KIND: &[u8] = b"timedb changes";
pub(crate) const CHECK_BYTES: usize = 8;
/// As much of a malformed cursor as an error repeats, in characters.
const LONGEST_ECHO: usize = 100;

/// What a reader has already had. The order is that of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Unix microseconds.
    pub change_time: i64,
    /// How far among the changes of that change_time.
    pub place: Reached,
}

/// How far among the changes of one change_time. The order is that of the variants, here and in [`ReachedPoint`]: the
/// whole of something comes after each part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reached {
    /// Within or behind the write with this id.
    Batch([u8; 16], ReachedPoint),
    /// Behind all of them.
    Instant,
}

/// How far among the points of one write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReachedPoint {
    /// Behind this one: its series, valid_time and valid_time_end, which is [`NO_END`](timedb_segment::NO_END) for a point
    /// without.
    Point([u8; 16], i64, i64),
    /// Behind all of them.
    Last,
}

impl Position {
    /// Before everything.
    pub const BEGINNING: Self = Self::behind_instant(i64::MIN);

    /// Behind everything that was written up to a change_time.
    pub const fn behind_instant(change_time: i64) -> Self {
        let place = Reached::Instant;
        Self { change_time, place }
    }

    /// Behind a write.
    pub const fn behind_batch(change_time: i64, batch_id: [u8; 16]) -> Self {
        let place = Reached::Batch(batch_id, ReachedPoint::Last);
        Self { change_time, place }
    }

    /// The cursor of this position for a tenant.
    pub fn cursor(&self, tenant: &[u8; 16]) -> String {
        let mut bytes = Vec::with_capacity(1 + 56 + CHECK_BYTES);
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.change_time.to_be_bytes());
        if let Reached::Batch(batch_id, point) = &self.place {
            bytes.extend_from_slice(batch_id);
            if let ReachedPoint::Point(series, valid_time, valid_time_end) = point {
                bytes.extend_from_slice(series);
                bytes.extend_from_slice(&valid_time.to_be_bytes());
                bytes.extend_from_slice(&valid_time_end.to_be_bytes());
            }
        }
        let check = check(KIND, tenant, &bytes);
        bytes.extend_from_slice(&check);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The position of a cursor that was made for this tenant.
    ///
    /// # Errors
    /// 22023 for anything else.
    pub fn parse(cursor: &str, tenant: &[u8; 16]) -> Result<Self> {
        decode(cursor, tenant).ok_or_else(|| {
            invalid(cursor).hint("Use one exactly as it was returned to this tenant.")
        })
    }
}

/// The error for what is no cursor of its kind and tenant.
pub(crate) fn invalid(cursor: &str) -> Error {
    let mut echo: String = cursor.chars().take(LONGEST_ECHO).collect();
    if echo.len() < cursor.len() {
        echo.push_str("...");
    }
    Error::invalid(format!("invalid cursor \"{echo}\""))
}

fn decode(cursor: &str, tenant: &[u8; 16]) -> Option<Position> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (said, found) = bytes.split_last_chunk::<CHECK_BYTES>()?;
    let (version, mut rest) = said.split_first()?;
    if check(KIND, tenant, said) != *found || *version != VERSION {
        return None;
    }
    let change_time = i64::from_be_bytes(take(&mut rest)?);
    let mut place = Reached::Instant;
    if !rest.is_empty() {
        let batch_id = take(&mut rest)?;
        let mut point = ReachedPoint::Last;
        if !rest.is_empty() {
            let (series, time, end) = (take(&mut rest)?, take(&mut rest)?, take(&mut rest)?);
            let [time, end] = [time, end].map(i64::from_be_bytes);
            point = ReachedPoint::Point(series, time, end);
        }
        place = Reached::Batch(batch_id, point);
    }
    rest.is_empty().then_some(Position { change_time, place })
}

pub(crate) fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

/// Tells a cursor of the tenant from anything else. It protects nothing: who makes one up gets the tenant's
/// own data from there on.
pub(crate) fn check(kind: &[u8], tenant: &[u8; 16], said: &[u8]) -> [u8; CHECK_BYTES] {
    let digest = Sha256::new()
        .chain_update(kind)
        .chain_update(tenant)
        .chain_update(said)
        .finalize();
    std::array::from_fn(|i| digest[i])
}
