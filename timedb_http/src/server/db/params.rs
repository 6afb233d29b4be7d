//! Parameter types that the client library lacks: instants as microseconds since 1970.

use std::error::Error;

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

/// Microseconds from 1970-01-01 to 2000-01-01, PostgreSQL's own epoch.
const POSTGRES_EPOCH_MICROS: i64 = 946_684_800_000_000;

/// An instant in microseconds since 1970-01-01T00:00:00Z, sent and received as `timestamptz`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PgInstant(pub i64);

impl ToSql for PgInstant {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let micros = self
            .0
            .checked_sub(POSTGRES_EPOCH_MICROS)
            .ok_or("instant out of range")?;
        out.put_i64(micros);
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::TIMESTAMPTZ
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for PgInstant {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let micros = i64::from_be_bytes(raw.try_into()?);
        let micros = micros
            .checked_add(POSTGRES_EPOCH_MICROS)
            .ok_or("instant out of range")?;
        Ok(Self(micros))
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::TIMESTAMPTZ
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_year_2000_is_postgres_zero() {
        let mut out = BytesMut::new();
        PgInstant(POSTGRES_EPOCH_MICROS)
            .to_sql(&Type::TIMESTAMPTZ, &mut out)
            .unwrap();
        assert_eq!(&out[..], &[0; 8]);
        let back = PgInstant::from_sql(&Type::TIMESTAMPTZ, &out).unwrap();
        assert_eq!(back, PgInstant(POSTGRES_EPOCH_MICROS));
    }
}
