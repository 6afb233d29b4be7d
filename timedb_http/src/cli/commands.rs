//! What each command does; one module per group of commands.

mod api;
mod events;
mod keys;
mod shown;
mod tables;
mod users;

use std::future::Future;

use tokio::runtime;

use crate::cli::config::Environment;
use crate::cli::failure::Failure;
use crate::cli::grammar::{Command, Create, Delete, Users};

/// Runs a command to its end.
pub fn run(command: Command, environment: &Environment) -> Result<(), Failure> {
    match command {
        Command::Create(Create::Tables(arguments)) => {
            block_on(tables::create(&arguments, environment))
        }
        Command::Delete(Delete::Tables(arguments)) => {
            block_on(tables::delete(&arguments, environment))
        }
        Command::Users(Users::Create(arguments)) => {
            block_on(users::create(&arguments, environment))
        }
        Command::Users(Users::List(arguments)) => {
            block_on(users::list::run(&arguments, environment))
        }
        Command::Users(Users::Activate(arguments)) => {
            block_on(users::activate(&arguments, environment))
        }
        Command::Users(Users::Deactivate(arguments)) => {
            block_on(users::deactivate(&arguments, environment))
        }
        Command::Users(Users::RegenerateKey(arguments)) => {
            block_on(users::regenerate_key(&arguments, environment))
        }
        Command::Keys(command) => block_on(keys::run(&command, environment)),
        Command::Events(arguments) => block_on(events::run(&arguments, environment)),
        Command::Api(arguments) => {
            let runtime = runtime::Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(api::serve(&arguments, environment))
        }
    }
}

/// One connection, one statement after the other: a single thread is enough.
fn block_on(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(command)
}
