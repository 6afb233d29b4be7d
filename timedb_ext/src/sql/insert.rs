//! INSERT and COPY into the views: what their triggers call. A row trigger takes each row, and the triggers before and
//! after the statement begin and store it, in one call of the same function as `timedb.upload()`.
//!
//! PostgreSQL fires the trigger AFTER the statement as part of it, also for COPY, for a statement of a function and
//! before the first row of RETURNING, so that an error is one of the statement and leaves nothing behind.

mod places;
mod rows;
pub mod statements;

use crate::identity::settings;
use crate::identity::writer::writable_tenant;
use crate::pg::error::{Error, Result, SqlState, entry};
use crate::pg::spi::connected;
use crate::write::batches::{BatchInfo, Retry};
use crate::write::upload::upload;
use pgrx::pg_sys::{self, Datum};
use pgrx::prelude::*;
use places::Places;
use statements::InsertStatement;

/// When a trigger fires, in PostgreSQL's bits; no operation stands for INSERT.
const WHEN: u32 =
    pg_sys::TRIGGER_EVENT_TIMINGMASK | pg_sys::TRIGGER_EVENT_ROW | pg_sys::TRIGGER_EVENT_OPMASK;
const INSTEAD_OF_ROW: u32 =
    pg_sys::TRIGGER_EVENT_INSTEAD | pg_sys::TRIGGER_EVENT_ROW | pg_sys::TRIGGER_EVENT_INSERT;
const BEFORE_STATEMENT: u32 = pg_sys::TRIGGER_EVENT_BEFORE | pg_sys::TRIGGER_EVENT_INSERT;
const AFTER_STATEMENT: u32 = pg_sys::TRIGGER_EVENT_AFTER | pg_sys::TRIGGER_EVENT_INSERT;

finfo!(pg_finfo_timedb_take_row, timedb_take_row);

/// SQL `timedb_internal._take_row()`.
///
/// # Safety
/// Called by PostgreSQL as declared in `sql/functions/insert.sql`.
#[unsafe(no_mangle)]
#[pg_guard]
pub unsafe extern "C-unwind" fn timedb_take_row(fcinfo: pg_sys::FunctionCallInfo) -> Datum {
    entry(|| {
        // SAFETY: the call is under way; a trigger for a row has one of its relation.
        unsafe {
            let trigger = fired(fcinfo)?;
            if trigger.tg_event & WHEN != INSTEAD_OF_ROW {
                return Err(other_trigger());
            }
            let (row, relation) = (trigger.tg_trigtuple, &*trigger.tg_relation);
            statements::with(relation.rd_id, |statement| {
                let InsertStatement { places, rows, .. } = statement;
                rows.push(&places.row(row, relation.rd_att)?)
            })?;
            Ok(Datum::from(row))
        }
    })
}

finfo!(pg_finfo_timedb_store_rows, timedb_store_rows);

/// SQL `timedb_internal._store_rows()`.
///
/// # Safety
/// Called by PostgreSQL as declared in `sql/functions/insert.sql`.
#[unsafe(no_mangle)]
#[pg_guard]
pub unsafe extern "C-unwind" fn timedb_store_rows(fcinfo: pg_sys::FunctionCallInfo) -> Datum {
    entry(|| {
        // SAFETY: the call is under way; the relation of a trigger is open as long.
        unsafe {
            let trigger = fired(fcinfo)?;
            let relation = &*trigger.tg_relation;
            match trigger.tg_event & WHEN {
                BEFORE_STATEMENT => {
                    writable_tenant("INSERT")?;
                    statements::begin(relation.rd_id, Places::of(relation.rd_att)?)?;
                }
                AFTER_STATEMENT => store(statements::end(relation.rd_id)?)?,
                _ => return Err(other_trigger()),
            }
        }
        // What a trigger for a statement returns, nobody looks at.
        Ok(Datum::null())
    })
}

/// Stores the rows of a statement as one batch; a statement without rows leaves none.
fn store(statement: InsertStatement) -> Result<()> {
    if statement.rows.is_empty() {
        return Ok(());
    }
    if statement.tenant_changes != settings::tenant_changes() {
        return Err(Error::new(
            SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
            "the tenant changed while this statement was writing",
        )
        .hint("Authenticate before the statement, not in it."));
    }
    let columns = statement.rows.into_columns();
    connected(|| upload(columns, BatchInfo::default(), &Retry::default(), false))?;
    Ok(())
}

/// The trigger that has fired.
///
/// # Errors
/// 39P01 for a call that comes from none.
///
/// # Safety
/// `fcinfo` is that of a call in progress, which lasts for longer than the value.
unsafe fn fired<'a>(fcinfo: pg_sys::FunctionCallInfo) -> Result<&'a pg_sys::TriggerData> {
    // SAFETY: the caller's promise; the context of a call by a trigger is its data.
    unsafe {
        match pgrx::trigger_support::called_as_trigger(fcinfo) {
            true => Ok(&*(*fcinfo).context.cast::<pg_sys::TriggerData>()),
            false => Err(other_trigger()),
        }
    }
}

fn other_trigger() -> Error {
    Error::new(
        SqlState::TRIGGER_PROTOCOL_VIOLATED,
        "this function is for the triggers of timedb's own views",
    )
}
