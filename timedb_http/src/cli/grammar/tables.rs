//! The grammar of `timedb create tables` and `timedb delete tables`.

use clap::{Args, Subcommand};

use super::common::{Common, EXIT_CODES};

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
    Tables(DeleteTables),
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

#[derive(Debug, Args)]
pub struct DeleteTables {
    #[command(flatten)]
    pub common: Common,
}
