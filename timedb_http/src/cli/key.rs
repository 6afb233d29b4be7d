//! The key that a command works with: from a file, from the environment, or typed without being shown. Never an
//! argument, because other users of the machine can see those, and never in a message.

use std::env;
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::Path;

use timedb_key::proof::{self, Challenge};

use crate::cli::failure::Failure;

/// Where the key is, if nothing else says so.
const VARIABLE: &str = "TIMEDB_API_KEY";

/// More than any key, and no reason to read on.
const MOST_READ: u64 = 4096;

/// A key that has the form of one; whether it is valid, the database decides.
pub struct SecretKey(String);

impl SecretKey {
    /// The key that a file or the environment holds, or none.
    ///
    /// # Errors
    /// When the file cannot be read, or what is there is no key.
    pub fn find(file: Option<&Path>) -> Result<Option<Self>, Failure> {
        if let Some(path) = file {
            let unread = |error: io::Error| {
                Failure::new(format!(
                    "The key file {} cannot be read: {error}",
                    path.display()
                ))
            };
            let text = read(&mut File::open(path).map_err(unread)?).map_err(unread)?;
            let place = format!("The key file {}", path.display());
            return Self::parse(&text, &place).map(Some);
        }
        match env::var(VARIABLE) {
            Ok(text) if !text.trim().is_empty() => Self::parse(&text, VARIABLE).map(Some),
            Ok(_) | Err(env::VarError::NotPresent) => Ok(None),
            Err(env::VarError::NotUnicode(_)) => {
                Err(Failure::new(format!("{VARIABLE} holds no API key")))
            }
        }
    }

    /// Asks for it at the terminal; none where there is no terminal to ask at.
    ///
    /// # Errors
    /// When what was typed is no key.
    pub fn prompt() -> Result<Option<Self>, Failure> {
        // The input may be data; the question goes to the terminal itself.
        if !io::stderr().is_terminal() {
            return Ok(None);
        }
        let typed = rpassword::prompt_password("API key (not shown): ")
            .map_err(|error| Failure::new(format!("The key cannot be read: {error}")))?;
        Self::parse(&typed, "What was typed").map(Some)
    }

    fn parse(text: &str, place: &str) -> Result<Self, Failure> {
        let text = text.trim();
        timedb_key::check(text)
            .map_err(|problem| Failure::new(format!("{place} holds no API key: {problem}")))?;
        Ok(Self(text.to_owned()))
    }

    /// What the database gets instead of the key.
    pub fn prove(&self, challenge: &Challenge) -> Vec<u8> {
        proof::prove(&self.0, &timedb_key::hash(&self.0), challenge, 1)
    }
}

/// As much of a file, or of stdin, as a key can have. What is not text is not a key either.
///
/// # Errors
/// When it cannot be read.
pub fn read(input: &mut impl Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    input.take(MOST_READ).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
