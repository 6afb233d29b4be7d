//! Judges from outside look at the extension: pgspot at its scripts, the security lints of splinter at a
//! database with it. Each judge is also shown something wrong, and has to say so.

#[path = "judges/pgspot.rs"]
mod pgspot;
#[path = "judges/splinter.rs"]
mod splinter;
