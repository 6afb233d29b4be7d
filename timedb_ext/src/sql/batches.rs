//! Batches as rows.

use crate::identity::caller;
use crate::pg::error::{Result, entry};
use crate::pg::json::jsonb_datum;
use crate::pg::spi::{Arg, Home, connected, types::*};
use crate::pg::time;
use crate::pg::tuplestore::Tuplestore;
use crate::store::batches::BatchWalk;
use pgrx::pg_sys::{self, Datum, Oid};
use pgrx::prelude::*;
use timedb_segment::Batch;

/// Rows added before the memory of their values is freed.
const ROWS: usize = 256;

const COLUMNS: [Oid; 16] = [
    UUID, UUID, TEXT, UUID, TEXT, TIMESTAMP, TIMESTAMP, TIMESTAMP, TIMESTAMP, JSONB, INT8, INT8,
    TIMESTAMP, TIMESTAMP, TIMESTAMP, UUIDS,
];

finfo!(pg_finfo_timedb_batches, timedb_batches);

/// SQL `timedb_internal._list_batches(start_change, end_change)`.
///
/// # Safety
/// Called by PostgreSQL as declared in `sql/functions/batches.sql`.
#[unsafe(no_mangle)]
#[pg_guard]
pub unsafe extern "C-unwind" fn timedb_batches(fcinfo: pg_sys::FunctionCallInfo) -> Datum {
    entry(|| {
        // SAFETY: the declaration promises two timestamptz; the types of the rows are checked.
        let (store, range) = unsafe {
            let range = [0, 1].map(|i| pgrx::pg_getarg::<i64>(fcinfo, i).map(time::from_pg));
            (Tuplestore::open(fcinfo, &COLUMNS)?, range)
        };
        let Some(tenant) = caller::tenant() else {
            return Ok(Datum::null());
        };
        let first = range[0].unwrap_or(i64::MIN);
        let last = range[1].map_or(i64::MAX, |end| end.saturating_sub(1));
        connected(|| put(tenant, first, last, store))?;
        Ok(Datum::null())
    })
}

fn put(tenant: [u8; 16], first: i64, last: i64, mut store: Tuplestore<16>) -> Result<()> {
    let mut walk = BatchWalk::open(tenant, first, last, Home::here())?;
    loop {
        let mut some = Vec::with_capacity(ROWS);
        while some.len() < ROWS
            && let Some(batch) = walk.next()?
        {
            if !batch.is_deleted() {
                some.push(batch);
            }
        }
        if some.is_empty() {
            return Ok(());
        }
        store.with_scratch(|store| {
            for batch in &some {
                // SAFETY: each column is of the type that COLUMNS says.
                unsafe { store.put(row(&tenant, batch)) };
            }
        });
    }
}

fn row(tenant: &[u8; 16], batch: &Batch) -> [Option<Datum>; 16] {
    let instant = |t: i64| Arg::int8(time::to_pg(t)).datum();
    let text = |text: &Option<String>| text.as_ref().and_then(|text| Arg::text(text).datum());
    [
        Arg::uuid(tenant).datum(),
        Arg::uuid(&batch.id(tenant)).datum(),
        Arg::text(batch.kind.name()).datum(),
        batch.user.and_then(|user| Arg::uuid(&user).datum()),
        text(&batch.workflow_id),
        instant(batch.start_time),
        batch.finish_time.and_then(instant),
        batch.known_time.and_then(instant),
        instant(batch.change_time),
        batch.batch_params.as_deref().and_then(jsonb_datum),
        Arg::int8(batch.points as i64).datum(),
        Arg::int8(batch.skipped as i64).datum(),
        batch.valid.and_then(|(least, _)| instant(least)),
        batch.valid.and_then(|(_, greatest)| instant(greatest)),
        instant(batch.settled_time),
        Arg::uuids(batch.series.iter()).datum(),
    ]
}
