//! The library's one error type: a SQLSTATE, a message, and what to do about it.

use timedb_wire::refused::{SeriesField, Token};

/// A SQLSTATE, under the name that PostgreSQL's manual gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SqlState([u8; 5]);

#[expect(missing_docs, reason = "the manual lists them, each with its code")]
impl SqlState {
    pub const FEATURE_NOT_SUPPORTED: Self = Self(*b"0A000");
    pub const CARDINALITY_VIOLATION: Self = Self(*b"21000");
    pub const DATA_EXCEPTION: Self = Self(*b"22000");
    pub const NUMERIC_VALUE_OUT_OF_RANGE: Self = Self(*b"22003");
    pub const NULL_VALUE_NOT_ALLOWED: Self = Self(*b"22004");
    pub const INVALID_DATETIME_FORMAT: Self = Self(*b"22007");
    pub const DATETIME_FIELD_OVERFLOW: Self = Self(*b"22008");
    pub const INVALID_PARAMETER_VALUE: Self = Self(*b"22023");
    pub const ARRAY_ELEMENT_ERROR: Self = Self(*b"2202E");
    pub const INVALID_TEXT_REPRESENTATION: Self = Self(*b"22P02");
    pub const INVALID_BINARY_REPRESENTATION: Self = Self(*b"22P03");
    pub const UNIQUE_VIOLATION: Self = Self(*b"23505");
    pub const INAPPROPRIATE_ISOLATION_LEVEL: Self = Self(*b"25008");
    pub const READ_ONLY_SQL_TRANSACTION: Self = Self(*b"25006");
    pub const INVALID_AUTHORIZATION_SPECIFICATION: Self = Self(*b"28000");
    pub const TRIGGER_PROTOCOL_VIOLATED: Self = Self(*b"39P01");
    pub const T_R_SERIALIZATION_FAILURE: Self = Self(*b"40001");
    pub const INSUFFICIENT_PRIVILEGE: Self = Self(*b"42501");
    pub const UNDEFINED_OBJECT: Self = Self(*b"42704");
    pub const PROGRAM_LIMIT_EXCEEDED: Self = Self(*b"54000");
    pub const OBJECT_NOT_IN_PREREQUISITE_STATE: Self = Self(*b"55000");
    pub const OBJECT_IN_USE: Self = Self(*b"55006");
    pub const LOCK_NOT_AVAILABLE: Self = Self(*b"55P03");
    pub const TOO_MANY_ROWS: Self = Self(*b"P0003");
    pub const INTERNAL_ERROR: Self = Self(*b"XX000");
    pub const DATA_CORRUPTED: Self = Self(*b"XX001");
}

impl SqlState {
    /// The SQLSTATE of its form in PostgreSQL, six bits a character (`MAKE_SQLSTATE`).
    pub fn of_packed(packed: i32) -> Self {
        Self([0, 6, 12, 18, 24].map(|shift| b'0' + (packed >> shift & 0x3f) as u8))
    }

    /// Its form in PostgreSQL.
    pub fn packed(self) -> i32 {
        let bits = self.0.map(|c| i32::from(c.wrapping_sub(b'0') & 0x3f));
        bits.iter().rev().fold(0, |packed, bits| packed << 6 | bits)
    }
}

/// What went wrong, in PostgreSQL's own terms.
#[derive(Debug)]
pub struct Error {
    state: SqlState,
    message: String,
    token: Option<Token>,
    detail: Option<String>,
    hint: Option<String>,
}

/// The result of everything that can fail in the extension.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error with SQLSTATE `code` and a message in PostgreSQL's style (lower case, no period).
    pub fn new(state: SqlState, message: impl Into<String>) -> Self {
        Self {
            state,
            message: message.into(),
            token: None,
            detail: None,
            hint: None,
        }
    }

    /// Adds a DETAIL: full sentences with the facts, for people.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Says to programs what its SQLSTATE does not.
    pub fn token(mut self, token: Token) -> Self {
        self.token = Some(token);
        self
    }

    /// Says which field of a series is refused.
    pub fn field(self, field: SeriesField) -> Self {
        let series = None;
        self.token(Token::RefusedField { field, series })
    }

    /// Says of which series of a list the field that is refused is, counted from 0.
    pub fn of_series(mut self, place: usize) -> Self {
        if let Some(Token::RefusedField { series, .. }) = &mut self.token {
            *series = Some(place);
        }
        self
    }

    /// Adds the HINT line: a full sentence that says what to do.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says at the beginning of the message what it is about, such as a place in an argument.
    pub fn at(mut self, place: impl std::fmt::Display) -> Self {
        self.message = format!("{place}: {}", self.message);
        self
    }

    /// 22023: an argument that no call could use.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(SqlState::INVALID_PARAMETER_VALUE, message)
    }

    /// 2202E: arrays whose lengths do not fit together.
    pub fn array(message: impl Into<String>) -> Self {
        Self::new(SqlState::ARRAY_ELEMENT_ERROR, message)
    }

    /// 22008: an instant that cannot be stored.
    pub fn time(message: impl Into<String>) -> Self {
        Self::new(SqlState::DATETIME_FIELD_OVERFLOW, message)
    }

    /// 42704: a series that does not exist, or belongs to somebody else: the same answer.
    pub fn no_such_series(series_id: &[u8; 16]) -> Self {
        Self::new(
            SqlState::UNDEFINED_OBJECT,
            format!("series \"{}\" does not exist", uuid_text(series_id)),
        )
    }

    /// XX000: a state that the code excludes.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(SqlState::INTERNAL_ERROR, message)
    }

    /// XX000: an internal statement gave rows of other types than it declares. Somebody has changed the tables.
    pub fn other_columns() -> Self {
        Self::internal("an internal statement returned rows of types other than it declares")
            .hint("Tables of timedb are not as the extension created them.")
    }

    /// XX000: a function of the library is not declared as this version of it expects.
    pub fn other_declaration() -> Self {
        Self::internal("a function of timedb is not declared as its library expects")
            .hint("Run ALTER EXTENSION timedb UPDATE.")
    }

    /// XX001: a row of this table of schema `timedb_internal` is damaged.
    pub fn damaged(message: impl Into<String>, table: &str) -> Self {
        Self::new(SqlState::DATA_CORRUPTED, message).hint(format!(
            "timedb.verify() lists what is damaged. An administrator can set it aside with timedb.set_aside(), so that \
             the rest can be read, or restore this row of timedb_internal.{table} from a backup."
        ))
    }

    /// Whether something stored is damaged.
    pub fn is_damage(&self) -> bool {
        self.state == SqlState::DATA_CORRUPTED
    }

    /// What went wrong, in one sentence.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What it is made of: SQLSTATE, message, DETAIL and HINT.
    pub fn into_parts(self) -> (SqlState, String, Option<String>, Option<String>) {
        let detail = match (self.token, self.detail) {
            (Some(token), Some(detail)) => Some(format!("{token}\n{detail}")),
            (token, detail) => token.map(|token| token.to_string()).or(detail),
        };
        (self.state, self.message, detail, self.hint)
    }
}

/// The text form of a UUID.
pub fn uuid_text(bytes: &[u8; 16]) -> String {
    uuid::Uuid::from_bytes(*bytes).to_string()
}
