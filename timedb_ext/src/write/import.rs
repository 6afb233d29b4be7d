//! Importing a tenant that another store has exported: what it wrote is stored as it was written there, with the same
//! change times, straight into segments and chunks. Only into a store that has nothing of the tenant, in one
//! transaction: a lock says that it has begun.

use crate::identity::writer::writable_tenant;
use crate::pg::error::{Error, Result, SqlState, uuid_text};
use crate::pg::locks;
use crate::pg::spi::{Arg, Row, statements};
use crate::pg::time;
use crate::series::restore;
use crate::store::presence;
use crate::write::chunks;
use crate::write::segments::{SegmentWriter, push_split};
use std::rc::Rc;
use timedb_segment::{Batch, BatchKind, Points, batch_id};

const WHAT: &str = "timedb import";

statements! {
    HAS_ANYTHING() -> (BOOL) =
        c"SELECT EXISTS (SELECT FROM timedb.series) OR EXISTS (SELECT FROM timedb_internal.write_log) \
              OR EXISTS (SELECT FROM timedb_internal.batch_chunks) OR EXISTS (SELECT FROM timedb_internal.segments) \
              OR EXISTS (SELECT FROM timedb.requests) OR EXISTS (SELECT FROM timedb.retention) \
              OR EXISTS (SELECT FROM timedb_internal.damaged_rows) OR EXISTS (SELECT FROM timedb_internal.series_lists)";
    KNOWN(UUIDS) -> (UUID) =
        c"SELECT i.series_id FROM unnest($1) AS i(series_id) \
          WHERE NOT EXISTS (SELECT FROM timedb.series AS s WHERE s.series_id = i.series_id) LIMIT 1";
    // PostgreSQL reads each of them when it is answered, so it has to be able to.
    CHECK_JSON(TEXTS) -> (INT8) = c"SELECT count(j.text::jsonb) FROM unnest($1) AS j(text)";
    NEWEST() -> (TIMESTAMP) = c"SELECT max_change FROM timedb_internal.batch_chunks ORDER BY max_change DESC LIMIT 1";
    NEWEST_POINT() -> (TIMESTAMP) = c"SELECT max(max_change) FROM timedb_internal.segments";
    INSERT_REQUESTS(UUID, TEXTS) =
        c"INSERT INTO timedb.requests \
              (tenant_id, batch_id, idempotency_key, request_hash, change_time, points, skipped, series_ids, answer) \
          SELECT $1, q.batch_id, q.idempotency_key, decode(q.request_hash, 'hex'), q.change_time, q.points, q.skipped, \
                 q.series_ids, q.answer \
          FROM unnest($2) AS l(line), \
               LATERAL json_to_record(l.line::json) \
                   AS q(batch_id uuid, idempotency_key text, request_hash text, change_time timestamptz, points bigint, \
                        skipped bigint, series_ids uuid[], answer jsonb)";
    BATCHES(TEXTS) -> (TIMESTAMP, TIMESTAMP, TEXT, UUID, UUID, TEXT, TIMESTAMP, TIMESTAMP, TIMESTAMP, INT8, INT8,
                       TIMESTAMP, TIMESTAMP, TEXT, UUIDS) =
        c"SELECT b.change_time, b.settled_time, b.kind, b.batch_id, b.user_id, b.workflow_id, b.batch_start_time, \
                 b.batch_finish_time, b.known_time, b.points, b.skipped, b.min_valid, b.max_valid, \
                 ((l.line::json) -> 'batch_params')::jsonb::text, b.series_ids \
          FROM unnest($1) WITH ORDINALITY AS l(line, place), \
               LATERAL json_to_record(l.line::json) \
                   AS b(change_time timestamptz, settled_time timestamptz, kind text, batch_id uuid, user_id uuid, \
                        workflow_id text, batch_start_time timestamptz, batch_finish_time timestamptz, \
                        known_time timestamptz, points bigint, skipped bigint, min_valid timestamptz, \
                        max_valid timestamptz, series_ids uuid[]) \
          ORDER BY l.place";
}

