//! Running statements as another role, as PostgreSQL does for its own checks of foreign keys.

use pgrx::pg_sys::{self, Oid};

/// Gives the caller's role back, also where an error unwinds.
struct Restore(Oid, i32);

impl Drop for Restore {
    fn drop(&mut self) {
        // SAFETY: what was the state before.
        unsafe { pg_sys::SetUserIdAndSecContext(self.0, self.1) };
    }
}

/// Runs `f` as this role: what it reads, row security and privileges decide by it. Where PostgreSQL's own error ends `f`
/// it gives the caller's role back with the transaction, or the savepoint.
pub fn acting_as_role<T>(role: Oid, f: impl FnOnce() -> T) -> T {
    let (mut user, mut context) = (Oid::INVALID, 0);
    // SAFETY: writes to two variables; the role exists.
    unsafe {
        pg_sys::GetUserIdAndSecContext(&mut user, &mut context);
        let inside = context | pg_sys::SECURITY_LOCAL_USERID_CHANGE as i32;
        pg_sys::SetUserIdAndSecContext(role, inside);
    }
    let _restore = Restore(user, context);
    f()
}
