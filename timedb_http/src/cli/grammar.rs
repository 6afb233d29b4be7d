//! The command line's grammar: commands, flags, help texts and what clap says about a mistake.
//! What a command does is in `commands/`; where its DSN comes from is in `config.rs`.

mod administration;
mod api;
mod points;
mod roles;
mod series;
mod settings;
mod tenants;
mod tools;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::cli::config::{may_be_a_rest, redact};
use crate::cli::terminal;

use administration::EXIT_CODES;
pub use administration::{
    CheckKey, Common, Compact, Create, CreateKey, CreateTables, CreateUser, Delete, Events, Export,
    FileFormat, Import, Keys, ListKeys, ListUsers, OneKey, OneUser, RotateKey, ShowUsage, Stats,
    Users,
};
pub use api::ApiArgs;
pub use points::{PointFormat, ReadMode, ReadPoints, WritePoints};
pub use roles::{BindRole, ListRoles, OneRole, Roles};
pub use series::{AsTenant, DescribeSeries, ListSeries, SeriesCommand};
pub use settings::{Setting, SettingSource};
pub use tenants::{CreateTenant, DeleteTenant, Tenants};
pub use tools::{Completions, Manual};

const ABOUT: &str = "A multi-tenant store for time series that get revised, in PostgreSQL";

/// `timedb`: a multi-tenant store for time series in PostgreSQL.
#[derive(Debug, Parser)]
#[command(name = "timedb", version, about = ABOUT, after_help = EXIT_CODES, max_term_width = 100)]
pub struct Cli {
    /// What may come before the command as well as after it.
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create the store in a database
    #[command(subcommand)]
    Create(Create),
    /// Delete the store from a database
    #[command(subcommand)]
    Delete(Delete),
    /// Manage tenants
    #[command(subcommand)]
    Tenants(Tenants),
    /// Manage users and their API keys
    #[command(subcommand)]
    Users(Users),
    /// Manage API keys: several per user, read-only ones, rotation
    #[command(subcommand)]
    Keys(Keys),
    /// Manage login roles that are a user of a tenant without a key
    #[command(subcommand)]
    Roles(Roles),
    /// Show a tenant's series
    #[command(subcommand)]
    Series(SeriesCommand),
    /// Store points from a file or stdin; run again after an interruption, it stores nothing twice
    #[command(after_help = EXIT_CODES)]
    Write(WritePoints),
    /// Print points, write them to a file, or draw them
    #[command(after_help = EXIT_CODES)]
    Read(ReadPoints),
    /// Show what was done to tenants, users and keys, newest first
    #[command(after_help = EXIT_CODES)]
    Events(Events),
    /// Show how much each tenant has stored
    #[command(after_help = EXIT_CODES)]
    Stats(Stats),
    /// Show how much each key was used on each day, as servers count it
    #[command(after_help = EXIT_CODES)]
    Usage(ShowUsage),
    /// Look for what is wrong with a store and the server that it is in; change nothing
    #[command(after_help = EXIT_CODES)]
    Doctor(Common),
    /// Make the stores of all tenants smaller and faster to read; no answer changes
    #[command(after_help = EXIT_CODES)]
    Compact(Compact),
    /// Write all that a tenant has to a file, to move it into another store
    #[command(after_help = EXIT_CODES)]
    Export(Export),
    /// Store a tenant that `timedb export` has written, all of it or nothing
    #[command(after_help = EXIT_CODES)]
    Import(Import),
    /// Print a script that completes commands and options in a shell
    #[command(after_help = EXIT_CODES)]
    Completions(Completions),
    /// Write the pages of the manual to a folder
    #[command(after_help = EXIT_CODES)]
    Man(Manual),
    /// Serve the HTTP API
    #[command(after_help = EXIT_CODES)]
    Api(ApiArgs),
}

/// What clap has to say instead of a command: help, the version or a mistake.
#[derive(Debug)]
pub struct Message {
    pub text: String,
    pub is_mistake: bool,
}

/// The grammar itself, for whatever is made of it.
pub fn grammar() -> clap::Command {
    Cli::command()
}

/// Parses the arguments. Clap repeats an argument that is in a wrong place, and that may be a DSN or a
/// key: the secret is taken out of the message.
pub fn parse(arguments: &[OsString]) -> Result<Cli, Message> {
    let read = |arguments: &[OsString]| Cli::command().try_get_matches_from(arguments);
    let matches = read(arguments).map_err(|error| message(&error, arguments))?;
    let Some((file, given)) = settings_file(&matches) else {
        return settled(&matches, &[]).map_err(|error| message(&error, arguments));
    };
    let of_file = settings::read(&file, &api_command(), given).map_err(|wrong| Message {
        text: format!("ERROR: {wrong}"),
        is_mistake: true,
    })?;
    let all = [arguments, &of_file].concat();
    let parsed = read(&all).and_then(|matches| settled(&matches, &of_file));
    parsed.map_err(|error| {
        let mut message = message(&error, &all);
        if message.is_mistake {
            message.text = format!("With the settings of {}: {}", file.display(), message.text);
        }
        message
    })
}

