//! The rows of timedb_internal.damaged_rows, and how rows of other tables get there and back.

use crate::pg::error::{Error, Result, SqlState, uuid_text};
use crate::pg::spi::{Arg, statements};
use crate::read::verify::Damage;
use std::ffi::CStr;
use timedb_rules::DamagedRow;

const fn text(sql: &'static str) -> &'static CStr {
    match CStr::from_bytes_with_nul(sql.as_bytes()) {
        Ok(sql) => sql,
        Err(_) => panic!("the text of a statement ends with its only NUL"),
    }
}

/// Moves the row of a table that has this key.
macro_rules! keep {
    ($table:literal, $key:literal) => {
        text(concat!(
            "WITH gone AS (DELETE FROM ",
            $table,
            " AS t WHERE ",
            $key,
            " RETURNING to_jsonb(t) AS original) \
             INSERT INTO timedb_internal.damaged_rows (tenant_id, damage_id, kind, set_aside_at, points, problem, original) \
             SELECT $1, $2, $3, clock_timestamp(), $4, $5, g.original FROM gone AS g\0"
        ))
    };
}

/// Inserts a row as it was kept, mended, and returns its key.
macro_rules! insert {
    ($table:literal, $key:literal) => {
        text(concat!(
            "INSERT INTO ",
            $table,
            " SELECT r.* FROM timedb_internal.damaged_rows AS d, \
                   jsonb_populate_record(NULL::",
            $table,
            ", d.original || jsonb_strip_nulls($2::jsonb) || jsonb_build_object('tenant_id', d.tenant_id)) AS r \
             WHERE d.damage_id = $1 \
             ON CONFLICT DO NOTHING RETURNING ",
            $key,
            "\0"
        ))
    };
}

statements! {
    KEEP_SEGMENT(UUID, TEXT, TEXT, INT8, TEXT, UUID, INT4, TIMESTAMP, INT8) =
        keep!("timedb_internal.segments", "t.series_id = $6 AND t.span_class = $7 AND t.min_valid = $8 AND t.segment_id = $9");
    KEEP_LOG(UUID, TEXT, TEXT, INT8, TEXT, TIMESTAMP) = keep!("timedb_internal.write_log", "t.change_time = $6");
    KEEP_CHUNK(UUID, TEXT, TEXT, INT8, TEXT, TIMESTAMP) = keep!("timedb_internal.batch_chunks", "t.max_change = $6");
    KEEP_LIST(UUID, TEXT, TEXT, INT8, TEXT, UUID) = keep!("timedb_internal.series_lists", "t.list_id = $6");
    KEEP_REQUEST(UUID, TEXT, TEXT, INT8, TEXT, UUID) = keep!("timedb.requests", "t.batch_id = $6");
    INSERT_SEGMENT(TEXT, TEXT) -> (UUID, INT4, TIMESTAMP, INT8) =
        insert!("timedb_internal.segments", "series_id, span_class::integer, min_valid, segment_id");
    INSERT_LOG(TEXT, TEXT) -> (TIMESTAMP) = insert!("timedb_internal.write_log", "change_time");
    INSERT_CHUNK(TEXT, TEXT) -> (TIMESTAMP) = insert!("timedb_internal.batch_chunks", "max_change");
    INSERT_LIST(TEXT, TEXT) -> (UUID) = insert!("timedb_internal.series_lists", "list_id");
    INSERT_REQUEST(TEXT, TEXT) -> (UUID) = insert!("timedb.requests", "batch_id");
    IS_TAKEN(TEXT) -> (INT4) = c"SELECT 1 FROM timedb_internal.damaged_rows WHERE damage_id = $1";
    FIND(TEXT, TEXT) -> (TEXT, INT8, TEXT) =
        c"SELECT d.kind, d.points, (SELECT k FROM jsonb_object_keys($2::jsonb) AS k WHERE NOT d.original ? k LIMIT 1) \
          FROM timedb_internal.damaged_rows AS d WHERE d.damage_id = $1";
    FORGET(TEXT) = c"DELETE FROM timedb_internal.damaged_rows WHERE damage_id = $1";
}

/// A row that has been set aside.
pub struct KeptRow {
    pub kind: String,
    pub points: i64,
}

/// Moves a damaged row to where such rows are kept; returns what it is called there.
///
/// # Errors
/// XX000 where the row has gone; the statement's own errors are raised.
pub fn keep(tenant: &[u8; 16], damage: &Damage) -> Result<String> {
    let key = damage.row.to_string();
    let mut name = key.clone();
    // What stood in its place once before is kept, too.
    for number in 2.. {
        if IS_TAKEN.execute(&[Arg::text(&name)])? == 0 {
            break;
        }
        name = format!("{key}/{number}");
    }
    let mut args = vec![
        Arg::uuid(tenant),
        Arg::text(&name),
        Arg::text(damage.row.kind()),
        Arg::int8(damage.points),
        Arg::text(&damage.problem),
    ];
    let statement = match &damage.row {
        DamagedRow::Segment {
            series,
            span_class,
            min_valid,
            segment_id,
        } => {
            args.extend([
                Arg::uuid(series),
                Arg::int4(*span_class),
                Arg::int8(*min_valid),
                Arg::int8(*segment_id),
            ]);
            &KEEP_SEGMENT
        }
        DamagedRow::Log { change_time } => {
            args.push(Arg::int8(*change_time));
            &KEEP_LOG
        }
        DamagedRow::Chunk { max_change } => {
            args.push(Arg::int8(*max_change));
            &KEEP_CHUNK
        }
        DamagedRow::List { id } => {
            args.push(Arg::uuid(id));
            &KEEP_LIST
        }
        DamagedRow::Request { batch } => {
            args.push(Arg::uuid(batch));
            &KEEP_REQUEST
        }
        DamagedRow::Series { .. } => {
            return Err(Error::internal("a series cannot be set aside"));
        }
    };
    match statement.execute(&args)? {
        1 => Ok(name),
        _ => Err(Error::internal(
            "a damaged row has changed while it was set aside",
        )),
    }
}

/// What was set aside under a name, and is to be put back with columns mended.
///
/// # Errors
/// 42704 where there is none, 22023 for columns that it does not have.
pub fn find(tenant: &[u8; 16], damage_id: &str, mended: &str) -> Result<KeptRow> {
    let args = [Arg::text(damage_id), Arg::text(mended)];
    let found = FIND.row(false, &args, |row| {
        let kept = KeptRow {
            kind: row.text(1)?.unwrap_or_default(),
            points: row.int8(2)?,
        };
        Ok((kept, row.text(3)?))
    })?;
    match found {
        Some((kept, None)) => Ok(kept),
        Some((kept, Some(column))) => Err(Error::invalid(format!(
            "a row of kind {} has no column \"{column}\"",
            kept.kind
        ))),
        None => Err(Error::new(
            SqlState::UNDEFINED_OBJECT,
            format!(
                "no row \"{damage_id}\" of tenant {} has been set aside",
                uuid_text(tenant)
            ),
        )
        .hint("timedb.list_events() shows what has been: event damage_set_aside.")),
    }
}

/// Inserts a row as it was kept, mended; returns its key.
///
/// # Errors
/// 55000 where there is a row with this key; the statement's own errors are raised.
pub fn insert(kind: &str, damage_id: &str, mended: &str) -> Result<DamagedRow> {
    let args = [Arg::text(damage_id), Arg::text(mended)];
    let put = match kind {
        "segment" => INSERT_SEGMENT.row(false, &args, |row| {
            Ok(DamagedRow::Segment {
                series: row.uuid(1)?,
                span_class: row.int4(2)?,
                min_valid: row.int8(3)?,
                segment_id: row.int8(4)?,
            })
        })?,
        "log" => INSERT_LOG.row(false, &args, |row| {
            Ok(DamagedRow::Log {
                change_time: row.int8(1)?,
            })
        })?,
        "chunk" => INSERT_CHUNK.row(false, &args, |row| {
            Ok(DamagedRow::Chunk {
                max_change: row.int8(1)?,
            })
        })?,
        "list" => INSERT_LIST.row(false, &args, |row| {
            Ok(DamagedRow::List { id: row.uuid(1)? })
        })?,
        _ => INSERT_REQUEST.row(false, &args, |row| {
            Ok(DamagedRow::Request {
                batch: row.uuid(1)?,
            })
        })?,
    };
    put.ok_or_else(|| in_its_place(damage_id))
}

/// 55000: a row that is to be put back is not whole.
pub fn still_damaged(damage_id: &str, problem: &str) -> Error {
    Error::new(
        SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
        format!("row \"{damage_id}\" is still damaged: {problem}"),
    )
    .hint("Pass what its columns have in a backup as mended, such as {\"blob\": \"\\\\x...\"}.")
}

/// 55000: something else stands where a row should go.
pub fn in_its_place(damage_id: &str) -> Error {
    Error::new(
        SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
        format!("row \"{damage_id}\" cannot be put back: there is another one in its place"),
    )
}

/// Forgets a row that has been put back.
///
/// # Errors
/// XX000; the statement's own errors are raised.
pub fn forget(damage_id: &str) -> Result<()> {
    FORGET.execute(&[Arg::text(damage_id)]).map(|_| ())
}
