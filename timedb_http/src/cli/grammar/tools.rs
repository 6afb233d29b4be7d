//! The grammar of the commands that tell a machine about this one: completions for shells, and pages of the manual.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

#[derive(Debug, Args)]
pub struct Manual {
    /// The folder, which is created if it does not exist
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}
