//! Why a command stopped: the sentence for the person and the exit code for the program. Decides how the database's
//! errors read; commands add their own explanations in `commands/`.

use std::error::Error as _;
use std::{io, iter};

use timedb_wire::refused::Token;
use tokio_postgres::Error;

/// A command's failure, printed as `ERROR: <sentence>`.
#[derive(Debug, thiserror::Error)]
#[error("{sentence}")]
pub struct Failure {
    sentence: String,
    code: u8,
}

impl Failure {
    /// The command was understood and could not be done: exit code 1.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self {
            sentence: sentence.into(),
            code: 1,
        }
    }

    /// The command lacks something that the caller has to add: exit code 2.
    pub fn usage(sentence: impl Into<String>) -> Self {
        Self {
            sentence: sentence.into(),
            code: 2,
        }
    }

    /// Whoever read the output has gone, as `head` does when it has seen enough: there is nobody to tell. The exit code
    /// is that of a program which SIGPIPE ends.
    fn reader_gone() -> Self {
        Self {
            sentence: String::new(),
            code: 141,
        }
    }

    /// Whoever started the command wants it to stop, and knows that. The exit code is that of a program which SIGINT ends.
    pub fn interrupted() -> Self {
        Self {
            sentence: String::new(),
            code: 130,
        }
    }

    /// Whether there is nothing to say about it.
    pub fn is_silent(&self) -> bool {
        self.sentence.is_empty()
    }

    /// The exit code of the program.
    pub fn code(&self) -> u8 {
        self.code
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::new(reason(&error))
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::reader_gone(),
            _ => Self::new(format!("The output cannot be written: {error}")),
        }
    }
}

/// The server's sentence alone, for use inside a sentence that has its own advice.
pub fn brief(error: &Error) -> String {
    match error.as_db_error() {
        Some(fault) => fault.message().to_owned(),
        None => reason(error),
    }
}

/// The server's sentence with its detail and hint, or else the whole chain of causes.
pub fn reason(error: &Error) -> String {
    if let Some(fault) = error.as_db_error() {
        let detail = fault.detail().and_then(for_people);
        let more = [("Detail", detail), ("Hint", fault.hint())];
        return more
            .into_iter()
            .filter_map(|(label, text)| Some(format!("\n{label}: {}", text?)))
            .fold(fault.message().to_owned(), |text, line| text + &line);
    }
    let causes = iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| {
        let cause = cause.to_string();
        // A Display often repeats its cause already.
        if text.contains(&cause) {
            text
        } else {
            format!("{text}: {cause}")
        }
    })
}

/// What a detail says besides the token for programs that it may begin with.
fn for_people(detail: &str) -> Option<&str> {
    match Token::of_detail(detail) {
        None => Some(detail),
        Some(_) => detail.split_once('\n').map(|(_, words)| words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_not_for_people() {
        assert_eq!(for_people("timedb:refused_field field=name"), None);
        let with_words = "timedb:refused_field field=name series=2\nMore.";
        assert_eq!(for_people(with_words), Some("More."));
        assert_eq!(for_people("Key (a)=(b)."), Some("Key (a)=(b)."));
    }
}
