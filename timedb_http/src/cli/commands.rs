//! What each command does; one module a group of commands.

pub mod api;
mod events;
mod keys;
mod tables;
mod users;

use std::future::Future;

use tokio::runtime;
use uuid::Uuid;

use crate::cli::config::Environment;
use crate::cli::failure::Failure;
use crate::cli::grammar::{Command, Create, Delete, Users};
use crate::cli::terminal::Output;

const SAVE_IT: &str = "Save the API key - it will not be shown again.";

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

/// The key stands alone on its line without box or colour: people and programs copy it from there.
fn show_key(out: &mut Output, label: &str, key: &str) {
    out.line("");
    out.line(&format!("{label}: {key}"));
    out.line("");
    out.warning(SAVE_IT);
}

fn tenant_id(text: Option<&str>) -> Result<Option<Uuid>, Failure> {
    let parse = |text: &str| {
        Uuid::try_parse(text.trim())
            .map_err(|_| Failure::new(format!("Invalid tenant-id UUID: {text}")))
    };
    text.map(parse).transpose()
}

/// SQL for a time as JSON shows it.
fn iso(column: &str) -> String {
    format!(
        "pg_catalog.to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"+00:00\"')"
    )
}

/// A time from [`iso`] for people; a time that is not set is `never`.
fn moment(iso: Option<&str>) -> String {
    match iso {
        Some(iso) => {
            let minute = iso.get(..16).unwrap_or(iso);
            format!("{} UTC", minute.replace('T', " "))
        }
        None => "never".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenant_id_is_a_uuid_or_a_known_text() {
        assert_eq!(tenant_id(None).unwrap(), None);
        let id = "adbe46ce-04e5-4352-8aa9-6accf88a9aeb";
        assert_eq!(tenant_id(Some(id)).unwrap().unwrap().to_string(), id);
        let failure = tenant_id(Some("not-one")).unwrap_err();
        assert_eq!(failure.to_string(), "Invalid tenant-id UUID: not-one");
        assert_eq!(failure.code(), 1);
    }

    #[test]
    fn a_moment_is_shown_to_the_minute() {
        assert_eq!(
            moment(Some("2026-03-01T12:34:56.000000+00:00")),
            "2026-03-01 12:34 UTC"
        );
        assert_eq!(moment(None), "never");
    }
}
