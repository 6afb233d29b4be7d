//! All that a tenant has stored, page by page, as an export writes it: records as JSON, and every version of every point.
//! A page is found by what the one before it has reached. Who calls keeps one snapshot over all pages.
//!
//! Memory is bounded by a page, whatever a series or a write contains.

mod points;

pub use points::page as points;

use crate::pg::error::{Error, Result, uuid_text};
use crate::pg::spi::{Arg, Home, statements};
use crate::pg::time;
use crate::store::batches::BatchWalk;
use serde_json::Value;
use timedb_segment::Batch;

/// Records of a page, and the bytes after which it holds no more.
const RECORDS: usize = 1_000;
const BYTES: usize = 4 << 20;

statements! {
    SERIES(UUID) -> (UUID, TEXT) =
        c"SELECT r.series_id, row_to_json(r)::text \
          FROM (SELECT 'series' AS record, s.series_id, s.name, s.unit, s.description, s.labels, \
                       to_char(s.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"+00:00\"') AS created_at \
                FROM timedb.series AS s WHERE s.series_id > $1 ORDER BY s.series_id LIMIT 1000) AS r";
    // An id that a client has chosen may be the zero UUID.
    REQUESTS(UUID) -> (UUID, TEXT) =
        c"SELECT r.batch_id, row_to_json(r)::text \
          FROM (SELECT 'request' AS record, q.batch_id, q.idempotency_key, encode(q.request_hash, 'hex') AS request_hash, \
                       to_char(q.change_time AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"+00:00\"') AS change_time, \
                       q.points, q.skipped, q.series_ids, q.answer \
                FROM timedb.requests AS q WHERE q.batch_id > $1 OR $1 IS NULL ORDER BY q.batch_id LIMIT 1000) AS r";
    DAMAGED() -> (TEXT) = c"SELECT damage_id FROM timedb_internal.damaged_rows ORDER BY damage_id LIMIT 1000";
}

/// Records, and what they reach; `None` at the end.
#[derive(Default)]
pub struct RecordPage {
    pub records: Vec<String>,
    pub reached: Option<String>,
}

impl RecordPage {
    /// Adds a record unless the page is full. False: it has reached the one before.
    fn add(&mut self, bytes: &mut usize, record: impl FnOnce() -> String, place: &str) -> bool {
        if self.records.len() >= RECORDS || *bytes >= BYTES {
            return false;
        }
        let record = record();
        *bytes += record.len();
        self.records.push(record);
        self.reached = Some(place.to_owned());
        true
    }
}

/// Series after an id. Call with SPI connected.
///
/// # Errors
/// 22023 for what is no place; the statement's own errors are raised.
pub fn series(after: Option<&str>) -> Result<RecordPage> {
    let after = after.map(id).transpose()?.unwrap_or([0; 16]);
    by_id(SERIES.rows(true, &[Arg::uuid(&after)], |row| {
        Ok((row.uuid(1)?, row.text(2)?.unwrap_or_default()))
    })?)
}

/// Requests that can be sent again, after the id of a batch. Call with SPI connected.
///
/// # Errors
/// As [`series`].
pub fn requests(after: Option<&str>) -> Result<RecordPage> {
    let after = after.map(id).transpose()?;
    let args = [after.as_ref().map_or(Arg::NULL, Arg::uuid)];
    by_id(REQUESTS.rows(true, &args, |row| {
        Ok((row.uuid(1)?, row.text(2)?.unwrap_or_default()))
    })?)
}

/// What is missing: the names of rows that have been set aside as damaged. Call with SPI connected.
///
/// # Errors
/// The statement's own errors are raised.
pub fn damaged() -> Result<RecordPage> {
    Ok(RecordPage {
        records: DAMAGED.rows(true, &[], |row| Ok(row.text(1)?.unwrap_or_default()))?,
        reached: None,
    })
}

/// The page of these rows, of which there are no more if they are few.
fn by_id(rows: Vec<([u8; 16], String)>) -> Result<RecordPage> {
    let (mut page, mut bytes) = (RecordPage::default(), 0);
    let is_last = rows.len() < RECORDS;
    let count = rows.len();
    for (id, record) in rows {
        page.add(&mut bytes, || record, &uuid_text(&id));
    }
    if is_last && page.records.len() == count {
        page.reached = None;
    }
    Ok(page)
}

/// Batches after a change_time, those that have been deleted too: no later write gets their change_time. Call with SPI
/// connected.
///
/// # Errors
/// 22023 for what is no place, XX001 for damaged batches; the statement's own errors are raised.
pub fn batches(tenant: [u8; 16], after: Option<&str>) -> Result<RecordPage> {
    let first = match after {
        Some(after) => number(after)?.saturating_add(1),
        None => i64::MIN,
    };
    let (mut page, mut bytes) = (RecordPage::default(), 0);
    let mut walk = BatchWalk::open(tenant, first, i64::MAX, Home::here())?;
    while let Some(batch) = walk.next()? {
        let place = batch.change_time.to_string();
        if !page.add(&mut bytes, || record(&tenant, &batch), &place) {
            return Ok(page);
        }
    }
    page.reached = None;
    Ok(page)
}

/// A batch as JSON.
fn record(tenant: &[u8; 16], batch: &Batch) -> String {
    let instant = |t: i64| format!("\"{}\"", time::iso(t, true));
    let optional = |t: Option<i64>| t.map_or_else(|| "null".to_owned(), instant);
    let times = format!(
        "\"change_time\":{},\"settled_time\":{}",
        instant(batch.change_time),
        instant(batch.settled_time)
    );
    if batch.is_deleted() {
        return format!("{{\"record\":\"batch\",\"kind\":\"deleted\",{times}}}");
    }
    let text = |text: &Option<String>| Value::from(text.as_deref()).to_string();
    let id = |id: &[u8; 16]| format!("\"{}\"", uuid_text(id));
    let series: Vec<String> = batch.series.iter().map(id).collect();
    format!(
        "{{\"record\":\"batch\",\"kind\":\"{}\",{times},\"batch_id\":{},\"user_id\":{},\"workflow_id\":{},\
         \"batch_start_time\":{},\"batch_finish_time\":{},\"known_time\":{},\"points\":{},\"skipped\":{},\
         \"min_valid\":{},\"max_valid\":{},\"series_ids\":[{}]{}}}",
        batch.kind.name(),
        id(&batch.id(tenant)),
        batch.user.as_ref().map_or_else(|| "null".to_owned(), id),
        text(&batch.workflow_id),
        instant(batch.start_time),
        optional(batch.finish_time),
        optional(batch.known_time),
        batch.points,
        batch.skipped,
        optional(batch.valid.map(|(least, _)| least)),
        optional(batch.valid.map(|(_, greatest)| greatest)),
        series.join(","),
        // A JSON null is something else than none.
        batch
            .batch_params
            .as_deref()
            .map_or_else(String::new, |params| format!(",\"batch_params\":{params}")),
    )
}

fn id(text: &str) -> Result<[u8; 16]> {
    match uuid::Uuid::try_parse(text) {
        Ok(id) => Ok(id.into_bytes()),
        Err(_) => Err(no_place(text)),
    }
}

fn number(text: &str) -> Result<i64> {
    text.parse().map_err(|_| no_place(text))
}

fn no_place(text: &str) -> Error {
    Error::invalid(format!("\"{text}\" is no place in an export"))
        .hint("Pass what the page before has reached.")
}
