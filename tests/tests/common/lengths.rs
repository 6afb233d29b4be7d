//! Lengths of time and times of day as microseconds, sent and read as `interval` and `time`.

use std::error::Error;

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked};

const DAY: i64 = 86_400_000_000;

/// An `interval` without months; a day has 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length(pub i64);

impl<'a> FromSql<'a> for Length {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let micros = i64::from_be_bytes(raw[..8].try_into()?);
        let days = i32::from_be_bytes(raw[8..12].try_into()?);
        if raw[12..] != [0; 4] {
            return Err("an interval with months".into());
        }
        Ok(Self(i64::from(days) * DAY + micros))
    }

    accepts!(INTERVAL);
}

impl ToSql for Length {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_i64(self.0 % DAY);
        out.put_i32(i32::try_from(self.0 / DAY)?);
        out.put_i32(0);
        Ok(IsNull::No)
    }

    accepts!(INTERVAL);
    to_sql_checked!();
}

/// A `time`, in microseconds since midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeOfDay(pub i64);

impl ToSql for TimeOfDay {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_i64(self.0);
        Ok(IsNull::No)
    }

    accepts!(TIME);
    to_sql_checked!();
}
