//! The log: the latest writes, which have not been folded into segments yet. Owns what a row of it holds.

use crate::pg::error::{Error, Result, uuid_text};
use crate::pg::snapshot;
use crate::pg::spi::{Arg, Home, Query, Row, statements};
use crate::pg::time;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::rc::Rc;
use timedb_segment::{Batch, LogKey, LogRow, SegmentError};

/// From so many series on, their list can become a common one.
const LIST_SERIES: usize = 8;

/// Rows fetched at a time.
const FETCH: usize = 64;

statements! {
    // As `COLUMNS` says.
    ROWS(TIMESTAMP) -> (TIMESTAMP, TIMESTAMP, INT4, BYTEA, UUID, BYTEA) =
        c"SELECT NULL::timestamptz, l.change_time, l.points, l.blob, l.list_id, t.series_ids \
          FROM timedb_internal.write_log AS l LEFT JOIN timedb_internal.series_lists AS t ON t.list_id = l.list_id \
          WHERE l.change_time <= $1 \
            AND l.change_time > COALESCE((SELECT f.max_change FROM timedb_internal.batch_chunks AS f \
                                          ORDER BY f.max_change DESC LIMIT 1), '-infinity') \
          ORDER BY l.change_time";
    // Rows up to the last chunk have been folded, and may stand in the index until they are vacuumed.
    LOOK(UUID) -> (INT8, INT8, TIMESTAMP, TIMESTAMP, BOOL) =
        c"WITH folded AS MATERIALIZED ( \
              SELECT max_change FROM timedb_internal.batch_chunks ORDER BY max_change DESC LIMIT 1 \
          ) \
          SELECT count(*), COALESCE(sum(l.points), 0)::bigint, max(l.change_time), (SELECT max_change FROM folded), \
                 EXISTS (SELECT FROM timedb_internal.series_lists WHERE list_id = $1) \
          FROM (SELECT change_time, points FROM timedb_internal.write_log \
                WHERE change_time > COALESCE((SELECT max_change FROM folded), '-infinity') \
                ORDER BY change_time DESC LIMIT 100) AS l";
}

/// The state of a tenant's log.
pub struct Look {
    /// Its latest rows, a hundred at most, and the points in them.
    pub rows: i64,
    pub points: i64,
    /// The greatest change_time, also of what has been folded.
    pub newest: Option<i64>,
    /// Whether the list of series that was asked about is a common one.
    pub list_is_common: bool,
}

/// Looks at the log as it is committed by now, and as this transaction has left it; of a writer also where the
/// transaction keeps an older snapshot.
///
/// # Errors
/// XX000; the statement's own errors are raised.
pub fn look(list: Option<[u8; 16]>, of_writer: bool) -> Result<Look> {
    let args = [list.as_ref().map_or(Arg::NULL, Arg::uuid)];
    let look = || {
        LOOK.row(true, &args, |row| {
            let of_log = row.optional_int8(3)?.map(time::from_pg);
            Ok(Look {
                rows: row.int8(1)?,
                points: row.int8(2)?,
                newest: of_log.max(row.optional_int8(4)?.map(time::from_pg)),
                list_is_common: row.bool(5)?,
            })
        })
    };
    let found = match of_writer {
        true => snapshot::under_latest(look),
        false => snapshot::under_fresh(look),
    }?;
    found.ok_or_else(|| Error::internal("the log has not been counted"))
}

/// What a list of series is called; `None` for a few series.
pub fn list_id(series: &[[u8; 16]]) -> Option<[u8; 16]> {
    (series.len() >= LIST_SERIES).then(|| list_name(series.as_flattened()))
}

/// Lists of series that rows of the log refer to, as far as they have been met.
#[derive(Default)]
pub struct Lists(HashMap<[u8; 16], Rc<[[u8; 16]]>>);

/// Where in a row of a statement the parts of a row of the log stand.
pub struct LogColumns {
    pub change_time: usize,
    pub points: usize,
    pub blob: usize,
    pub list_id: usize,
    /// The series of the list, if there is one.
    pub list: usize,
}

