//! Points in the forms they go over the wire in, made before the clock starts: array parameters,
//! COPY as text and as binary, JSON.

use std::error::Error;
use std::fmt::Write;

use bytes::{BufMut, Bytes, BytesMut};
use jiff::Timestamp;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

use crate::data::{Data, START, plain_series_id, series_name};

/// Microseconds from 1970 to 2000, PostgreSQL's epoch.
const PG_EPOCH: i64 = 946_684_800_000_000;

/// An instant in microseconds since 1970, as a `timestamptz`.
#[derive(Clone, Copy, Debug)]
pub struct Instant(pub i64);

impl ToSql for Instant {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_i64(self.0 - PG_EPOCH);
        Ok(IsNull::No)
    }

    fn accepts(of: &Type) -> bool {
        *of == Type::TIMESTAMPTZ
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Instant {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(pg_to_unix(i64::from_be_bytes(raw.try_into()?))))
    }

    fn accepts(of: &Type) -> bool {
        *of == Type::TIMESTAMPTZ
    }
}

/// PostgreSQL's microseconds since 2000 as microseconds since 1970.
pub fn pg_to_unix(micros: i64) -> i64 {
    micros + PG_EPOCH
}

/// An array parameter that is bytes already, as the other side's COPY is.
#[derive(Debug)]
pub struct Array {
    element: Type,
    bytes: Bytes,
}

impl Array {
    fn new<const N: usize>(element: Type, items: impl ExactSizeIterator<Item = [u8; N]>) -> Self {
        let mut bytes = BytesMut::with_capacity(20 + items.len() * (4 + N));
        // Dimensions, whether there are nulls, the elements' type, their number, the first index.
        for word in [1, 0, element.oid(), items.len() as u32, 1] {
            bytes.put_u32(word);
        }
        for item in items {
            bytes.put_u32(N as u32);
            bytes.put_slice(&item);
        }
        Self {
            element,
            bytes: bytes.freeze(),
        }
    }

    /// The valid times.
    pub fn valid_times(data: &Data) -> Self {
        let times: Vec<i64> = data.points().map(|point| point.valid_time).collect();
        let times = times.iter().map(|time| (time - PG_EPOCH).to_be_bytes());
        Self::new(Type::TIMESTAMPTZ, times)
    }

    /// The values.
    pub fn values(data: &Data) -> Self {
        let values = data.values.iter().map(|value| value.to_be_bytes());
        Self::new(Type::FLOAT8, values)
    }

    /// The position of each point's series, from 1.
    pub fn series_index(data: &Data) -> Self {
        let index = (0..data.len()).map(|i| (i / data.hours + 1) as i32);
        Self::new(Type::INT4, index.map(i32::to_be_bytes))
    }

    /// The id of each point's series in the plain table.
    pub fn plain_series_ids(data: &Data) -> Self {
        let ids = (0..data.len()).map(|i| plain_series_id(data.series(i)).into_bytes());
        Self::new(Type::UUID, ids)
    }
}

impl ToSql for Array {
    fn to_sql(
        &self,
        of: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        if !matches!(of.kind(), tokio_postgres::types::Kind::Array(element) if *element == self.element)
        {
            return Err(format!("an array of {} given for {of}", self.element).into());
        }
        out.put_slice(&self.bytes);
        Ok(IsNull::No)
    }

    fn accepts(of: &Type) -> bool {
        matches!(of.kind(), tokio_postgres::types::Kind::Array(_))
    }

    to_sql_checked!();
}

/// The columns of the plain table that are the same for all points of one load.
#[derive(Clone, Copy)]
pub struct Load {
    /// The tenant.
    pub tenant_id: Uuid,
    /// The load.
    pub batch_id: Uuid,
    /// Known and change time, microseconds since 1970.
    pub known: i64,
}

/// Rows for `COPY ... FROM STDIN`.
pub fn copy_text(data: &Data, load: &Load) -> Bytes {
    let mut text = String::with_capacity(data.len() * 180);
    let known = iso(load.known);
    let times = times(data);
    for (i, value) in data.values.iter().enumerate() {
        let series = plain_series_id(data.series(i));
        let valid = &times[i % data.hours];
        let (tenant, batch) = (load.tenant_id, load.batch_id);
        let row = writeln!(
            text,
            "{tenant}\t{series}\t{valid}\t{known}\t{known}\t{batch}\t{value}"
        );
        row.expect("a string takes everything");
    }
    text.into()
}

/// Rows for `COPY ... FROM STDIN (FORMAT binary)`.
pub fn copy_binary(data: &Data, load: &Load) -> Bytes {
    let mut bytes = BytesMut::with_capacity(data.len() * 120);
    bytes.put_slice(b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0");
    let known = (load.known - PG_EPOCH).to_be_bytes();
    for point in data.points() {
        bytes.put_i16(7);
        let series = plain_series_id(point.series);
        let fields: [&[u8]; 7] = [
            load.tenant_id.as_bytes(),
            series.as_bytes(),
            &(point.valid_time - PG_EPOCH).to_be_bytes(),
            &known,
            &known,
            load.batch_id.as_bytes(),
            &point.value.to_be_bytes(),
        ];
        for field in fields {
            bytes.put_u32(field.len() as u32);
            bytes.put_slice(field);
        }
    }
    bytes.put_i16(-1);
    bytes.freeze()
}

/// The body of `POST /upload`.
pub fn upload_json(data: &Data) -> Bytes {
    let mut text = format!("{{\"batch_start_time\":\"{}\",\"value_rows\":[", iso(START));
    let times = times(data);
    for (i, value) in data.values.iter().enumerate() {
        let comma = if i == 0 { "" } else { "," };
        let (key, valid) = (series_name(data.series(i)), &times[i % data.hours]);
        let row = write!(
            text,
            "{comma}{{\"valid_time\":\"{valid}\",\"value_key\":\"{key}\",\"value\":{value}}}"
        );
        row.expect("a string takes everything");
    }
    text.push_str("]}");
    text.into()
}

/// An instant as JSON, URLs and COPY have it: `2025-01-01T00:00:00Z`.
pub fn iso(micros: i64) -> String {
    Timestamp::from_microsecond(micros).map_or_else(|error| error.to_string(), |t| t.to_string())
}

fn times(data: &Data) -> Vec<String> {
    let first = data.points().take(data.hours);
    first.map(|point| iso(point.valid_time)).collect()
}
