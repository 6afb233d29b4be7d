//! The command line: reads the arguments, runs a command, and turns the outcome into an exit code.

mod commands;
mod config;
mod failure;
mod grammar;
mod key;
mod logging;
mod session;
mod terminal;

use std::process::ExitCode;

/// Runs what the arguments of this process say.
pub fn run() -> ExitCode {
    // Before the arguments are read: flags of `timedb api` may have their values in `.env`.
    let environment = config::Environment::load();
    let arguments: Vec<_> = std::env::args_os().collect();
    let outcome = match grammar::parse(&arguments) {
        Ok(cli) => {
            let _log = logging::FlushAtEnd;
            commands::run(cli.command, &environment)
        }
        Err(message) if message.is_mistake => {
            terminal::complain(message.text.trim_end());
            return ExitCode::from(2);
        }
        Err(message) => terminal::unless_gone(terminal::print(&message.text)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            terminal::report(&failure);
            ExitCode::from(failure.code())
        }
    }
}
