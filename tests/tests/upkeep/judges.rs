//! Judges from outside look at the extension: pgspot at its scripts, the security lints of splinter at a
//! database with it. Each judge is also shown something wrong, and has to say so.

mod pgspot;
mod splinter;
