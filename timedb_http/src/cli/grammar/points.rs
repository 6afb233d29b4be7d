//! The grammar of the commands that bring points in and out.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::series::AsTenant;

/// How points are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PointFormat {
    /// Columns with a header
    Csv,
    /// A JSON object on each line
    Ndjson,
    /// A JSON array of objects
    Json,
    /// An Arrow IPC stream
    Arrow,
    /// A Parquet file
    Parquet,
}

impl PointFormat {
    /// What the end of a file's name says, with or without that of gzip.
    pub fn of_name(path: &Path) -> Option<Self> {
        let ending = |path: &Path| Some(path.extension()?.to_str()?.to_ascii_lowercase());
        let mut found = ending(path)?;
        if found == "gz" {
            found = ending(path.file_stem()?.as_ref())?;
        }
        match found.as_str() {
            "csv" => Some(Self::Csv),
            "ndjson" | "jsonl" => Some(Self::Ndjson),
            "json" => Some(Self::Json),
            "arrow" | "arrows" => Some(Self::Arrow),
            "parquet" => Some(Self::Parquet),
            _ => None,
        }
    }
}

#[derive(Debug, Args)]
pub struct WritePoints {
    #[command(flatten)]
    pub tenant: AsTenant,
    /// The file; - or none for stdin. It may be compressed by gzip
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// How the points are written down [default: what the file looks like]
    #[arg(short, long, value_enum)]
    pub format: Option<PointFormat>,
    /// The series of rows that do not name one
    #[arg(short, long)]
    pub name: Option<String>,
    /// A label of that series, such as site=north; may be given several times
    #[arg(short, long = "label", value_name = "NAME=VALUE", requires = "name")]
    pub labels: Vec<String>,
    /// The unit of values in rows that do not say it
    #[arg(short, long)]
    pub unit: Option<String>,
    /// When values became known of which rows do not say it [default: when they are written]
    #[arg(long, value_name = "TIME")]
    pub known_time: Option<String>,
    /// What the batches are called in timedb.batches
    #[arg(long, value_name = "TEXT", default_value = "timedb-write")]
    pub workflow_id: String,
    /// What identifies this write, so that it can be repeated [default: the content of the file]
    #[arg(long, value_name = "ID")]
    pub batch: Option<String>,
    /// How many points are written at once
    #[arg(long, value_name = "N", default_value_t = 100_000, allow_negative_numbers = true,
        value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub batch_points: u32,
    /// Leave out points that are stored with the same value already
    #[arg(long)]
    pub skip_unchanged: bool,
}

/// Which versions of points are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReadMode {
    /// The newest version of each point
    Flat,
    /// The newest version of each point and known time: all forecasts side by side
    Overlapping,
    /// Every version
    Versions,
}

impl ReadMode {
    /// What SQL calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::Overlapping => "overlapping",
            Self::Versions => "versions",
        }
    }
}

#[derive(Debug, Args)]
pub struct ReadPoints {
    #[command(flatten)]
    pub tenant: AsTenant,
    /// Only the series with these names
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Only the series with this id; may be given several times
    #[arg(long, value_name = "UUID")]
    pub series_id: Vec<uuid::Uuid>,
    /// Only series with this label, such as site=north; may be given several times
    #[arg(short, long = "label", value_name = "NAME=VALUE")]
    pub labels: Vec<String>,
    /// Only points from this valid time on
    #[arg(long, value_name = "TIME")]
    pub start_valid: Option<String>,
    /// Only points before this valid time
    #[arg(long, value_name = "TIME")]
    pub end_valid: Option<String>,
    /// Only versions known from this time on
    #[arg(long, value_name = "TIME")]
    pub start_known: Option<String>,
    /// Only versions known before this time
    #[arg(long, value_name = "TIME")]
    pub end_known: Option<String>,
    /// Only what was known by then
    #[arg(long, value_name = "TIME")]
    pub as_of: Option<String>,
    /// Only what was written by then
    #[arg(long, value_name = "TIME")]
    pub as_of_change: Option<String>,
    /// Which versions of points [default: flat; overlapping with --plot]
    #[arg(short, long, value_enum)]
    pub mode: Option<ReadMode>,
    /// The unit that values are converted to
    #[arg(short, long)]
    pub unit: Option<String>,
    /// How the points are written down [default: by the end of the file's name, else csv, or json with --json]
    #[arg(short, long, value_enum)]
    pub format: Option<PointFormat>,
    /// The file; it appears once it is whole [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Draw the series and its revisions instead
    #[arg(long, conflicts_with_all = ["format", "output", "json"])]
    pub plot: bool,
}
