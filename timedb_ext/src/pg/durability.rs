//! Answers that report an earlier transaction's write as stored and write nothing themselves. They must not be faster
//! than the write, which may be visible here and still be lost with this server.

use pgrx::pg_sys;

/// Makes the transaction commit like one that writes: with a flush of the log, and a wait for synchronous standbys, as
/// far as its `synchronous_commit` asks for them. Whatever the transaction has seen committed comes before its own
/// commit in the log, and so is as safe as that.
///
/// PostgreSQL does both only after a transaction that has an id and has logged something; the record that is
/// logged here has no meaning. If all of the log is on disk and no standby counts, which is usual,
/// there is nothing to wait for.
pub fn commit_as_writer() {
    // SAFETY: read the server's state; the setting is a text or none.
    let is_safe = unsafe {
        let standbys = pg_sys::SyncRepStandbyNames;
        (standbys.is_null() || *standbys == 0)
            && !pg_sys::XLogNeedsFlush(pg_sys::GetXLogInsertRecPtr())
    };
    if is_safe {
        return;
    }
    let nothing = [0_u8];
    // SAFETY: called in a transaction that may write. The record is assembled from a buffer that outlives the calls;
    // PostgreSQL raises its own errors.
    unsafe {
        pg_sys::GetTopTransactionId();
        pg_sys::XLogBeginInsert();
        pg_sys::XLogRegisterData(nothing.as_ptr().cast_mut().cast(), nothing.len() as _);
        pg_sys::XLogInsert(pg_sys::RmgrIds::RM_XLOG_ID as _, pg_sys::XLOG_NOOP as _);
    }
}
