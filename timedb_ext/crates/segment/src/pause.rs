//! Long work pauses now and then, so that whoever runs it can end it. What happens in a pause is up to the caller.

use std::sync::OnceLock;

static PAUSE: OnceLock<fn()> = OnceLock::new();

/// Has this called whenever long work in this crate, such as sorting or merging, has gone on for some
/// milliseconds. It may unwind: nothing that is visible afterwards is left half done. Only the
/// first call has an effect.
pub fn at_pauses(pause: fn()) {
    PAUSE.get_or_init(|| pause);
}

/// Stops for a moment: whoever runs long work may end it here.
pub fn pause() {
    if let Some(pause) = PAUSE.get() {
        pause();
    }
}
