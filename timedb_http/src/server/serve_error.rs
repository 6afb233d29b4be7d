//! Why the server does not serve, as a sentence for the operator. Finding it out is `db::check`'s.

/// Why the server can't start or go on, as a sentence for the operator.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// No connection to the database.
    #[error("the database is not reachable: {0}; check the DSN and that PostgreSQL is running")]
    Unreachable(String),
    /// The database answered, but not as expected.
    #[error("the database could not be checked: {0}")]
    CheckFailed(String),
    /// The extension is missing.
    #[error(
        "the extension timedb is not in database \"{0}\"; run `timedb create tables` or CREATE EXTENSION timedb"
    )]
    NoExtension(String),
    /// Schema `timedb` holds, or may hold, what is not the extension's.
    #[error(
        "refusing to serve: {problem}, so what is called in schema timedb might not be timedb's. Remedy: {remedy}"
    )]
    Doubtful {
        /// What is not as it has to be.
        problem: String,
        /// What repairs it: a statement, or a sentence.
        remedy: String,
    },
    /// The extension's scripts don't fit this server.
    #[error(
        "the extension in this database has version {extension_version} and no function {missing}, which this server ({}) \
         needs; run ALTER EXTENSION timedb UPDATE, or the server of that version", env!("CARGO_PKG_VERSION")
    )]
    OtherVersion {
        /// The first function that is missing.
        missing: String,
        /// The version of the scripts.
        extension_version: String,
    },
    /// The role can't become `timedb_user`.
    #[error(
        "role \"{0}\" may not SET ROLE timedb_user; run GRANT timedb_user TO \"{0}\" as an administrator"
    )]
    NotAMember(String),
    /// Row security would not hold.
    #[error(
        "refusing to serve: {problem}, so tenants might not be kept apart. Remedy: {remedy} \
         SELECT * FROM timedb.isolation_problems() shows all there is to repair"
    )]
    Unbound {
        /// What is not as it has to be.
        problem: String,
        /// What repairs it: a statement, or a sentence.
        remedy: String,
    },
}

impl ServeError {
    /// The sentence for whoever probes the server: no names of roles or databases.
    pub(crate) fn probe_text(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "The database is not reachable.",
            Self::NoExtension(_) => "The extension timedb is not in the database.",
            Self::Doubtful { .. } => "Schema timedb may hold what is not timedb's.",
            Self::OtherVersion { .. } => {
                "The extension timedb has another version than the server."
            }
            Self::NotAMember(_) => "The server may not act as timedb_user.",
            Self::Unbound { .. } => "Row security does not bind the server.",
            Self::CheckFailed(_) => "The database could not be checked.",
        }
    }
}
