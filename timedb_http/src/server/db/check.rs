//! Asks the database, before anything is served and at each readiness probe, whether tenants are isolated here: schema
//! `timedb` belongs to the extension, the work is done as `timedb_user`, and row security binds that role.

use std::time::Duration;

use timedb_wire::reads::{
    Function, READ_BUCKETS_PACKED, READ_CHANGES_PACKED, READ_PACKED, READ_PAGE_PACKED,
};
use tokio_postgres::{Client, Error, types::Type};

use super::{
    connect::{PIN, connect},
    store::{self, Store},
};
use crate::server::{config::ServerConfig, sqlstate::chain};

/// What the server found in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseStatus {
    /// The extension's version.
    pub extension_version: String,
    /// PostgreSQL's version, such as `15.14`.
    pub server_version: String,
    /// Whether requests need an API key.
    pub auth_required: bool,
    /// The role that is connected, if it is or may become a superuser: serving takes none of its rights.
    pub superuser: Option<String>,
    /// Whether it takes no writes: it is a standby, or transactions are read-only by default.
    pub read_only: bool,
}

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
        "refusing to serve: {problem}, so what is called in schema timedb might not belong to timedb. Remedy: {remedy}"
    )]
    Doubtful {
        /// What is not as it should be.
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
         SELECT * FROM timedb.isolation_problems() shows everything there is to repair"
    )]
    Unbound {
        /// What is not as it should be.
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
            Self::Doubtful { .. } => {
                "Schema timedb may contain objects that do not belong to timedb."
            }
            Self::OtherVersion { .. } => {
                "The extension timedb has a different version than the server."
            }
            Self::NotAMember(_) => "The server may not act as timedb_user.",
            Self::Unbound { .. } => "Row security does not bind the server.",
            Self::CheckFailed(_) => "The database could not be checked.",
        }
    }
}

impl From<Error> for ServeError {
    fn from(error: Error) -> Self {
        Self::CheckFailed(chain(&error))
    }
}

/// Any answer takes longer than this only if the database hangs.
const LIMIT: Duration = Duration::from_secs(10);

/// Connects once and checks everything that serving depends on.
///
/// # Errors
/// A sentence for the operator that says what is wrong and what to do.
pub async fn check_database(config: &ServerConfig) -> Result<DatabaseStatus, ServeError> {
    let mut database = config.database.clone();
    if database.get_connect_timeout().is_none() {
        database.connect_timeout(config.acquire_timeout);
    }
    let work = async {
        let (client, _task) = connect(&database)
            .await
            .map_err(|error| ServeError::Unreachable(chain(&error)))?;
        inspect(&client).await
    };
    tokio::time::timeout(LIMIT, work).await.unwrap_or_else(|_| {
        let told = format!("no answer within {} seconds", LIMIT.as_secs());
        Err(ServeError::Unreachable(told))
    })
}

/// Who is connected to what.
const SESSION: &str = "\
    SELECT pg_catalog.current_setting('server_version'), session_user::pg_catalog.text, \
           pg_catalog.current_database()::pg_catalog.text, \
           EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) 'timedb_user'), \
           EXISTS (SELECT FROM pg_catalog.pg_roles \
                   WHERE rolsuper AND pg_catalog.pg_has_role(session_user, oid, 'MEMBER')), \
           pg_catalog.pg_is_in_recovery() OR pg_catalog.current_setting('default_transaction_read_only') OPERATOR(pg_catalog.=) 'on'";

/// What requests call, beside the functions that read.
const CALLED: [&str; 22] = [
    "timedb.challenge()",
    "timedb.authenticate_proof(bytea)",
    "timedb.authenticate(text)",
    "timedb_internal._begin_session()",
    "timedb_internal._enter(bytea,boolean)",
    "timedb.hide_parameters()",
    "timedb.report_key_use()",
    "timedb_internal._count_use(bigint,bigint,bigint)",
    "timedb.auth_required()",
    "timedb.isolation_problems()",
    "timedb_internal._upload_packed(bytea,timestamptz,text,timestamptz,timestamptz,jsonb,uuid,text,boolean)",
    "timedb.update_values(jsonb,text)",
    "timedb.compact(bigint,boolean)",
    "timedb_internal._read_points_packed(uuid[],timestamptz[],timestamptz[],text[],jsonb[],integer[],timestamptz[],interval,timestamptz,text)",
    "timedb.create_series(text,text,jsonb,text)",
    "timedb.find_series(text,text,jsonb,text,integer,uuid)",
    "timedb.count_series(text,text,jsonb,text)",
    "timedb.label_names()",
    "timedb.label_values(text,text,integer,text)",
    "timedb.describe_series(uuid)",
    "timedb.rename_series(uuid,text,jsonb)",
    "timedb.update_series(uuid,text,text)",
];

