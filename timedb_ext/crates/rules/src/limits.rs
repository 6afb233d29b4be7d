//! How much one call may bring. It is checked before an argument is processed: arrays say in their header how many
//! elements they have, and varlenas how long they are.

use crate::error::{Error, Result, SqlState};
use timedb_wire::json::{MAX_NESTING, nesting};

/// Most points of an upload: memory for them is needed several times over.
pub const MAX_POINTS: usize = 10_000_000;
/// Most series that one call names.
pub const MAX_SERIES: usize = 100_000;
/// Most bytes of names, labels, units and descriptions of the series of one upload.
pub const MAX_SERIES_BYTES: usize = 64 << 20;
/// Most aggregates of a read of buckets; there are fewer, but one may be named twice.
pub const MAX_AGGREGATES: usize = 100;
/// Most updates of one call.
pub const MAX_UPDATES: usize = 100_000;
/// Most bytes of all updates of one call, as `jsonb`.
pub const MAX_UPDATES_BYTES: usize = 64 << 20;
/// Most bytes of what a batch says about itself, as `jsonb`.
pub const MAX_BATCH_PARAMS_BYTES: usize = 1 << 20;
/// Most rows of a read of points: each is held with what it gets.
pub const MAX_POINTS_READ: usize = 1_000_000;
/// Longest name of what made a batch, in bytes.
pub const MAX_WORKFLOW_BYTES: usize = 1024;

/// 54000: more than one call may bring.
///
/// `what` goes before "may have at most", `hint` says how to make do with less.
pub fn too_many(what: &str, most: usize, of: &str, given: usize, hint: &str) -> Error {
    Error::new(
        SqlState::PROGRAM_LIMIT_EXCEEDED,
        format!("{what} may have at most {most} {of}, this one has {given}"),
    )
    .hint(hint)
}

/// Checks the points of an upload by their number.
///
/// # Errors
/// 54000 for too many.
pub fn check_points(points: usize) -> Result<()> {
    check_upload("an upload", MAX_POINTS, "points", points)
}

/// What brings series one by one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Call {
    /// An upload.
    #[default]
    Upload,
    /// A read of points.
    Read,
}

impl Call {
    /// Checks its series by their number.
    ///
    /// # Errors
    /// 54000 for too many.
    pub fn check_series(self, series: usize) -> Result<()> {
        match self {
            Self::Upload => check_upload("an upload", MAX_SERIES, "series", series),
            Self::Read => check_read("a read of points", MAX_SERIES, "series", series),
        }
    }

    /// Checks what its series are called by its length.
    ///
    /// # Errors
    /// 54000 for too much.
    pub fn check_series_bytes(self, bytes: usize) -> Result<()> {
        let (most, of) = (MAX_SERIES_BYTES, "bytes together");
        match self {
            Self::Upload => {
                let what = "the names, labels, units and descriptions of an upload";
                check_upload(what, most, of, bytes)
            }
            Self::Read => check_read("the names and labels of a read of points", most, of, bytes),
        }
    }
}

/// Checks the rows of a read of points by their number.
///
/// # Errors
/// 54000 for too many.
pub fn check_points_read(rows: usize) -> Result<()> {
    check_read("a read of points", MAX_POINTS_READ, "rows", rows)
}

fn check_upload(what: &str, most: usize, of: &str, given: usize) -> Result<()> {
    check(what, most, of, given, "Split it into several uploads.")
}

fn check_read(what: &str, most: usize, of: &str, given: usize) -> Result<()> {
    check(what, most, of, given, "Split it into several reads.")
}

/// As [`too_many`], unless it is as much as may come.
fn check(what: &str, most: usize, of: &str, given: usize, hint: &str) -> Result<()> {
    match given > most {
        true => Err(too_many(what, most, of, given, hint)),
        false => Ok(()),
    }
}

/// Checks how deep a JSON object that is kept is nested.
///
/// # Errors
/// 22023 for too deep.
pub fn check_nesting(json: &str, what: &str) -> Result<()> {
    match nesting(json) {
        levels if levels > MAX_NESTING => Err(Error::invalid(format!(
            "{what} may be nested at most {MAX_NESTING} levels deep, not {levels}"
        ))),
        _ => Ok(()),
    }
}
