//! The settings of `timedb api` from a file, and where each one comes from. A key of the file is the name of a flag, and
//! its value goes through that flag's own checks: flags count before the environment, and that before the file.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::ops::Range;
use std::path::Path;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use toml::{Table, Value};

use crate::cli::config::{self, redact};

/// What is no setting but says where they are, or what to do with them.
const NO_SETTINGS: [&str; 4] = ["config", "print-config", "help", "version"];

/// Below this likeness, a name is not what somebody meant.
const ALIKE: f64 = 0.7;

/// Where a setting comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingSource {
    Flag,
    Environment,
    File,
    Default,
}

/// A setting of the server as it counts. Its values are for comparing, and for showing after [`Setting::shown`].
#[derive(Clone, Debug)]
pub struct Setting {
    pub name: String,
    pub source: SettingSource,
    values: Vec<String>,
    is_list: bool,
}

impl Setting {
    /// Whether two say the same, wherever they come from.
    pub fn is_as(&self, other: &Self) -> bool {
        self.name == other.name && self.values == other.values
    }

    /// A line of a settings file, without what is secret.
    pub fn shown(&self) -> String {
        let source = match self.source {
            SettingSource::Flag => "flag",
            SettingSource::Environment => "environment",
            SettingSource::File => "file",
            SettingSource::Default => "default",
        };
        let values: Vec<String> = self.values.iter().map(|value| shown(value)).collect();
        let value = match values.as_slice() {
            [] => return format!("# {} is not set", self.name),
            [value] if !self.is_list => value.clone(),
            values => format!("[{}]", values.join(", ")),
        };
        format!("{} = {value}  # {source}", self.name)
    }
}

fn shown(value: &str) -> String {
    if timedb_key::check(value).is_ok() {
        return "\"***\"".to_owned();
    }
    if value.parse::<u64>().is_ok() || value.parse::<bool>().is_ok() {
        return value.to_owned();
    }
    Value::String(redact(value, value)).to_string()
}

/// Those flags that are settings, with their names.
fn known(api: &Command) -> impl Iterator<Item = (&str, &Arg)> {
    let named = api
        .get_arguments()
        .filter_map(|arg| Some((arg.get_long()?, arg)));
    named.filter(|(name, _)| !NO_SETTINGS.contains(name))
}

/// The arguments that a file of settings stands for, of those that are not given otherwise.
///
/// # Errors
/// What is wrong with the file, without what is in it.
pub fn read(path: &Path, api: &Command, given: &ArgMatches) -> Result<Vec<OsString>, String> {
    let place = path.display();
    let text = fs::read_to_string(path)
        .map_err(|error| format!("The file of settings {place} cannot be read: {error}"))?;
    let table: Table = toml::from_str(&text).map_err(|error| {
        let line = line_of(&text, error.span());
        format!("{place}, line {line}: {}", error.message())
    })?;
    let mut arguments = Vec::new();
    for (key, value) in &table {
        let Some((name, arg)) = known(api).find(|(name, _)| name == key) else {
            return Err(format!("{place}: {}", unknown(key, api)));
        };
        let texts = texts(arg, value).map_err(|wrong| format!("{place}: {key} {wrong}"))?;
        let is_given = match given.value_source(arg.get_id().as_str()) {
            Some(ValueSource::CommandLine | ValueSource::EnvVariable) => true,
            _ => name == "dsn" && config::is_in_environment(|name| env::var(name).ok()),
        };
        if !is_given {
            arguments.extend(texts.iter().map(|text| match text {
                Some(text) => format!("--{name}={text}").into(),
                None => format!("--{name}").into(),
            }));
        }
    }
    Ok(arguments)
}

fn line_of(text: &str, span: Option<Range<usize>>) -> usize {
    let at = span.map_or(0, |span| span.start.min(text.len()));
    let before = text.as_bytes().iter().take(at);
    1 + before.filter(|byte| **byte == b'\n').count()
}

fn unknown(key: &str, api: &Command) -> String {
    let alike = |name: &str| strsim::jaro_winkler(&key.replace('_', "-"), name);
    let nearest = known(api).map(|(name, _)| (alike(name), name));
    let nearest = nearest.max_by(|a, b| a.0.total_cmp(&b.0));
    match nearest {
        Some((likeness, name)) if likeness >= ALIKE => {
            format!("{key} is not a setting; is {name} meant?")
        }
        _ => format!("{key} is not a setting; they are named like the flags of timedb api --help"),
    }
}

/// The values of a flag; `None` is one that has no value.
fn texts(arg: &Arg, value: &Value) -> Result<Vec<Option<String>>, &'static str> {
    let scalar = |value: &Value| match value {
        Value::String(text) => Ok(Some(text.clone())),
        Value::Integer(number) => Ok(Some(number.to_string())),
        _ => Err("has to be a text or a whole number"),
    };
    match (arg.get_action(), value) {
        (ArgAction::SetTrue, Value::Boolean(true)) => Ok(vec![None]),
        (ArgAction::SetTrue, Value::Boolean(false)) => Ok(Vec::new()),
        (ArgAction::SetTrue, _) => Err("has to be true or false"),
        (ArgAction::Append, Value::Array(values)) => values.iter().map(scalar).collect(),
        _ => Ok(vec![scalar(value)?]),
    }
}

/// All settings as they count; those in `of_file` are arguments that a file stands for.
pub fn all(api: &Command, matches: &ArgMatches, of_file: &[OsString]) -> Vec<Setting> {
    let is_of_file = |name: &str| {
        let flag = format!("--{name}");
        let begins = |argument: &OsString| {
            let rest = argument.to_str().and_then(|text| text.strip_prefix(&flag));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        };
        of_file.iter().any(begins)
    };
    let setting = |(name, arg): (&str, &Arg)| {
        let id = arg.get_id().as_str();
        let raw = matches.get_raw(id).into_iter().flatten();
        Setting {
            source: match matches.value_source(id) {
                Some(ValueSource::CommandLine) if is_of_file(name) => SettingSource::File,
                Some(ValueSource::CommandLine) => SettingSource::Flag,
                Some(ValueSource::EnvVariable) => SettingSource::Environment,
                _ => SettingSource::Default,
            },
            values: match arg.get_action() {
                ArgAction::SetTrue => vec![matches.get_flag(id).to_string()],
                _ => raw
                    .map(|value| value.to_string_lossy().into_owned())
                    .collect(),
            },
            is_list: matches!(arg.get_action(), ArgAction::Append),
            name: name.to_owned(),
        }
    };
    known(api).map(setting).collect()
}
