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
