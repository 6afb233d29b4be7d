//! The grammar of the commands that administer a store: its tables, users and keys, what was done to them, and upkeep.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jiff::civil::Date;

use crate::cli::config::Dsn;

/// The end of every help text.
pub const EXIT_CODES: &str = "\
Database: --dsn, else TIMEDB_DSN, else DATABASE_URL, else the same names in a file .env
          (postgres://user:password@host:port/database or key=value pairs). Other users of
          this machine can see a command's arguments, so a password is safer in the
          environment or in .env.

Exit codes: 0 done, or answered no to a question
            1 failed; the reason is on stderr as `ERROR: ...`
            2 wrong usage, no DSN, or a question that nobody can answer (pass -y)";

/// What every command that works on the database takes.
#[derive(Debug, Args)]
pub struct Common {
    /// The database [default: TIMEDB_DSN, DATABASE_URL or .env]
    #[arg(short, long, value_name = "DSN")]
    pub dsn: Option<Dsn>,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
    /// Answer yes to every question
    #[arg(short = 'y', long = "yes")]
    pub yes: bool,
}

#[derive(Debug, Subcommand)]
pub enum Create {
    /// Create timedb's tables and functions (CREATE EXTENSION timedb)
    #[command(after_help = EXIT_CODES)]
    Tables(CreateTables),
}

#[derive(Debug, Subcommand)]
pub enum Delete {
    /// Delete timedb's tables and functions with all data of every tenant
    #[command(after_help = EXIT_CODES)]
    Tables(Common),
}

#[derive(Debug, Args)]
pub struct CreateTables {
    #[command(flatten)]
    pub common: Common,
    /// Require an API key for every request
    #[arg(long, overrides_with = "no_users")]
    pub with_users: bool,
    /// One tenant and no keys, for a new store (the default); an existing store keeps its users
    #[arg(long, overrides_with = "with_users")]
    pub no_users: bool,
    /// Print the SQL and execute nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Subcommand)]
pub enum Users {
    /// Create a user and print the API key once
    #[command(after_help = EXIT_CODES)]
    Create(CreateUser),
    /// List users, newest first
    #[command(after_help = EXIT_CODES)]
    List(ListUsers),
    /// Restore the access of a deactivated user
    #[command(after_help = EXIT_CODES)]
    Activate(OneUser),
    /// Refuse a user's keys from the next request on
    #[command(after_help = EXIT_CODES)]
    Deactivate(OneUser),
    /// Replace all keys of a user with a new one and print it once
    #[command(after_help = EXIT_CODES)]
    RegenerateKey(OneUser),
}

#[derive(Debug, Args)]
pub struct CreateUser {
    #[command(flatten)]
    pub common: Common,
    /// The user's tenant (a UUID), created if it does not exist [default: a new tenant]
    #[arg(short, long, value_name = "UUID")]
    pub tenant_id: Option<String>,
    /// The user's email address
    #[arg(short, long)]
    pub email: String,
}

#[derive(Debug, Args)]
pub struct ListUsers {
    #[command(flatten)]
    pub common: Common,
    /// Only the users of this tenant
    #[arg(short, long, value_name = "UUID")]
    pub tenant_id: Option<String>,
    /// Also list deactivated users
    #[arg(long)]
    pub include_inactive: bool,
}

/// Arguments of the commands that act on one user.
#[derive(Debug, Args)]
pub struct OneUser {
    #[command(flatten)]
    pub common: Common,
    /// The user's email address
    #[arg(short, long)]
    pub email: String,
    /// The user's tenant; required if several tenants have a user with this email address
    #[arg(short, long, value_name = "UUID")]
    pub tenant_id: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Give a user another key and print it once
    #[command(after_help = EXIT_CODES)]
    Create(CreateKey),
    /// List keys, newest first
    #[command(after_help = EXIT_CODES)]
    List(ListKeys),
    /// End a key immediately
    #[command(after_help = EXIT_CODES)]
    Revoke(OneKey),
    /// Replace a key with a new one and print it once; both work for a while
    #[command(after_help = EXIT_CODES)]
    Rotate(RotateKey),
    /// Tell whether a text from standard input has the form of a key, without a database
    #[command(after_help = EXIT_CODES)]
    Check(CheckKey),
}

#[derive(Debug, Args)]
pub struct CreateKey {
    #[command(flatten)]
    pub common: Common,
    /// The user's email address
    #[arg(short, long)]
    pub email: String,
    /// What the key is for, to distinguish it from the user's other keys
    #[arg(short, long)]
    pub name: String,
    /// The key can read but not write
    #[arg(long)]
    pub read_only: bool,
    /// When the key expires, such as 2027-01-01 or 2027-01-01T12:00:00Z [default: never]
    #[arg(long, value_name = "TIME", conflicts_with = "expires_in")]
    pub expires_at: Option<String>,
    /// How long the key remains valid, such as 12h or 90d
    #[arg(long, value_name = "TIME")]
    pub expires_in: Option<String>,
    /// When the key starts to work [default: now]
    #[arg(long, value_name = "TIME")]
    pub not_before: Option<String>,
    /// The user's tenant; required if several tenants have a user with this email address
    #[arg(short, long, value_name = "UUID")]
    pub tenant_id: Option<String>,
}

#[derive(Debug, Args)]
pub struct ListKeys {
    #[command(flatten)]
    pub common: Common,
    /// Only the keys of this user
    #[arg(short, long)]
    pub email: Option<String>,
    /// Only the keys of this tenant
    #[arg(short, long, value_name = "UUID")]
    pub tenant_id: Option<String>,
    /// Also list revoked and expired keys
    #[arg(short, long)]
    pub all: bool,
}

/// Arguments of the commands that act on one key.
#[derive(Debug, Args)]
pub struct OneKey {
    #[command(flatten)]
    pub common: Common,
    /// The key's id (not the key), as `timedb keys list` shows it
    #[arg(value_name = "KEY_ID")]
    pub key_id: String,
}

#[derive(Debug, Args)]
pub struct RotateKey {
    #[command(flatten)]
    pub key: OneKey,
    /// How long the old key continues to work; 0s ends it immediately
    #[arg(long, value_name = "TIME", default_value = "24h")]
    pub overlap: String,
}

#[derive(Debug, Args)]
pub struct CheckKey {
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Events {
    #[command(flatten)]
    pub common: Common,
    /// Only the events of this tenant
    #[arg(short, long, value_name = "UUID")]
    pub tenant_id: Option<String>,
    /// The maximum number of events
    #[arg(long, value_name = "N", default_value_t = 100, allow_negative_numbers = true,
        value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
}

#[derive(Debug, Args)]
pub struct Stats {
    #[command(flatten)]
    pub common: Common,
    /// Only this tenant
    #[arg(short, long, value_name = "UUID")]
    pub tenant_id: Option<String>,
}

#[derive(Debug, Args)]
pub struct ShowUsage {
    #[command(flatten)]
    pub common: Common,
    /// Only the keys of this tenant
    #[arg(short, long, value_name = "UUID")]
    pub tenant_id: Option<String>,
    /// From this day on (UTC)
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub since: Option<Date>,
    /// Before this day (UTC)
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub until: Option<Date>,
    /// One line for each key, with the sums of all these days
    #[arg(long)]
    pub total: bool,
}

#[derive(Debug, Args)]
pub struct Compact {
    #[command(flatten)]
    pub common: Common,
    /// Only the store of this tenant
    #[arg(short, long, value_name = "UUID")]
    pub tenant_id: Option<String>,
    /// About how many points one transaction rewrites
    #[arg(long, value_name = "N", default_value_t = 1_000_000, allow_negative_numbers = true,
        value_parser = clap::value_parser!(i64).range(1..))]
    pub max_points: i64,
    /// Fold what was written last, and merge only segments of which a series has many
    #[arg(long)]
    pub partly: bool,
}

#[derive(Debug, Args)]
pub struct Export {
    #[command(flatten)]
    pub common: Common,
    /// The tenant
    #[arg(short, long, visible_alias = "tenant", value_name = "UUID")]
    pub tenant_id: String,
    /// Lines of JSON, or an Arrow IPC stream
    #[arg(short, long, value_enum, default_value_t = FileFormat::Ndjson)]
    pub format: FileFormat,
    /// The file; it appears once it is whole [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// The form of an export.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum FileFormat {
    Ndjson,
    Arrow,
}

#[derive(Debug, Args)]
pub struct Import {
    #[command(flatten)]
    pub common: Common,
    /// The file, in either form [default: stdin]
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
}