/// The grammar of `timedb api` alone.
fn api_command() -> clap::Command {
    let mut all = Cli::command();
    all.build();
    all.find_subcommand("api").cloned().unwrap_or_default()
}

/// The file of settings that is named, and what is given besides.
fn settings_file(matches: &ArgMatches) -> Option<(PathBuf, &ArgMatches)> {
    let (name, api) = matches.subcommand()?;
    if name != "api" {
        return None;
    }
    let file: &PathBuf = api.get_one("config")?;
    Some((file.clone(), api))
}

fn settled(matches: &ArgMatches, of_file: &[OsString]) -> Result<Cli, clap::Error> {
    let mut cli = Cli::from_arg_matches(matches).and_then(Cli::settled)?;
    if let (Command::Api(arguments), Some((_, api))) = (&mut cli.command, matches.subcommand()) {
        arguments.settings = settings::all(&api_command(), api, of_file);
    }
    Ok(cli)
}

fn message(error: &clap::Error, arguments: &[OsString]) -> Message {
    {
        let styled = error.render();
        let text = if terminal::is_fancy(error.use_stderr()) {
            styled.ansi().to_string()
        } else {
            styled.to_string()
        };
        Message {
            text: without_secrets(text, arguments),
            is_mistake: error.use_stderr(),
        }
    }
}

impl Cli {
    /// Gives the command what came before it and not after it.
    fn settled(mut self) -> Result<Self, clap::Error> {
        let Self {
            common: before,
            command,
        } = &mut self;
        let common = match command {
            Command::Create(Create::Tables(arguments)) => &mut arguments.common,
            Command::Delete(Delete::Tables(common)) => common,
            Command::Tenants(Tenants::List(common)) => common,
            Command::Tenants(Tenants::Create(arguments)) => &mut arguments.common,
            Command::Tenants(Tenants::Delete(arguments)) => &mut arguments.common,
            Command::Users(Users::Create(arguments)) => &mut arguments.common,
            Command::Users(Users::List(arguments)) => &mut arguments.common,
            Command::Users(
                Users::Activate(arguments)
                | Users::Deactivate(arguments)
                | Users::RegenerateKey(arguments),
            ) => &mut arguments.common,
            Command::Keys(Keys::Create(arguments)) => &mut arguments.common,
            Command::Keys(Keys::List(arguments)) => &mut arguments.common,
            Command::Keys(Keys::Revoke(arguments)) => &mut arguments.common,
            Command::Keys(Keys::Rotate(arguments)) => &mut arguments.key.common,
            Command::Roles(Roles::Bind(arguments)) => &mut arguments.role.common,
            Command::Roles(Roles::Unbind(arguments)) => &mut arguments.common,
            Command::Roles(Roles::List(arguments)) => &mut arguments.common,
            Command::Series(SeriesCommand::List(arguments)) => &mut arguments.tenant.common,
            Command::Series(SeriesCommand::Describe(arguments)) => &mut arguments.tenant.common,
            Command::Write(arguments) => &mut arguments.tenant.common,
            Command::Read(arguments) => &mut arguments.tenant.common,
            Command::Events(arguments) => &mut arguments.common,
            Command::Doctor(common) => common,
            Command::Stats(arguments) => &mut arguments.common,
            Command::Usage(arguments) => &mut arguments.common,
            Command::Compact(arguments) => &mut arguments.common,
            Command::Export(arguments) => &mut arguments.common,
            Command::Import(arguments) => &mut arguments.common,
            Command::Keys(Keys::Check(arguments)) => {
                arguments.json |= before.json;
                return Ok(self);
            }
            Command::Man(arguments) => {
                arguments.json |= before.json;
                return Ok(self);
            }
            Command::Completions(_) => {
                if before.json {
                    let error = Self::command().error(
                        ErrorKind::ArgumentConflict,
                        "the argument '--json' is not for 'timedb completions', which prints a script",
                    );
                    return Err(error);
                }
                return Ok(self);
            }
            Command::Api(arguments) => {
                if before.json {
                    let error = Self::command().error(
                        ErrorKind::ArgumentConflict,
                        "the argument '--json' is not for 'timedb api', which prints one line",
                    );
                    return Err(error);
                }
                arguments.dsn = arguments.dsn.take().or(before.dsn.take());
                return Ok(self);
            }
        };
        common.dsn = common.dsn.take().or(before.dsn.take());
        common.json |= before.json;
        common.yes |= before.yes;
        Ok(self)
    }
}

