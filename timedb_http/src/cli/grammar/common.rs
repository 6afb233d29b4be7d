//! What the grammars of all commands have in common.

use clap::Args;

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
