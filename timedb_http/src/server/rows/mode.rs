//! The kinds of reads, as far as they show in an answer.

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
}

impl Mode {
    /// The name that `timedb._read_packed` knows.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::Overlapping => "overlapping",
            Self::Versions => "versions",
            Self::Relative => "relative",
            Self::Last => "last",
        }
    }
}