/// Begins the import of the tenant, if it has nothing. Call with SPI connected.
///
/// # Errors
/// As [`writable_tenant`] and [`presence::take`]; 55000 for a tenant that has something.
pub fn begin() -> Result<()> {
    let tenant = writable_tenant(WHAT)?;
    presence::take(&tenant, WHAT)?;
    if HAS_ANYTHING.row(true, &[], |row| row.bool(1))? != Some(false) {
        return Err(Error::new(
            SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("tenant \"{}\" has data in this store already", uuid_text(&tenant)),
        )
        .hint("A tenant is imported into a store that has nothing of it. timedb.delete_tenant() deletes what this one has."));
    }
    locks::begin_import(&tenant);
    Ok(())
}

/// Makes sure that this transaction has begun the import of the tenant.
///
/// # Errors
/// 55000 where it has not.
pub fn check(tenant: &[u8; 16]) -> Result<()> {
    match locks::import_has_begun(tenant) {
        true => Ok(()),
        false => Err(Error::new(
            SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!(
                "this transaction imports no tenant \"{}\"",
                uuid_text(tenant)
            ),
        )
        .hint("The command timedb import reads an export and stores it.")),
    }
}

/// Stores records of a kind: series, requests or batches; or ends the import. Call with SPI connected.
///
/// # Errors
/// As [`writable_tenant`] and [`check`]; 22023 for what cannot be; what PostgreSQL says of what it cannot read or store.
pub fn records(kind: &str, records: &[&str]) -> Result<()> {
    let tenant = writable_tenant(WHAT)?;
    check(&tenant)?;
    match kind {
        "series" => restore(&tenant, records),
        "request" => {
            let args = [Arg::uuid(&tenant), Arg::texts(records.iter().copied())];
            INSERT_REQUESTS.execute(&args).map(|_| ())
        }
        "batch" => batches(&tenant, records),
        "end" => end(),
        _ => Err(Error::invalid(format!(
            "an export has no records of kind \"{kind}\""
        ))),
    }
}

fn batches(tenant: &[u8; 16], records: &[&str]) -> Result<()> {
    let newest = NEWEST.row(true, &[], |row| row.instant(1))?;
    let args = [Arg::texts(records.iter().copied())];
    let batches = BATCHES.rows(true, &args, |row| {
        pgrx::check_for_interrupts!();
        batch(tenant, row)
    })?;
    let times = newest
        .into_iter()
        .chain(batches.iter().map(|batch| batch.change_time));
    if !times.is_sorted_by(|a, b| a < b) {
        return Err(Error::invalid("the batches do not ascend by change_time"));
    }
    chunks::insert(tenant, &batches)
}

fn batch(tenant: &[u8; 16], row: &Row) -> Result<Batch> {
    let missing = || Error::invalid("a batch lacks a field");
    let optional = |column, what| {
        let instant = row.optional_int8(column)?;
        instant.map(|t| time::stored_from_pg(t, what)).transpose()
    };
    let instant = |column, what| optional(column, what)?.ok_or_else(missing);
    let change_time = instant(1, "change_time")?;
    let mut batch = Batch {
        change_time,
        settled_time: instant(2, "settled_time")?,
        chosen_id: None,
        kind: BatchKind::Upload,
        user: None,
        workflow_id: None,
        batch_params: None,
        known_time: None,
        start_time: change_time,
        finish_time: None,
        points: 0,
        skipped: 0,
        valid: None,
        series: Rc::from([]),
    };
    batch.kind = match row.text(3)?.as_deref() {
        Some("upload") => BatchKind::Upload,
        Some("correction") => BatchKind::Correction,
        Some("deleted") => return Ok(batch.deleted()),
        _ => return Err(Error::invalid("a batch is of no known kind")),
    };
    let id = row.optional_uuid(4)?.ok_or_else(missing)?;
    batch.chosen_id = (id != batch_id(tenant, change_time)).then_some(id);
    batch.user = row.optional_uuid(5)?;
    batch.workflow_id = row.text(6)?;
    batch.start_time = instant(7, "batch_start_time")?;
    batch.finish_time = optional(8, "batch_finish_time")?;
    batch.known_time = optional(9, "known_time")?;
    let count = |column| {
        let count = row.optional_int8(column)?.ok_or_else(missing)?;
        u64::try_from(count).map_err(|_| Error::invalid("a batch has a negative number of points"))
    };
    (batch.points, batch.skipped) = (count(10)?, count(11)?);
    batch.valid = optional(12, "min_valid")?.zip(optional(13, "max_valid")?);
    batch.batch_params = row.text(14)?;
    batch.series = Rc::from(row.optional_uuids(15)?.ok_or_else(missing)?);
    Ok(batch)
}