/// Clap repeats what is in a wrong place.
fn without_secrets(mut text: String, arguments: &[OsString]) -> String {
    let arguments: Vec<&str> = arguments.iter().filter_map(|text| text.to_str()).collect();
    for (place, argument) in arguments.iter().enumerate() {
        if timedb_key::check(argument).is_ok() {
            text = text.replace(argument, "***");
        }
        text = redact(&text, argument);
        // A password with a blank in it, and no quotes around: what the shell has made of it are two arguments.
        if may_be_a_rest(argument, &arguments[..place]) {
            text = text.replace(&format!("'{argument}'"), "'***'");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn grammar_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn commands_of_the_notebook_parse() {
        for line in [
            "timedb delete tables --dsn postgres://h/d -y",
            "timedb create tables --dsn postgres://h/d --with-users -y",
            "timedb users create --dsn postgres://h/d --tenant-id x --email a@b.c",
            "timedb users list --dsn postgres://h/d",
            "timedb api --host 127.0.0.1 --port 8000",
            "timedb users deactivate --dsn postgres://h/d --email a@b.c -y",
            "timedb users activate --dsn postgres://h/d --email a@b.c",
            "timedb users regenerate-key -d postgres://h/d -e a@b.c -y",
        ] {
            assert!(parse(&words(line)).is_ok(), "{line}");
        }
    }

    #[test]
    fn last_of_with_users_and_no_users_wins() {
        let with_users = |line| match parse(&words(line)).unwrap().command {
            Command::Create(Create::Tables(arguments)) => arguments.with_users,
            other => panic!("{other:?}"),
        };
        assert!(with_users("timedb create tables --no-users --with-users"));
        assert!(!with_users("timedb create tables --with-users --no-users"));
        assert!(!with_users("timedb create tables"));
    }

    #[test]
    fn what_every_command_takes_may_stand_before_it() {
        let dsn = |line| {
            let command = parse(&words(line)).unwrap().command;
            let Command::Users(Users::List(arguments)) = command else {
                panic!("{command:?}")
            };
            (arguments.common.dsn.is_some(), arguments.common.json)
        };
        assert_eq!(
            dsn("timedb --dsn postgres://h/d --json users list"),
            (true, true)
        );
        assert_eq!(dsn("timedb users list"), (false, false));
        let api = parse(&words("timedb -d postgres://h/d api --port 0")).unwrap();
        let Command::Api(arguments) = api.command else {
            panic!("not the server")
        };
        assert!(arguments.dsn.is_some());
        assert!(parse(&words("timedb --json api")).unwrap_err().is_mistake);
    }

    #[test]
    fn debug_of_arguments_hides_the_password() {
        let cli = parse(&words("timedb users list -d postgres://u:hunter2@h/d")).unwrap();
        assert!(!format!("{cli:?}").contains("hunter2"));
    }

    #[test]
    fn help_and_version_are_no_mistakes_and_wrong_usage_is_one() {
        let message = |line| parse(&words(line)).unwrap_err();
        assert!(message("timedb users").is_mistake);
        assert!(message("timedb users create").text.contains("--email"));
        assert!(!message("timedb --version").is_mistake);
        let help = message("timedb users create --help");
        assert!(help.text.contains("Exit codes: 0"), "{}", help.text);
    }

    #[test]
    fn message_about_a_misplaced_dsn_hides_the_password() {
        for line in [
            "timedb users postgres://u:hunter2@h/d",
            "timedb api --port postgres://u:hunter2@h/d",
            "timedb api --port=postgres://u:hunter2@h/d",
        ] {
            let message = parse(&words(line)).unwrap_err();
            assert!(message.text.contains("u:***@h"), "{}", message.text);
        }
        // As a shell gives it that has cut a password at its blanks.
        for line in [
            "timedb users list --dsn postgres://u:my hunter2@h/d",
            "timedb users list --dsn host=h password=my hunter2",
            "timedb users list --dsn host=h password=hunter2 user=u",
            "timedb users list --dsn postgres://u:hunter2 more@h/d",
        ] {
            let message = parse(&words(line)).unwrap_err();
            assert!(!message.text.contains("hunter2"), "{}", message.text);
        }
    }

    #[test]
    fn message_about_a_key_among_the_arguments_hides_the_key() {
        let key = "tdb_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf1Yo7hP";
        let message = parse(&words(&format!("timedb keys check {key}"))).unwrap_err();
        assert!(!message.text.contains("tdb_"), "{}", message.text);
    }
}
