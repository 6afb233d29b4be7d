//! How far the reading of an export has come, and what can be wrong with it.

use sha2::Sha256;

use crate::cli::failure::Failure;

/// What has been read so far.
#[derive(Default)]
pub struct Tally {
    pub hash: Sha256,
    pub records: u64,
    pub points: u64,
}

/// Says behind which line the export is not what it should be.
pub fn damaged(lines: u64, what: &str) -> Failure {
    Failure::new(format!(
        "The export is damaged after {lines} lines: {what}. Nothing has been imported."
    ))
}

/// The export ends before its last line.
pub fn cut_off(lines: u64) -> Failure {
    Failure::new(format!(
        "The export has been cut off: it ends after {lines} lines, without the last one, which has its hash. \
         Nothing has been imported."
    ))
}

pub fn unreadable(error: std::io::Error) -> Failure {
    Failure::new(format!("The export cannot be read: {error}"))
}
