//! The arguments of the functions that read, in the order in which SQL declares them. The library takes its arguments
//! from these lists, the server its parameters, and tests check `sql/` and the references against
//! them. What an argument means is not known here.

/// What an argument holds: `Ids` are those of series, `Labels` a JSON object, a `Length` is one of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are called what they are")]
pub enum Kind {
    Text,
    Texts,
    Ids,
    Labels,
    Instant,
    Length,
    Integer,
    TimeOfDay,
    Truth,
}

impl Kind {
    /// Its type in SQL.
    pub const fn sql_type(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Texts => "text[]",
            Self::Ids => "uuid[]",
            Self::Labels => "jsonb",
            Self::Instant => "timestamptz",
            Self::Length => "interval",
            Self::Integer => "integer",
            Self::TimeOfDay => "time",
            Self::Truth => "boolean",
        }
    }
}

macro_rules! arguments {
    ($($argument:ident $name:literal $kind:ident, $about:literal;)*) => {
        /// An argument of a function that reads.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Argument {
            $(#[doc = $about] $argument,)*
        }

        impl Argument {
            /// How many there are; the number of each, `as usize`, is less.
            pub const COUNT: usize = [$($name),*].len();

            /// Its name in SQL.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$argument => $name,)*
                }
            }

            /// What it is for, in a sentence.
            pub const fn about(self) -> &'static str {
                match self {
                    $(Self::$argument => $about,)*
                }
            }

            /// What it holds.
            pub const fn kind(self) -> Kind {
                match self {
                    $(Self::$argument => Kind::$kind,)*
                }
            }
        }
    };
}

impl Argument {
    /// Its name over HTTP, where a list is a parameter that can be given several times.
    pub const fn parameter(self) -> &'static str {
        match self {
            Self::Aggregates => "aggregate",
            Self::Names => Self::Name.name(),
            other => other.name(),
        }
    }
}

arguments! {
    Mode "mode" Text, "Which versions of a point are answered.";
    SeriesId "series_id" Ids, "Only these series.";
    Name "name" Text, "Only series with this name.";
    Labels "labels" Labels, "Only series with all of these labels.";
    StartValid "start_valid" Instant, "Only points from this valid time on.";
    EndValid "end_valid" Instant, "Only points before this valid time.";
    StartKnown "start_known" Instant, "Only versions from this known time on.";
    EndKnown "end_known" Instant, "Only versions before this known time.";
    AsOf "as_of" Instant, "Only versions known by then.";
    AsOfChange "as_of_change" Instant, "Only versions written by then.";
    MinLead "min_lead" Length, "Only versions known at least so long before.";
    MaxLead "max_lead" Length, "Only versions known at most so long before.";
    WindowLength "window_length" Length, "How long a window is.";
    IssueOffset "issue_offset" Length, "From the start of a window to its cut-off.";
    StartWindow "start_window" Instant, "Where a window starts.";
    DaysAhead "days_ahead" Integer, "From the day of a cut-off to that of its points.";
    TimeOfDay "time_of_day" TimeOfDay, "The local time of a cut-off.";
    Tz "tz" Text, "The time zone of days and buckets.";
    Unit "unit" Text, "The unit that values are converted to.";
    Bucket "bucket" Length, "How long a bucket is.";
    Fill "fill" Text, "What stands in empty buckets.";
    Aggregates "aggregates" Texts, "What is computed of a bucket.";
    LookBefore "look_before" Truth, "Whether the last value before start_valid counts.";
    Since "since" Instant, "Only what was written after this change time.";
    Cursor "cursor" Text, "Only what stands behind this change, or this row of a page.";
    MaxPoints "max_points" Integer, "Most changes or rows that are answered.";
    Names "names" Texts, "Only series with one of these names.";
}