/// Which of these the extension does not have: its scripts are of another version than this server.
const MISSING: &str =
    "SELECT f FROM pg_catalog.unnest($1) AS f WHERE pg_catalog.to_regprocedure(f) IS NULL";

/// Why tenants would not be kept apart, asked as timedb_user: a problem of the session, or one that the
/// extension finds. A superuser's `row_security = off` would go unnoticed; anybody else's is an error in
/// each request.
const PROBLEM: &str = "\
    SELECT 'row_security is off for this connection', \
           pg_catalog.format('ALTER ROLE %I IN DATABASE %I SET row_security = on;', session_user, pg_catalog.current_database()) \
    WHERE pg_catalog.current_setting('row_security') OPERATOR(pg_catalog.<>) 'on' \
    UNION ALL \
    SELECT 'row security is not active on timedb.series for timedb_user', 'ALTER ROLE timedb_user NOSUPERUSER NOBYPASSRLS;' \
    WHERE NOT pg_catalog.row_security_active('timedb.series') \
    UNION ALL \
    SELECT problem, remedy FROM timedb.isolation_problems() \
    LIMIT 1";

const AUTH_REQUIRED: &str = "SELECT timedb.auth_required()";

/// The checks, one after the other, each with its own remedy.
pub(super) async fn inspect(client: &Client) -> Result<DatabaseStatus, ServeError> {
    let begin = format!("BEGIN READ ONLY; {PIN}");
    client.batch_execute(&begin).await?;
    let row = client.query_typed_one(SESSION, &[]).await?;
    let extension_version = match store::inspect(client).await? {
        Store::Genuine { version } => version,
        Store::Doubtful { problem, remedy } => {
            return Err(ServeError::Doubtful { problem, remedy });
        }
        Store::Absent => return Err(ServeError::NoExtension(row.get(2))),
    };
    let session_user: String = row.get(1);
    if !row.get::<_, bool>(3) {
        return Err(ServeError::CheckFailed(
            "the role timedb_user does not exist; SELECT * FROM timedb.isolation_problems() says what to do"
                .to_owned(),
        ));
    }
    if let Err(error) = client.batch_execute("SET LOCAL ROLE timedb_user").await {
        return Err(match error.code() {
            Some(code) if code.code() == "42501" => ServeError::NotAMember(session_user),
            _ => error.into(),
        });
    }
    let read = [
        READ_PACKED,
        READ_PAGE_PACKED,
        READ_BUCKETS_PACKED,
        READ_CHANGES_PACKED,
    ];
    let read = read.map(Function::signature);
    let called: Vec<&str> = CALLED
        .into_iter()
        .chain(read.iter().map(String::as_str))
        .collect();
    let called = [(&called as _, Type::TEXT_ARRAY)];
    if let Some(row) = client.query_typed(MISSING, &called).await?.first() {
        return Err(ServeError::OtherVersion {
            missing: row.get(0),
            extension_version,
        });
    }
    if let Some(row) = client.query_typed(PROBLEM, &[]).await?.first() {
        return Err(ServeError::Unbound {
            problem: row.get(0),
            remedy: row.get(1),
        });
    }
    let asked = client.query_typed_one(AUTH_REQUIRED, &[]).await?;
    client.batch_execute("ROLLBACK").await?;
    Ok(DatabaseStatus {
        extension_version,
        server_version: row.get(0),
        auth_required: asked.get(0),
        superuser: row.get::<_, bool>(4).then_some(session_user),
        read_only: row.get(5),
    })
}
