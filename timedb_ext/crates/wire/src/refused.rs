//! What a refused statement tells programs, in addition to its SQLSTATE. Owns the tokens, each of which is the first
//! line of a DETAIL; the sentences of an error are for people, and no program decides by them.

use std::fmt;

/// The routine of every error that the library raises: it shows that the words are timedb's own.
pub const ROUTINE: &str = "timedb";

/// How a line begins that is for programs. No sentence does.
const PREFIX: &str = "timedb:";

/// What a program has to know of an error where its SQLSTATE has several meanings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// 22023: no series can have such a field.
    RefusedField {
        /// What it is.
        field: SeriesField,
        /// Which series of a list it is of, counted from 0.
        series: Option<usize>,
    },
    /// 22000: the name of a request was given to a different one before.
    IdempotencyMismatch(RequestName),
    /// 55000: a proof answers a challenge other than the session's last one, or the session has lost its role.
    OtherChallenge,
    /// 55000: no key can be looked up, whoever's it is, until an administrator has repaired the store.
    NoKeys,
}

/// A field of a series that can be refused by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are called what they are")]
pub enum SeriesField {
    Name,
    Labels,
    Unit,
}

/// The name of a request that can be sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestName {
    /// The client's own name for it.
    IdempotencyKey(String),
    /// The id of the batch that it makes.
    BatchId(String),
}

impl SeriesField {
    const ALL: [Self; 3] = [Self::Name, Self::Labels, Self::Unit];

    /// As the argument is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Labels => "labels",
            Self::Unit => "unit",
        }
    }
}

impl Token {
    /// The token of an error with this DETAIL, if it has one.
    pub fn of_detail(detail: &str) -> Option<Self> {
        let line = detail.split('\n').next()?.strip_prefix(PREFIX)?;
        let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
        match kind {
            "refused_field" => {
                let rest = rest.strip_prefix("field=")?;
                let (name, series) = match rest.split_once(" series=") {
                    None => (rest, None),
                    Some((name, from_1)) => {
                        (name, Some(from_1.parse::<usize>().ok()?.checked_sub(1)?))
                    }
                };
                let mut fields = SeriesField::ALL.into_iter();
                let field = fields.find(|field| field.name() == name)?;
                Some(Self::RefusedField { field, series })
            }
            "idempotency_mismatch" => {
                let (what, name) = rest.split_once('=')?;
                let kind = match what {
                    "idempotency_key" => RequestName::IdempotencyKey,
                    "batch_id" => RequestName::BatchId,
                    _ => return None,
                };
                Some(Self::IdempotencyMismatch(kind(name.to_owned())))
            }
            "other_challenge" => rest.is_empty().then_some(Self::OtherChallenge),
            "no_keys" => rest.is_empty().then_some(Self::NoKeys),
            _ => None,
        }
    }
}

/// The line, as part of a DETAIL. Names of requests have no control characters.
impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        match self {
            Self::RefusedField { field, series } => {
                write!(f, "refused_field field={}", field.name())?;
                match series {
                    Some(series) => write!(f, " series={}", series + 1),
                    None => Ok(()),
                }
            }
            Self::IdempotencyMismatch(name) => {
                let (what, name) = match name {
                    RequestName::IdempotencyKey(name) => ("idempotency_key", name),
                    RequestName::BatchId(name) => ("batch_id", name),
                };
                write!(f, "idempotency_mismatch {what}={name}")
            }
            Self::OtherChallenge => f.write_str("other_challenge"),
            Self::NoKeys => f.write_str("no_keys"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_was_written_whatever_stands_behind_it() {
        let field = |field, series| Token::RefusedField { field, series };
        for (token, line) in [
            (
                field(SeriesField::Name, None),
                "timedb:refused_field field=name",
            ),
            (
                field(SeriesField::Labels, Some(0)),
                "timedb:refused_field field=labels series=1",
            ),
            (
                field(SeriesField::Unit, Some(2)),
                "timedb:refused_field field=unit series=3",
            ),
            (
                Token::IdempotencyMismatch(RequestName::IdempotencyKey("a \"b\" = c ".to_owned())),
                "timedb:idempotency_mismatch idempotency_key=a \"b\" = c ",
            ),
            (
                Token::IdempotencyMismatch(RequestName::BatchId("x".to_owned())),
                "timedb:idempotency_mismatch batch_id=x",
            ),
            (Token::OtherChallenge, "timedb:other_challenge"),
            (Token::NoKeys, "timedb:no_keys"),
        ] {
            assert_eq!(token.to_string(), line);
            for detail in [line.to_owned(), format!("{line}\nSome words.")] {
                assert_eq!(Token::of_detail(&detail), Some(token.clone()), "{detail}");
            }
            // Words before it make it a part of a sentence.
            assert_eq!(Token::of_detail(&format!("Some words.\n{line}")), None);
            assert_eq!(Token::of_detail(&format!(" {line}")), None);
        }
    }

    #[test]
    fn what_is_no_token_says_nothing() {
        for detail in [
            "",
            "timedb:",
            "timedb:unknown field=name",
            "timedb:refused_field",
            "timedb:refused_field field=colour",
            "timedb:refused_field field=name series=0",
            "timedb:refused_field field=name series=-1",
            "timedb:refused_field field=name series=one",
            "timedb:refused_field name series=1",
            "timedb:idempotency_mismatch",
            "timedb:idempotency_mismatch name=x",
            "timedb:other_challenge twice",
            "Field name of series 2, counted from 1.",
            "The proof answers a challenge other than this session's last one.",
        ] {
            assert_eq!(Token::of_detail(detail), None, "{detail}");
        }
    }
}
