//! Which columns the rows of an answer have, in their order. A format with a head of its own has to know them before
//! the first row, and also where there is none.

use timedb_wire::Aggregate;

/// Which read an answer is of; it decides the columns in front of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
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

/// What decides which columns there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Which read it is.
    pub mode: Mode,
    /// The aggregates of buckets, which take the place of the value.
    pub aggregates: Option<Vec<Aggregate>>,
}

impl From<Mode> for Layout {
    fn from(mode: Mode) -> Self {
        Self {
            mode,
            aggregates: None,
        }
    }
}

/// A column of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    KnownTime,
    ChangeTime,
    ValidTime,
    ValidTimeEnd,
    SeriesId,
    Value,
    /// The aggregate at this place of a chunk.
    Aggregate(usize, Aggregate),
    Name,
    Unit,
    Labels,
    Found,
    /// From known_time to valid_time, in seconds.
    LeadTime,
    BatchId,
    ValueId,
    ChangedBy,
    Annotation,
    Tags,
    Metadata,
}

impl Cell {
    /// What the column is called, as in JSON.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::KnownTime => "known_time",
            Self::ChangeTime => "change_time",
            Self::ValidTime => "valid_time",
            Self::ValidTimeEnd => "valid_time_end",
            Self::SeriesId => "series_id",
            Self::Value => "value",
            Self::Aggregate(_, aggregate) => aggregate.name(),
            Self::Name => "name",
            Self::Unit => "unit",
            Self::Labels => "labels",
            Self::Found => "found",
            Self::LeadTime => "lead_time",
            Self::BatchId => "batch_id",
            Self::ValueId => "value_id",
            Self::ChangedBy => "changed_by",
            Self::Annotation => "annotation",
            Self::Tags => "tags",
            Self::Metadata => "metadata",
        }
    }
}

impl Layout {
    /// The columns in their order, which is that of the members in JSON.
    pub(super) fn cells(&self) -> Vec<Cell> {
        let mut cells = Vec::new();
        if self.mode != Mode::Flat {
            cells.push(Cell::KnownTime);
        }
        if self.mode == Mode::Versions {
            cells.push(Cell::ChangeTime);
        }
        cells.extend([Cell::ValidTime, Cell::ValidTimeEnd, Cell::SeriesId]);
        match &self.aggregates {
            None => cells.push(Cell::Value),
            Some(aggregates) => {
                let each = aggregates.iter().enumerate();
                cells.extend(each.map(|(place, aggregate)| Cell::Aggregate(place, *aggregate)));
            }
        }
        cells.extend([Cell::Name, Cell::Unit, Cell::Labels]);
        match self.mode {
            Mode::Points => cells.push(Cell::Found),
            Mode::Overlapping => cells.push(Cell::LeadTime),
            Mode::Versions => cells.extend([
                Cell::BatchId,
                Cell::ValueId,
                Cell::ChangedBy,
                Cell::Annotation,
                Cell::Tags,
                Cell::Metadata,
            ]),
            Mode::Flat | Mode::Relative | Mode::Last => {}
        }
        cells
    }
}
