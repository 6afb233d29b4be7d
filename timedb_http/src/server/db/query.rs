//! One statement with its parameters: what most requests ask the database for. How it gets there, prepared or not, is
//! not known here.

use tokio_postgres::types::{ToSql, Type};

/// A parameter of a statement.
pub(crate) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// A statement that ends neither with OFFSET nor with a semicolon, and what it is given.
#[derive(Clone, Copy)]
pub(crate) struct SqlQuery<'a> {
    pub text: &'static str,
    pub parameters: &'a [Parameter<'a>],
}

impl SqlQuery<'static> {
    /// A statement without parameters.
    pub(crate) const fn plain(text: &'static str) -> Self {
        Self {
            text,
            parameters: &[],
        }
    }
}

/// Whether a transaction may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Access {
    /// `READ ONLY`: also a standby can do it.
    Read,
    /// An ordinary transaction.
    Write,
}