/// Points of a series, as their chunk has them.
pub struct SeriesPoints {
    pub series: [u8; 16],
    pub points: Points,
}

/// Stores points, of each series in the order of a segment. Call with SPI connected.
///
/// # Errors
/// As [`writable_tenant`] and [`check`]; 42704 for a series that has not been imported; 22023 and 22008 for what cannot
/// be stored.
pub fn points(all: Vec<SeriesPoints>) -> Result<()> {
    let tenant = writable_tenant(WHAT)?;
    check(&tenant)?;
    let args = [Arg::uuids(all.iter().map(|one| &one.series))];
    if let Some(unknown) = KNOWN.row(true, &args, |row| row.uuid(1))? {
        return Err(Error::no_such_series(&unknown));
    }
    let mut writer = SegmentWriter::new(tenant);
    for SeriesPoints { series, points } in all {
        check_points(&points)
            .map_err(|error| error.at(format!("series {}", uuid_text(&series))))?;
        if !points.valid_time.is_empty() {
            push_split(&mut writer, series, &points)?;
        }
        pgrx::check_for_interrupts!();
    }
    writer.flush()
}

/// What a segment relies on, and who reads it.
fn check_points(points: &Points) -> Result<()> {
    let mut json: Vec<&str> = Vec::new();
    for i in 0..points.len() {
        let stamp = points.stamp(i);
        time::check(points.valid_time[i], "valid_time")?;
        time::check(stamp.known_time, "known_time")?;
        time::check(stamp.change_time, "change_time")?;
        let end = points.end(i);
        if end != timedb_segment::NO_END {
            time::check(end, "valid_time_end")?;
            if end <= points.valid_time[i] {
                return Err(Error::invalid("valid_time_end is not after valid_time"));
            }
        }
        if !points.value[i].is_finite() {
            return Err(Error::invalid("a value is not finite"));
        }
        let Some(note) = points.note(i) else {
            continue;
        };
        let texts = note
            .annotation
            .iter()
            .chain(&note.tags)
            .chain(&note.metadata);
        if texts.into_iter().any(|text| text.contains('\0')) {
            return Err(Error::invalid("a text contains a NUL character"));
        }
        if let Some(metadata) = note
            .metadata
            .as_deref()
            .filter(|one| json.last() != Some(one))
        {
            json.push(metadata);
        }
    }
    let ordered = |i: usize| {
        let of = |i| (points.valid_time[i], points.end(i), points.stamp(i));
        of(i - 1) < of(i)
    };
    if !(1..points.len()).all(ordered) {
        return Err(Error::invalid(
            "the versions are not in their order, or one occurs twice",
        ));
    }
    if json.iter().any(|json| !json.starts_with('{')) {
        return Err(Error::invalid("metadata is not an object"));
    }
    CHECK_JSON
        .execute(&[Arg::texts(json.into_iter())])
        .map(|_| ())
}

/// Checks that the clock of writes goes on after the newest point.
fn end() -> Result<()> {
    let newest = NEWEST.row(true, &[], |row| row.instant(1))?;
    let of_points = NEWEST_POINT.row(true, &[], |row| row.optional_int8(1))?;
    match of_points.flatten().map(time::from_pg) > newest {
        true => Err(Error::invalid(
            "there are points of a later change_time than any batch",
        )),
        false => Ok(()),
    }
}
