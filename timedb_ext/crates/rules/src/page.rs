//! Where a reader of pages is, and the text for it: a cursor. It records only the place, and is valid for its tenant only.

use crate::error::Result;
use crate::position::{CHECK_BYTES, check, invalid, take};
use crate::time::{MAX_TIME, MIN_TIME};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

const VERSION: u8 = 1;
const KIND: &[u8] = b"timedb page";

/// The last row that a reader has had, of rows by series and valid time, and what they are all read as of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PagePlace {
    /// Unix microseconds, as all times here.
    pub as_of_change: i64,
    /// The series of the row.
    pub series: [u8; 16],
    /// The valid time of the row.
    pub valid_time: i64,
    /// Rows of the series at this valid time that the reader has had.
    pub rows: u64,
}

impl PagePlace {
    /// The cursor of this place for a tenant.
    pub fn cursor(&self, tenant: &[u8; 16]) -> String {
        let mut bytes = Vec::with_capacity(1 + 40 + CHECK_BYTES);
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.as_of_change.to_be_bytes());
        bytes.extend_from_slice(&self.series);
        bytes.extend_from_slice(&self.valid_time.to_be_bytes());
        bytes.extend_from_slice(&self.rows.to_be_bytes());
        let check = check(KIND, tenant, &bytes);
        bytes.extend_from_slice(&check);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The place of a cursor that was made for this tenant.
    ///
    /// # Errors
    /// 22023 for anything else.
    pub fn parse(cursor: &str, tenant: &[u8; 16]) -> Result<Self> {
        decode(cursor, tenant).ok_or_else(|| {
            invalid(cursor)
                .hint("Use one exactly as a page of the same read returned it to this tenant.")
        })
    }
}

fn decode(cursor: &str, tenant: &[u8; 16]) -> Option<PagePlace> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (said, found) = bytes.split_last_chunk::<CHECK_BYTES>()?;
    let (version, mut rest) = said.split_first()?;
    if check(KIND, tenant, said) != *found || *version != VERSION {
        return None;
    }
    let place = PagePlace {
        as_of_change: i64::from_be_bytes(take(&mut rest)?),
        series: take(&mut rest)?,
        valid_time: i64::from_be_bytes(take(&mut rest)?),
        rows: u64::from_be_bytes(take(&mut rest)?),
    };
    let is_stored = |time| (MIN_TIME..=MAX_TIME).contains(&time);
    (rest.is_empty() && is_stored(place.as_of_change) && is_stored(place.valid_time))
        .then_some(place)
}
