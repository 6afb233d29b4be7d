//! Long work stops for a moment now and then, so that whoever runs it may end it. What is done then is not
//! known here.

use std::sync::OnceLock;

static PAUSE: OnceLock<fn()> = OnceLock::new();

/// Has this called whenever long work of this crate, such as sorting or merging, has gone on for some
/// milliseconds. It may unwind: nothing that is seen afterwards is left half done. Only the first one counts.
pub fn at_pauses(pause: fn()) {
    PAUSE.get_or_init(|| pause);
}

/// Stops for a moment: whoever runs long work may end it here.
pub fn pause() {
    if let Some(pause) = PAUSE.get() {
        pause();
    }
}
