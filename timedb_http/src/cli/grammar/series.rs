//! The grammar of the commands that work as a tenant: the key, and how series are named.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::administration::{Common, EXIT_CODES};

/// What every command takes that works as a tenant. The key itself is no argument, because other users of the machine
/// can see those.
#[derive(Debug, Args)]
pub struct AsTenant {
    #[command(flatten)]
    pub common: Common,
    /// A file with the API key [default: TIMEDB_API_KEY, else a question at the terminal]
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum SeriesCommand {
    /// List series by name
    #[command(after_help = EXIT_CODES)]
    List(ListSeries),
    /// Show what is stored of one series
    #[command(after_help = EXIT_CODES)]
    Describe(DescribeSeries),
}

#[derive(Debug, Args)]
pub struct ListSeries {
    #[command(flatten)]
    pub tenant: AsTenant,
    /// Only series with exactly this name
    #[arg(short, long)]
    pub name: Option<String>,
    /// Only series whose name begins with this
    #[arg(short, long)]
    pub prefix: Option<String>,
    /// Only series with this label, such as site=north; may be given several times
    #[arg(short, long = "label", value_name = "NAME=VALUE")]
    pub labels: Vec<String>,
    /// Only series with this text in their name or description
    #[arg(short, long, value_name = "TEXT")]
    pub search: Option<String>,
    /// The maximum number of series [default: all of them]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
}

#[derive(Debug, Args)]
pub struct DescribeSeries {
    #[command(flatten)]
    pub tenant: AsTenant,
    /// Its name, or its id
    #[arg(value_name = "SERIES")]
    pub series: String,
    /// A label that tells it from others of its name, such as site=north; may be given several times
    #[arg(short, long = "label", value_name = "NAME=VALUE")]
    pub labels: Vec<String>,
}
