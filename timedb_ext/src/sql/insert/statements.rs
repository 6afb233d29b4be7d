//! The statements that are inserting, innermost last. They nest as PostgreSQL's own list of pending triggers does: a
//! statement that changes anything runs to its end before the one around it goes on. One that fails takes its
//! (sub)transaction with it, and is forgotten with that.

use super::places::Places;
use super::rows::InsertedRows;
use crate::identity::settings;
use crate::pg::error::{Error, Result, SqlState};
use pgrx::pg_sys::{self, Oid};
use std::cell::RefCell;
use std::ffi::c_void;
use std::ptr;

/// A statement, from the trigger before it to the one after it.
pub struct InsertStatement {
    /// The view that it inserts into.
    relation: Oid,
    /// The subtransaction that it is part of.
    subtransaction: pg_sys::SubTransactionId,
    /// Who was the tenant when it began.
    pub tenant_changes: u64,
    /// Where the columns of the view are.
    pub places: Places,
    /// The rows so far.
    pub rows: InsertedRows,
}

thread_local! {
    static OPEN: RefCell<Vec<InsertStatement>> = const { RefCell::new(Vec::new()) };
}

/// Called once, when the library is loaded.
pub fn define() {
    // SAFETY: the callbacks live as long as the library does.
    unsafe {
        pg_sys::RegisterXactCallback(Some(transaction_ended), ptr::null_mut());
        pg_sys::RegisterSubXactCallback(Some(subtransaction_ended), ptr::null_mut());
    }
}

/// Begins a statement.
///
/// # Errors
/// XX000 within a trigger for a row.
pub fn begin(relation: Oid, places: Places) -> Result<()> {
    let statement = InsertStatement {
        relation,
        // SAFETY: reads the state of the transaction.
        subtransaction: unsafe { pg_sys::GetCurrentSubTransactionId() },
        tenant_changes: settings::tenant_changes(),
        places,
        rows: InsertedRows::default(),
    };
    open(|open| {
        open.push(statement);
        Ok(())
    })
}

/// Runs `f` with the statement under way that inserts into a view. `f` must not run statements.
///
/// # Errors
/// 39P01 if there is none; as `f`.
pub fn with<T>(relation: Oid, f: impl FnOnce(&mut InsertStatement) -> Result<T>) -> Result<T> {
    open(|open| {
        let mut innermost = open.iter_mut().rev();
        let statement = innermost.find(|statement| statement.relation == relation);
        f(statement.ok_or_else(no_statement)?)
    })
}

/// Ends the statement under way that inserts into a view.
///
/// # Errors
/// 39P01 if there is none.
pub fn end(relation: Oid) -> Result<InsertStatement> {
    open(|open| {
        let place = (open.iter()).rposition(|statement| statement.relation == relation);
        Ok(open.remove(place.ok_or_else(no_statement)?))
    })
}

fn open<T>(f: impl FnOnce(&mut Vec<InsertStatement>) -> Result<T>) -> Result<T> {
    let busy = |_| Error::internal("a row is being taken already");
    OPEN.with(|open| f(&mut *open.try_borrow_mut().map_err(busy)?))
}

// The callbacks run while a transaction ends or aborts, also when the process exits: they don't raise, and hold nothing
// that could panic.

unsafe extern "C-unwind" fn transaction_ended(event: pg_sys::XactEvent::Type, _: *mut c_void) {
    let ends = [
        pg_sys::XactEvent::XACT_EVENT_COMMIT,
        pg_sys::XactEvent::XACT_EVENT_ABORT,
        pg_sys::XactEvent::XACT_EVENT_PREPARE,
    ];
    if ends.contains(&event) {
        forget(|_| true);
    }
}

unsafe extern "C-unwind" fn subtransaction_ended(
    event: pg_sys::SubXactEvent::Type,
    aborted: pg_sys::SubTransactionId,
    _parent: pg_sys::SubTransactionId,
    _: *mut c_void,
) {
    if event == pg_sys::SubXactEvent::SUBXACT_EVENT_ABORT_SUB {
        // Its own subtransactions have greater numbers, and no others do.
        forget(|statement| statement.subtransaction >= aborted);
    }
}

fn forget(which: impl Fn(&InsertStatement) -> bool) {
    let _ = OPEN.try_with(|open| {
        if let Ok(mut open) = open.try_borrow_mut() {
            open.retain(|statement| !which(statement));
        }
    });
}

fn no_statement() -> Error {
    Error::new(
        SqlState::TRIGGER_PROTOCOL_VIOLATED,
        "a trigger of timedb's views has fired without those that belong to it",
    )
}