macro_rules! lists {
    ($($(#[$doc:meta])* $visibility:vis $list:ident: $($argument:ident),*;)*) => {$(
        $(#[$doc])*
        $visibility const $list: [Argument; [$(Argument::$argument),*].len()] =
            [$(Argument::$argument),*];
    )*};
}

lists! {
    /// What reads of points take that say their mode.
    pub READ:
        Mode, SeriesId, Name, Labels, StartValid, EndValid, StartKnown, EndKnown, AsOf, AsOfChange,
        MinLead, MaxLead, WindowLength, IssueOffset, StartWindow, DaysAhead, TimeOfDay, Tz, Unit, Names;
    /// What reads of pages take.
    pub PAGE:
        Mode, SeriesId, Name, Labels, StartValid, EndValid, StartKnown, EndKnown, AsOf, AsOfChange,
        MinLead, MaxLead, WindowLength, IssueOffset, StartWindow, DaysAhead, TimeOfDay, Tz, Unit, Names,
        Cursor, MaxPoints;
    /// What reads take that have no cut-off.
    PLAIN:
        SeriesId, Name, Labels, StartValid, EndValid, StartKnown, EndKnown, AsOf, AsOfChange,
        MinLead, MaxLead, Unit, Names;
    RELATIVE:
        SeriesId, Name, Labels, StartValid, EndValid, WindowLength, IssueOffset, StartWindow,
        DaysAhead, TimeOfDay, Tz, AsOf, AsOfChange, Unit, Names;
    /// What the read of last points takes.
    pub LAST: SeriesId, Name, Labels, EndValid, AsOf, AsOfChange, Unit, Names;
    /// What reads of buckets take.
    pub BUCKETS:
        Bucket, Tz, Fill, SeriesId, Name, Labels, StartValid, EndValid, StartKnown, EndKnown, AsOf,
        AsOfChange, MinLead, MaxLead, Unit, Aggregates, LookBefore, Names;
    /// What reads of changes take.
    pub CHANGES: Since, Cursor, SeriesId, Name, Labels, MaxPoints, Names;
}

/// What all reads of points filter by: everything but the mode.
pub const FILTERS: &[Argument] = READ.split_at(1).1;

/// A function that reads, and what it takes.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// Its name, without the schema.
    pub name: &'static str,
    /// Its arguments.
    pub arguments: &'static [Argument],
}

impl Function {
    const fn new(name: &'static str, arguments: &'static [Argument]) -> Self {
        Self { name, arguments }
    }

    /// The name with the types of the arguments, as PostgreSQL finds it by.
    pub fn signature(self) -> String {
        let types: Vec<_> = self.arguments.iter().map(|a| a.kind().sql_type()).collect();
        format!("{}({})", self.qualified_name(), types.join(","))
    }

    /// The name with its schema: what is private is in one of its own.
    pub fn qualified_name(self) -> String {
        let schema = if self.name.starts_with('_') {
            "timedb_internal"
        } else {
            "timedb"
        };
        format!("{schema}.{}", self.name)
    }
}

/// Points for the HTTP server.
pub const READ_PACKED: Function = Function::new("_read_packed", &READ);
/// A page of points for the HTTP server.
pub const READ_PAGE_PACKED: Function = Function::new("_read_page_packed", &PAGE);
/// Buckets for the HTTP server.
pub const READ_BUCKETS_PACKED: Function = Function::new("_read_buckets_packed", &BUCKETS);
/// Changes for the HTTP server.
pub const READ_CHANGES_PACKED: Function = Function::new("_read_changes_packed", &CHANGES);

/// All of them.
pub const FUNCTIONS: [Function; 13] = [
    READ_PACKED,
    READ_PAGE_PACKED,
    Function::new("_read_chunks", &READ),
    Function::new("_read_rows", &READ),
    Function::new("read_flat", &PLAIN),
    Function::new("read_overlapping", &PLAIN),
    Function::new("read_versions", &PLAIN),
    Function::new("read_relative", &RELATIVE),
    Function::new("read_last", &LAST),
    Function::new("read_buckets", &BUCKETS),
    READ_BUCKETS_PACKED,
    Function::new("read_changes", &CHANGES),
    READ_CHANGES_PACKED,
];
