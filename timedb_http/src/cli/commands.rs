//! What each command does; one module per group of commands.

mod api;
mod arrow_stream;
mod calls;
mod compact;
mod doctor;
mod events;
mod export;
mod import;
mod keys;
mod moving;
mod part_file;
mod place;
mod read;
mod reload;
mod roles;
mod series;
mod shown;
mod stats;
mod stop;
mod tables;
mod tenant;
mod tenants;
mod tools;
mod usage;
mod users;
mod write;

use tokio::runtime::Builder;

use crate::cli::config::Environment;
use crate::cli::failure::Failure;
use crate::cli::grammar::{Command, Create, Delete};

/// Runs a command to its end.
pub fn run(command: Command, environment: &Environment) -> Result<(), Failure> {
    let mut runtime = match &command {
        Command::Api(_) => Builder::new_multi_thread(),
        // One connection, one statement after the other: a single thread is enough.
        _ => Builder::new_current_thread(),
    };
    runtime.enable_all().build()?.block_on(async {
        match &command {
            Command::Create(Create::Tables(arguments)) => {
                tables::create(arguments, environment).await
            }
            Command::Delete(Delete::Tables(common)) => tables::delete(common, environment).await,
            Command::Tenants(command) => tenants::run(command, environment).await,
            Command::Users(command) => users::run(command, environment).await,
            Command::Keys(command) => keys::run(command, environment).await,
            Command::Roles(command) => roles::run(command, environment).await,
            Command::Series(command) => series::run(command, environment).await,
            Command::Write(arguments) => write::run(arguments, environment).await,
            Command::Read(arguments) => read::run(arguments, environment).await,
            Command::Events(arguments) => events::run(arguments, environment).await,
            Command::Doctor(common) => doctor::run(common, environment).await,
            Command::Stats(arguments) => stats::run(arguments, environment).await,
            Command::Usage(arguments) => usage::run(arguments, environment).await,
            Command::Compact(arguments) => compact::run(arguments, environment).await,
            Command::Export(arguments) => export::run(arguments, environment).await,
            Command::Import(arguments) => import::run(arguments, environment).await,
            Command::Completions(arguments) => tools::completions(arguments),
            Command::Man(arguments) => tools::manual(arguments),
            Command::Api(arguments) => api::serve(arguments, environment).await,
        }
    })
}