impl LogColumns {
    /// Opens a row of the log and hands it over.
    ///
    /// # Errors
    /// XX001 for a damaged row; as `each`.
    pub fn open<T>(
        &self,
        row: &Row,
        tenant: &[u8; 16],
        lists: &mut Lists,
        each: impl FnOnce(&LogRow<'_>) -> std::result::Result<T, SegmentError>,
    ) -> Result<T> {
        let key = self.key(row, tenant)?;
        let list = match key.list {
            Some(id) => lists.get(id, row, self.list, tenant)?,
            None => None,
        };
        row.bytea(self.blob, |blob| {
            LogRow::open(key, blob, list.as_deref())
                .and_then(|row| each(&row))
                .map_err(|why| damaged(&key, &why))
        })
    }

    /// Reads all that a row of the log holds, and says what keeps it from being read. A list that is damaged is none:
    /// so it will be once that has been set aside.
    ///
    /// # Errors
    /// XX000 for columns of other types.
    pub fn problem(
        &self,
        row: &Row,
        tenant: &[u8; 16],
        lists: &mut Lists,
    ) -> Result<Option<Error>> {
        let key = self.key(row, tenant)?;
        let list = match key.list {
            Some(id) => match lists.get(id, row, self.list, tenant) {
                Err(error) if error.is_damage() => None,
                list => list?,
            },
            None => None,
        };
        row.bytea(self.blob, |blob| {
            let read = LogRow::open(key, blob, list.as_deref()).and_then(|row| {
                row.batch()?;
                let mut places = (0..row.series().len()).map(|place| row.positions(place));
                places.try_for_each(|positions| match positions.is_empty() {
                    true => Ok(()),
                    false => row.points(positions).map(|_| ()),
                })
            });
            Ok(read.err().map(|why| damaged(&key, &why)))
        })
    }

    fn key(&self, row: &Row, tenant: &[u8; 16]) -> Result<LogKey> {
        Ok(LogKey {
            tenant: *tenant,
            change_time: row.instant(self.change_time)?,
            points: row.int4(self.points)?.cast_unsigned(),
            list: row.optional_uuid(self.list_id)?,
        })
    }
}

impl Lists {
    fn get(
        &mut self,
        id: [u8; 16],
        row: &Row,
        column: usize,
        tenant: &[u8; 16],
    ) -> Result<Option<Rc<[[u8; 16]]>>> {
        if let Some(list) = self.0.get(&id) {
            return Ok(Some(Rc::clone(list)));
        }
        let Some(bytes) = row.optional_bytea(column)? else {
            return Ok(None);
        };
        // Rows do not say which series they mean otherwise.
        if let Some(problem) = list_problem(&id, &bytes, tenant) {
            return Err(problem);
        }
        let list: Rc<[[u8; 16]]> = Rc::from(bytes.as_chunks::<16>().0);
        self.0.insert(id, Rc::clone(&list));
        Ok(Some(list))
    }
}

/// What a list of series is called.
fn list_name(series_ids: &[u8]) -> [u8; 16] {
    let digest: [u8; 32] = Sha256::digest(series_ids).into();
    std::array::from_fn(|i| digest[i])
}

/// Where the parts of a row of the log stand among the columns of statements that may also give chunks.
pub const COLUMNS: LogColumns = LogColumns {
    change_time: 2,
    points: 3,
    blob: 4,
    list_id: 5,
    list: 6,
};

/// Starts the rows of the log up to a change_time, ascending, under the caller's snapshot.
///
/// # Errors
/// XX000; the statement's own errors are raised.
pub fn rows_up_to(change_time: i64) -> Result<Query> {
    ROWS.open(&[Arg::int8(time::to_pg(change_time))], Home::here())
}

/// Whether the log has points of a series, as it is committed by now.
///
/// # Errors
/// As [`each_row`].
pub fn has_points(tenant: &[u8; 16], series: &[u8; 16]) -> Result<bool> {
    let mut found = false;
    snapshot::under_latest(|| {
        each_row(tenant, |log, _| {
            let at = log.series().iter().position(|one| one == series);
            found |= at.is_some_and(|at| !log.positions(at).is_empty());
            Ok(())
        })
    })?;
    Ok(found)
}

/// How large a row of the log is.
pub struct LogSize {
    pub points: usize,
    pub blob: usize,
}

/// Opens the rows of the log, ascending, under the caller's snapshot.
///
/// # Errors
/// XX001 for a damaged row; XX000; the statement's own errors are raised.
pub fn each_row(
    tenant: &[u8; 16],
    mut each: impl FnMut(&LogRow<'_>, &LogSize) -> std::result::Result<(), SegmentError>,
) -> Result<()> {
    let mut lists = Lists::default();
    let mut query = rows_up_to(i64::MAX)?;
    let open = &mut |row: &Row| {
        let size = LogSize {
            points: row.int4(COLUMNS.points)?.max(0) as usize,
            blob: row.bytea(COLUMNS.blob, |blob| Ok(blob.len()))?,
        };
        COLUMNS.open(row, tenant, &mut lists, |log| each(log, &size))
    };
    while query.fetch(FETCH, &mut *open)? {
        pgrx::check_for_interrupts!();
    }
    Ok(())
}

/// What a row of the log says about its write.
///
/// # Errors
/// XX001 for a damaged row.
pub fn batch_of(row: &Row, tenant: &[u8; 16], lists: &mut Lists) -> Result<Batch> {
    COLUMNS.open(row, tenant, lists, |row| row.batch())
}

/// What is wrong with a list of series.
pub fn list_problem(id: &[u8; 16], series_ids: &[u8], tenant: &[u8; 16]) -> Option<Error> {
    (list_name(series_ids) != *id).then(|| {
        Error::damaged(
            format!(
                "cannot read the list of series {} of tenant {}: it is not what its list_id says",
                uuid_text(id),
                uuid_text(tenant)
            ),
            "series_lists",
        )
    })
}

fn damaged(key: &LogKey, why: &SegmentError) -> Error {
    Error::damaged(
        format!(
            "cannot read the write of {} of tenant {}: {}",
            time::text(key.change_time),
            uuid_text(&key.tenant),
            why.to_string().replace("the segment", "its row of the log")
        ),
        "write_log",
    )
}
