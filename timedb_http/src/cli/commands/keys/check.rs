//! `timedb keys check`: the form and the checksum of a key, without a database. The key is read from standard input,
//! because arguments can be seen by other users of the machine.

use std::io::{self, IsTerminal, Read};

use serde::Serialize;

use crate::cli::failure::Failure;
use crate::cli::grammar::CheckKey;
use crate::cli::terminal::{Output, print_json};

/// More than any key, and no reason to read on.
const LIMIT: u64 = 4096;

#[derive(Serialize)]
struct Checked {
    format: &'static str,
    prefix: String,
}

pub(super) fn run(arguments: &CheckKey) -> Result<(), Failure> {
    let text = read()?;
    let key = text.trim_end_matches(['\r', '\n']);
    let format = timedb_key::check(key)
        .map_err(|problem| Failure::new(format!("Not an API key: {problem}")))?;
    let prefix: String = key.chars().take(12).collect();
    let format = format.name();
    if arguments.json {
        return Ok(print_json(&Checked { format, prefix })?);
    }
    let mut out = Output::new();
    out.done(&format!(
        "{prefix}… has the form of an API key (format: {format})"
    ));
    Ok(out.send()?)
}

/// The key, from a pipe or file, or typed at a terminal without being shown.
fn read() -> Result<String, Failure> {
    let unread = |error: io::Error| Failure::new(format!("The key cannot be read: {error}"));
    if io::stdin().is_terminal() {
        return rpassword::prompt_password("API key (not shown): ").map_err(unread);
    }
    let mut bytes = Vec::new();
    io::stdin()
        .lock()
        .take(LIMIT)
        .read_to_end(&mut bytes)
        .map_err(unread)?;
    // What is not text is not a key either, and the message says so.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
