//! Why bytes are not packed columns.

use thiserror::Error;

/// Bytes that are not what the format says. The text follows "malformed packed columns".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Malformed {
    /// Another version, or reserved bytes that say something.
    #[error("unknown version")]
    Version,
    /// Flags that there are not, or not together.
    #[error("unknown flags")]
    Flags,
    /// A count or a length says more than there is.
    #[error("they end too early")]
    Truncated,
    /// There is more than the counts say.
    #[error("bytes after the last column")]
    Trailing,
    /// A count of series beyond what the bytes can hold.
    #[error("more series than bytes")]
    SeriesCount,
    /// A series is named in a way that there is not.
    #[error("unknown kind of series")]
    SeriesKind,
    /// A point belongs to no series of the list.
    #[error("a point of a series that is not listed")]
    SeriesIndex,
    /// The runs are not as long together as there are points.
    #[error("runs that are not all points")]
    RunLength,
    /// A text is not UTF-8.
    #[error("text that is not UTF-8")]
    Text,
    /// An aggregate that there is not, or one too many.
    #[error("unknown aggregate")]
    Aggregate,
    /// A dictionary has more entries than there are points to have them.
    #[error("a dictionary with more entries than points")]
    DictionarySize,
    /// A point's place lies beyond its dictionary.
    #[error("a place beyond its dictionary")]
    Place,
}
