//! Where a reader of changes is, and the text for it: a cursor. It records only the position, and is valid for its
//! tenant only.

use crate::error::{Error, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use std::cmp::Ordering;

const VERSION: u8 = 1;
const CHECK_BYTES: usize = 8;
/// As much of a malformed cursor as an error repeats, in characters.
const LONGEST_ECHO: usize = 100;

/// What a reader has already had. The order is that of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Unix microseconds.
    pub change_time: i64,
    /// How far among the changes of that change_time.
    pub place: Reached,
}

/// Where among the changes of one change_time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// Behind one point of a write.
    Point {
        /// The write.
        batch_id: [u8; 16],
        /// The series of the point.
        series: [u8; 16],
        /// Unix microseconds.
        valid_time: i64,
        /// [`NO_END`](timedb_segment::NO_END) for a point without.
        valid_time_end: i64,
    },
    /// Behind a write.
    Batch {
        /// The write.
        batch_id: [u8; 16],
    },
    /// Behind all of them.
    Instant,
}

impl Position {
    /// Before everything.
    pub const BEGINNING: Self = Self::behind_instant(i64::MIN);

    /// Behind everything that was written up to a change_time.
    pub const fn behind_instant(change_time: i64) -> Self {
        Self {
            change_time,
            place: Reached::Instant,
        }
    }

    /// Behind a write.
    pub const fn behind_batch(change_time: i64, batch_id: [u8; 16]) -> Self {
        Self {
            change_time,
            place: Reached::Batch { batch_id },
        }
    }

    /// The write that it is after or within, and after which of its points, if any.
    fn order(&self) -> impl Ord + use<> {
        let (batch, point) = match self.place {
            Reached::Point {
                batch_id,
                series,
                valid_time,
                valid_time_end,
            } => (Some(batch_id), Some((series, valid_time, valid_time_end))),
            Reached::Batch { batch_id } => (Some(batch_id), None),
            Reached::Instant => (None, None),
        };
        // The whole of something comes after each part of it.
        let (all_writes, all_points) = (batch.is_none(), point.is_none());
        (self.change_time, all_writes, batch, all_points, point)
    }

    /// The cursor of this position for a tenant.
    pub fn cursor(&self, tenant: &[u8; 16]) -> String {
        let mut bytes = Vec::with_capacity(1 + 56 + CHECK_BYTES);
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.change_time.to_be_bytes());
        match &self.place {
            Reached::Instant => {}
            Reached::Batch { batch_id } => bytes.extend_from_slice(batch_id),
            Reached::Point {
                batch_id,
                series,
                valid_time,
                valid_time_end,
            } => {
                bytes.extend_from_slice(batch_id);
                bytes.extend_from_slice(series);
                bytes.extend_from_slice(&valid_time.to_be_bytes());
                bytes.extend_from_slice(&valid_time_end.to_be_bytes());
            }
        }
        let check = check(tenant, &bytes);
        bytes.extend_from_slice(&check);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The position of a cursor that was made for this tenant.
    ///
    /// # Errors
    /// 22023 for anything else.
    pub fn parse(cursor: &str, tenant: &[u8; 16]) -> Result<Self> {
        decode(cursor, tenant).ok_or_else(|| {
            let mut echo: String = cursor.chars().take(LONGEST_ECHO).collect();
            if echo.len() < cursor.len() {
                echo.push_str("...");
            }
            Error::invalid(format!("invalid cursor \"{echo}\"")).hint(
                "Use one exactly as timedb.read_changes() or timedb.changes_cursor() returned it to this tenant.",
            )
        })
    }
}

impl Ord for Position {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}

impl PartialOrd for Position {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn decode(cursor: &str, tenant: &[u8; 16]) -> Option<Position> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (said, found) = bytes.split_last_chunk::<CHECK_BYTES>()?;
    if check(tenant, said) != *found {
        return None;
    }
    let (version, rest) = said.split_first()?;
    let (change_time, rest) = take_i64(rest)?;
    let place = match rest.split_first_chunk::<16>() {
        None => rest.is_empty().then_some(Reached::Instant)?,
        Some((batch_id, [])) => Reached::Batch {
            batch_id: *batch_id,
        },
        Some((batch_id, rest)) => {
            let (series, rest) = rest.split_first_chunk::<16>()?;
            let (valid_time, rest) = take_i64(rest)?;
            let (valid_time_end, rest) = take_i64(rest)?;
            rest.is_empty().then_some(Reached::Point {
                batch_id: *batch_id,
                series: *series,
                valid_time,
                valid_time_end,
            })?
        }
    };
    (*version == VERSION).then_some(Position { change_time, place })
}

fn take_i64(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<8>()?;
    Some((i64::from_be_bytes(*number), rest))
}

/// Tells a cursor of the tenant from anything else. It protects nothing: who makes one up gets the tenant's
/// own changes from there on.
fn check(tenant: &[u8; 16], said: &[u8]) -> [u8; CHECK_BYTES] {
    let digest: [u8; 32] = Sha256::new()
        .chain_update(b"timedb changes")
        .chain_update(tenant)
        .chain_update(said)
        .finalize()
        .into();
    let mut check = [0; CHECK_BYTES];
    check.copy_from_slice(&digest[..CHECK_BYTES]);
    check
}
