//! What an error of a statement means, judging by what it tells programs: SQLSTATE, token, and who raised it. It does
//! not know the words of an error, so that none of them can matter.

use axum::http::StatusCode;
use timedb_wire::refused::{ROUTINE, RequestName, SeriesField, Token};
use tokio_postgres::error::DbError;

/// What an error says to programs.
#[derive(Debug)]
pub(super) struct Signs<'a> {
    code: &'a str,
    routine: &'a str,
    token: Option<Token>,
}

/// What it means for the request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    NoKey,
    /// A client's mistake that this status says all of.
    Status(StatusCode),
    /// The same request is being carried out; nothing was waited for.
    UnderWay,
    /// The name of the request was given to a different one before.
    Mismatch(RequestName),
    /// A field of the series of this place, counted from 0.
    RefusedField(SeriesField, usize),
    /// What the extension has made is not there any more.
    NotAsMade,
    /// Nothing that a client can have caused.
    Fault,
    /// PostgreSQL's own error, whose words are for administrators.
    OfPostgres,
}

impl<'a> Signs<'a> {
    pub(super) fn of(answer: &'a DbError) -> Self {
        Self {
            code: answer.code().code(),
            routine: answer.routine().unwrap_or_default(),
            token: answer.detail().and_then(Token::of_detail),
        }
    }

    pub(super) fn meaning(self) -> Meaning {
        if !self.is_ours() {
            return Meaning::OfPostgres;
        }
        match (self.code, &self.code[..2]) {
            ("28000", _) => Meaning::NoKey,
            ("55000", _) if self.token == Some(Token::NoKeys) => Meaning::NotAsMade,
            ("42501", _) => Meaning::Status(StatusCode::FORBIDDEN),
            ("42704", _) => Meaning::Status(StatusCode::NOT_FOUND),
            // P0003: several points where one is meant. 55000: the unit of a series that has points.
            ("23505" | "P0003" | "55000", _) => Meaning::Status(StatusCode::CONFLICT),
            ("55006", _) => Meaning::UnderWay,
            ("0A000", _) => Meaning::Status(StatusCode::NOT_IMPLEMENTED),
            ("21000" | "23514", _) | (_, "22" | "54") => match (self.code, self.token) {
                ("22000", Some(Token::IdempotencyMismatch(name))) => Meaning::Mismatch(name),
                ("22023", Some(Token::RefusedField { field, series })) => {
                    Meaning::RefusedField(field, series.unwrap_or(0))
                }
                _ => Meaning::Status(StatusCode::BAD_REQUEST),
            },
            _ => Meaning::Fault,
        }
    }

    /// Whether timedb itself wrote the error: in Rust, or with RAISE in a function of its own. PostgreSQL's sentences
    /// can name objects, files and settings.
    fn is_ours(&self) -> bool {
        [ROUTINE, "exec_stmt_raise"].contains(&self.routine)
    }

    /// Whether a session says that it has asked something else than what the proof of a key answers.
    pub(super) fn is_of_another_challenge(&self) -> bool {
        self.is_ours() && self.token == Some(Token::OtherChallenge)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(routine: &str, code: &str, detail: &str) -> Meaning {
        let token = Token::of_detail(detail);
        let signs = Signs {
            code,
            routine,
            token,
        };
        signs.meaning()
    }

    #[test]
    fn what_timedb_says_goes_by_its_code() {
        for (code, expected) in [
            ("28000", Meaning::NoKey),
            ("42501", Meaning::Status(StatusCode::FORBIDDEN)),
            ("42704", Meaning::Status(StatusCode::NOT_FOUND)),
            ("23505", Meaning::Status(StatusCode::CONFLICT)),
            ("P0003", Meaning::Status(StatusCode::CONFLICT)),
            ("55000", Meaning::Status(StatusCode::CONFLICT)),
            ("55006", Meaning::UnderWay),
            ("0A000", Meaning::Status(StatusCode::NOT_IMPLEMENTED)),
            ("21000", Meaning::Status(StatusCode::BAD_REQUEST)),
            ("22000", Meaning::Status(StatusCode::BAD_REQUEST)),
            ("22023", Meaning::Status(StatusCode::BAD_REQUEST)),
            ("22P02", Meaning::Status(StatusCode::BAD_REQUEST)),
            ("23514", Meaning::Status(StatusCode::BAD_REQUEST)),
            ("54000", Meaning::Status(StatusCode::BAD_REQUEST)),
            ("40001", Meaning::Fault),
            ("55P03", Meaning::Fault),
            ("XX001", Meaning::Fault),
        ] {
            for routine in [ROUTINE, "exec_stmt_raise"] {
                for words in ["", "It is required with start_window.", "Field name."] {
                    assert_eq!(meaning(routine, code, words), expected, "{code}");
                }
            }
            for routine in ["", "errfinish", "timedb::entry"] {
                assert_eq!(meaning(routine, code, ""), Meaning::OfPostgres, "{code}");
            }
        }
    }

    #[test]
    fn a_token_counts_with_its_code_and_whatever_else_is_said() {
        let key = RequestName::IdempotencyKey("a \"b\"".to_owned());
        let reused = Token::IdempotencyMismatch(key.clone()).to_string();
        let field = Token::RefusedField {
            field: SeriesField::Unit,
            series: Some(2),
        };
        let field = field.to_string();
        for words in ["", "\nField name.", "\nDas Feld taugt nicht."] {
            let said = |code, token: &str| meaning(ROUTINE, code, &format!("{token}{words}"));
            assert_eq!(said("22000", &reused), Meaning::Mismatch(key.clone()));
            assert_eq!(
                said("22023", &field),
                Meaning::RefusedField(SeriesField::Unit, 2)
            );
            assert_eq!(
                said("22023", "timedb:refused_field field=name"),
                Meaning::RefusedField(SeriesField::Name, 0)
            );
            assert_eq!(
                said("22023", &reused),
                Meaning::Status(StatusCode::BAD_REQUEST)
            );
            assert_eq!(
                said("22000", &field),
                Meaning::Status(StatusCode::BAD_REQUEST)
            );
            assert_eq!(
                said("42704", &field),
                Meaning::Status(StatusCode::NOT_FOUND)
            );
        }
    }

    #[test]
    fn keys_that_cannot_be_looked_up_are_no_conflict() {
        let token = Token::NoKeys.to_string();
        assert_eq!(meaning(ROUTINE, "55000", &token), Meaning::NotAsMade);
    }

    #[test]
    fn another_challenge_is_told_by_timedb_only() {
        let told = |routine, token| {
            let code = "55000";
            let signs = Signs {
                code,
                routine,
                token,
            };
            signs.is_of_another_challenge()
        };
        assert!(told(ROUTINE, Some(Token::OtherChallenge)));
        assert!(!told(ROUTINE, None));
        assert!(!told("errfinish", Some(Token::OtherChallenge)));
    }
}
