//! What a format of rows has to do. It is given columns of points, and does not know where they come from, nor whether
//! the answer is collected or streamed.

use timedb_wire::Series;

use super::chunk::Chunk;
use crate::server::instant::Precision;

/// Which read an answer is of; it decides the columns in front of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The newest version of each point.
    #[default]
    Flat,
    /// The newest version per known_time.
    Overlapping,
    /// Every version.
    Versions,
    /// The newest version known by the cut-off of its window.
    Relative,
    /// Of each series its last point.
    Last,
    /// Points that were asked for one by one, and of which some are not there.
    Points,
}

impl Mode {
    /// The name that `timedb_internal._read_packed` knows, as far as it is one of its modes.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::Overlapping => "overlapping",
            Self::Versions => "versions",
            Self::Relative => "relative",
            Self::Last => "last",
            Self::Points => "points",
        }
    }
}

/// A format that answers come in.
pub(crate) struct Format {
    pub content_type: &'static str,
    /// Begins an answer.
    pub rows: fn(Mode, Precision) -> Box<dyn RowFormat>,
}

/// Writes one answer, row by row.
pub(crate) trait RowFormat: Send {
    /// What comes before the first row; how many there are, where that is known.
    fn open(&mut self, count: Option<usize>, out: &mut Vec<u8>);

    /// One point of a chunk, with what [`Shared`] has of its series.
    fn row(&mut self, chunk: &Chunk<'_>, index: usize, series: &Shared, out: &mut Vec<u8>);

    /// What the rows of a series have in common, rendered once.
    fn shared(&self, series: &Series<'_>) -> Shared;

    /// What comes after the last row; where the next page begins, where there are pages.
    fn close(&mut self, onward: Option<Onward<'_>>, out: &mut Vec<u8>);
}

/// What the rows of a series have in common, as the format writes it.
pub(crate) struct Shared {
    /// From the end of the times to the values.
    pub before: Vec<u8>,
    /// From there to the end of what the series says.
    pub after: Vec<u8>,
}

impl Shared {
    /// About how long a row of this series is.
    pub(crate) fn row_length(&self) -> usize {
        self.before.len() + self.after.len() + 64
    }
}

/// Where a reader of the change feed goes on.
pub(crate) struct Onward<'a> {
    pub cursor: &'a str,
    pub more: bool,
}
