//! Calls of libraries that read what nobody has checked, and rely on some of it before they check it: where one panics, what
//! it reads is damaged, and nothing else.

use std::cell::Cell;
use std::fmt::Display;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    /// A panic of this thread is an answer, and nobody needs to hear of it.
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
}

/// What a call gives, or what is wrong with what it has read.
///
/// # Errors
/// The library's, and a sentence in the place of its panic.
pub fn guarded<T, E: Display>(read: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    hear_others_only();
    let was_quiet = IS_QUIET.replace(true);
    let read = catch_unwind(AssertUnwindSafe(read));
    IS_QUIET.set(was_quiet);
    match read {
        Ok(read) => read.map_err(|error| error.to_string()),
        Err(_) => Err("it is damaged".to_owned()),
    }
}

/// The hook for panics belongs to the process: of the threads that are in such a call it says nothing from here on.
fn hear_others_only() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let hook = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !IS_QUIET.get() {
                hook(panic);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_and_what_comes_after_it_is_not_quiet() {
        let panics = || -> Result<(), String> { panic!("of the library") };
        assert_eq!(guarded(panics), Err("it is damaged".to_owned()));
        assert!(!IS_QUIET.get());
        assert_eq!(guarded(|| Err::<(), _>("why")), Err("why".to_owned()));
        assert_eq!(guarded(|| Ok::<_, String>(7)), Ok(7));
    }
}
