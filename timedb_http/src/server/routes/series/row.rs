//! A series as a JSON object.

use tokio_postgres::Row;
use uuid::Uuid;

use crate::server::{db::PgInstant, instant::Formatter, json};

/// Where the row of a series has its creation.
pub(super) const CREATED_AT: usize = 5;

/// The members of a series, from a row that begins with id, name, unit, description, labels and creation.
pub(super) fn write_series(row: &Row, formatter: &mut Formatter, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\"series_id\":");
    json::write_str(&row.get::<_, Uuid>(0).to_string(), out);
    out.extend_from_slice(b",\"name\":");
    json::write_str(row.get(1), out);
    out.extend_from_slice(b",\"unit\":");
    json::write_str(row.get(2), out);
    out.extend_from_slice(b",\"description\":");
    match row.get::<_, Option<&str>>(3) {
        Some(text) => json::write_str(text, out),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"labels\":");
    json::write_compact(row.get(4), out);
    out.extend_from_slice(b",\"created_at\":");
    write_instant(row.get(CREATED_AT), formatter, out);
}

/// An instant, or null.
pub(super) fn write_instant(
    instant: Option<PgInstant>,
    formatter: &mut Formatter,
    out: &mut Vec<u8>,
) {
    let Some(PgInstant(micros)) = instant else {
        out.extend_from_slice(b"null");
        return;
    };
    out.push(b'"');
    formatter.write(micros, out);
    out.push(b'"');
}
