//! How times are compared with instants.

/// The times of a version that a read can be bounded by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    Valid,
    Known,
}

/// How a column is compared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Less,
    AtMost,
    Same,
    AtLeast,
    Greater,
}

impl Comparison {
    /// By PostgreSQL's number of the strategy.
    pub fn of_strategy(strategy: i32) -> Option<Self> {
        Some(match strategy {
            1 => Self::Less,
            2 => Self::AtMost,
            3 => Self::Same,
            4 => Self::AtLeast,
            5 => Self::Greater,
            _ => return None,
        })
    }

    /// Whether what meets it has a start, and an end.
    pub fn bounds(self) -> (bool, bool) {
        match self {
            Self::Less | Self::AtMost => (false, true),
            Self::Same => (true, true),
            Self::AtLeast | Self::Greater => (true, false),
        }
    }

    /// The same with the sides exchanged.
    pub fn turned(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::AtMost => Self::AtLeast,
            Self::Same => Self::Same,
            Self::AtLeast => Self::AtMost,
            Self::Greater => Self::Less,
        }
    }
}
