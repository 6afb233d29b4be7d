//! How a transaction gets its tenant: by a proof of the key, in answer to a challenge of the session. On a direct
//! connection one challenge serves many transactions. Behind a pooler each transaction may meet another session and
//! has to ask for itself, which costs a round trip. A mark in the start-up packet tells which is the case: poolers
//! that share sessions drop it, or have given it to another connection's session.

use timedb_key::proof::Challenge;
use tokio_postgres::{Client, Error, Row, types::Type};
use uuid::Uuid;

use crate::server::{config::Pooler, key::ApiKey};

/// The setting that holds the mark.
const MARK: &str = "timedb_http.connection";
/// Asks for a challenge; answered with what [`Login::answered`] takes.
const CHALLENGE: &str =
    "SELECT timedb.challenge(), pg_catalog.current_setting('timedb_http.connection', true)";
const WITH_PROOF: &str = "SELECT timedb.authenticate_proof($1)";
/// The same for a key that is not known here yet: its id is for the log.
const WITH_FIRST_PROOF: &str = "SELECT a.tenant_id, (SELECT w.key_id FROM timedb.whoami() AS w) \
     FROM (SELECT timedb.authenticate_proof($1) AS tenant_id OFFSET 0) AS a";
/// As with a proof, the parameters that come next are nothing for a log.
const WITHOUT_KEY: &str = "SELECT timedb.authenticate(NULL), timedb.hide_parameters()";

/// What a connection knows of its session.
#[derive(Debug)]
pub(super) struct Login {
    mark: Uuid,
    asked: Option<Challenge>,
    count: u64,
    pooler: Pooler,
    session: SessionKind,
}

/// Whose the session is that a connection leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SessionKind {
    /// It has not been asked.
    Unknown,
    /// A pooler's: the next transaction may be in another one.
    Shared,
    /// The connection's, for as long as it lasts.
    Own,
}

/// How a transaction says who it is.
#[derive(Debug)]
pub(super) enum Credential {
    Keyless,
    Proof(Vec<u8>),
}

impl Login {
    /// For a connection whose start-up packet has [`Login::options`].
    pub(super) fn new(pooler: Pooler) -> Self {
        Self {
            mark: Uuid::now_v7(),
            asked: None,
            count: 0,
            pooler,
            session: SessionKind::Unknown,
        }
    }

    pub(super) fn session(&self) -> SessionKind {
        self.session
    }

    /// What marks the session.
    pub(super) fn options(&self) -> String {
        format!("-c {MARK}={}", self.mark)
    }

    /// What a key is to be proved with next; `None` when the session has to be asked for a challenge first.
    pub(super) fn credential(&mut self, key: Option<&ApiKey>) -> Option<Credential> {
        let Some(key) = key else {
            return Some(Credential::Keyless);
        };
        let challenge = self.asked?;
        if self.session != SessionKind::Own {
            self.asked = None;
        }
        self.count += 1;
        Some(Credential::Proof(key.prove(&challenge, self.count)))
    }

    /// Takes the challenge, and the mark, of the current transaction's session.
    pub(super) fn answered(&mut self, rows: &[Row]) {
        let row = rows.first();
        let challenge = row.and_then(|row| row.try_get::<_, &[u8]>(0).ok());
        let mark = row.and_then(|row| row.try_get::<_, &str>(1).ok());
        self.asked = challenge.and_then(|challenge| challenge.try_into().ok());
        self.count = 0;
        let is_own = match self.pooler {
            Pooler::Auto => mark.is_some_and(|mark| mark == self.mark.to_string()),
            Pooler::Transaction => false,
            Pooler::None => true,
        };
        self.session = if is_own {
            SessionKind::Own
        } else {
            SessionKind::Shared
        };
    }

    /// The transaction is over: a pooler's session may be another connection's now.
    pub(super) fn ended(&mut self) {
        if self.session != SessionKind::Own {
            self.asked = None;
        }
    }
}

/// Asks the session for a challenge.
pub(super) async fn ask(client: &Client) -> Result<Vec<Row>, Error> {
    client.query_typed(CHALLENGE, &[]).await
}

/// Makes the key's tenant that of the transaction, and returns it.
pub(super) async fn authenticate(
    client: &Client,
    credential: &Credential,
    is_known: bool,
) -> Result<Vec<Row>, Error> {
    match credential {
        Credential::Keyless => client.query_typed(WITHOUT_KEY, &[]).await,
        Credential::Proof(proof) => {
            let statement = if is_known {
                WITH_PROOF
            } else {
                WITH_FIRST_PROOF
            };
            client.query_typed(statement, &[(proof, Type::BYTEA)]).await
        }
    }
}
