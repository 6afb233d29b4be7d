//! Of which series a caller wants no more points, for a read that is under way: it goes on with the other series.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::mem;

/// Series, by id.
pub type Enough = HashSet<[u8; 16]>;

thread_local! {
    static ENOUGH: RefCell<Enough> = RefCell::default();
    static IS_TOLD: Cell<bool> = const { Cell::new(false) };
}

/// Puts the caller's set in place while `f` runs, and back, however `f` ends.
pub fn knowing<T>(enough: &mut Enough, f: impl FnOnce() -> T) -> T {
    struct Back<'a> {
        enough: &'a mut Enough,
        was_told: bool,
    }
    impl Drop for Back<'_> {
        fn drop(&mut self) {
            IS_TOLD.set(self.was_told);
            ENOUGH.with_borrow_mut(|current| mem::swap(current, self.enough));
        }
    }
    let back = Back {
        enough,
        was_told: IS_TOLD.replace(true),
    };
    ENOUGH.with_borrow_mut(|current| mem::swap(current, back.enough));
    f()
}

/// Whether there is a caller who says so, and may have enough of a series soon.
pub fn is_told() -> bool {
    IS_TOLD.get()
}

/// Whether there is enough of this one.
pub fn of(series: &[u8; 16]) -> bool {
    ENOUGH.with_borrow(|enough| enough.contains(series))
}
