//! What stands in for a write that was set aside: an empty row of the log, where the clock of writes would go back
//! without it.

use crate::pg::error::{Error, Result};
use crate::pg::spi::{Arg, statements};
use crate::pg::time::{self, MIN_TIME};
use crate::store::{clock, log};
use std::rc::Rc;
use timedb_segment::{Batch, BatchIds, BatchKind, LogKey, Points, encode_log};

statements! {
    // A change_time ahead of the clock may be the damage: then it would keep the clock there for good. What the
    // segments say is right.
    NEWEST(TIMESTAMP) -> (TIMESTAMP) =
        c"SELECT CASE WHEN $1 <= clock_timestamp() THEN $1 \
                 ELSE greatest(clock_timestamp(), (SELECT max(s.max_change) FROM timedb_internal.segments AS s WHERE s.max_change <= $1)) END";
    INSERT(UUID, TIMESTAMP, BYTEA) =
        c"INSERT INTO timedb_internal.write_log (tenant_id, change_time, points, list_id, blob) \
          VALUES ($1, $2, 0, NULL, $3) ON CONFLICT DO NOTHING";
}

/// Whether a batch stands in for one that was set aside.
pub fn is_one(batch: &Batch) -> bool {
    batch.points == 0 && batch.skipped == 0 && batch.series.is_empty()
}

/// Keeps the clock of writes from going back, now that a row up to this change_time has gone.
///
/// # Errors
/// XX000; the statements' own errors are raised.
pub fn keep_newest(tenant: &[u8; 16], change_time: i64) -> Result<()> {
    let args = [Arg::int8(time::to_pg(change_time))];
    let change_time = NEWEST.row(false, &args, |row| row.instant(1))?;
    let Some(change_time) = change_time.filter(|&time| time > MIN_TIME) else {
        return Ok(());
    };
    let newest = log::look(None, true)?.newest;
    if newest.is_some_and(|newest| newest >= change_time) {
        return Ok(());
    }
    let settled = clock::settled(tenant)?.unwrap_or(change_time);
    let batch = Batch {
        change_time,
        settled_time: settled.min(change_time - 1),
        chosen_id: None,
        kind: BatchKind::Upload,
        user: None,
        workflow_id: None,
        batch_params: None,
        known_time: Some(change_time),
        start_time: change_time,
        finish_time: None,
        points: 0,
        skipped: 0,
        valid: None,
        series: Rc::from([]),
    };
    let key = LogKey {
        tenant: *tenant,
        change_time,
        points: 0,
        list: None,
    };
    let points = Points::concat(&[], &BatchIds::of(*tenant));
    let blob = encode_log(&key, &batch, &[], &points, false)
        .map_err(|e| Error::internal(format!("could not encode a row of the log: {e}")))?;
    let args = [
        Arg::uuid(tenant),
        Arg::int8(time::to_pg(change_time)),
        Arg::bytea(&blob),
    ];
    INSERT.execute(&args).map(|_| ())
}
