//! What a connection keeps where its session is its own: the role and the settings of all requests, and statements that
//! are parsed and planned once. Each of them says who asks and asks in one message, which is a transaction.
//!
//! A prepared statement is looked up by the names in it again when one of its functions has gone. So that it never
//! means what somebody else has put in their place, it has a column of a type of the extension's: PostgreSQL refuses it
//! before it plans anything if that is another type than it was, even of the same name.

use std::collections::HashMap;

use futures_util::future::join3;
use tokio_postgres::{Client, Error, RowStream, Statement, types::ToSql, types::Type};

use super::{
    connect::PIN,
    login::Credential,
    query::{Access, SqlQuery},
    store::GUARD,
};

/// What the connection's session has been told.
#[derive(Default)]
pub(super) struct Prepared {
    /// Role and settings have been set.
    pub is_begun: bool,
    statements: HashMap<(&'static str, Access), Statement>,
}

/// Sets for the session what is the same for all requests. The extension's function comes after the question whether it
/// is there.
pub(super) fn begin_session(statement_timeout_ms: u128) -> String {
    format!(
        "BEGIN; {PIN}; {GUARD}; SET SESSION search_path = pg_catalog, pg_temp; SET SESSION ROLE timedb_user; \
         SET SESSION statement_timeout = {statement_timeout_ms}; SELECT timedb_internal._begin_session(); COMMIT"
    )
}

impl Prepared {
    /// The statement, which takes a round trip for the first time on a connection.
    pub(super) async fn statement(
        &mut self,
        client: &Client,
        access: Access,
        query: SqlQuery<'_>,
    ) -> Result<Statement, Error> {
        if let Some(statement) = self.statements.get(&(query.text, access)) {
            return Ok(statement.clone());
        }
        let text = entering(access, query);
        let mut types: Vec<Type> = query.parameters.iter().map(|(_, ty)| ty.clone()).collect();
        types.push(Type::BYTEA);
        // The extension cannot go between its being found and the names' being looked up: the transaction has locked it.
        let begin = format!("BEGIN READ ONLY; {PIN}; {GUARD}");
        let (begun, statement, committed) = join3(
            client.batch_execute(&begin),
            client.prepare_typed(&text, &types),
            client.batch_execute("COMMIT"),
        )
        .await;
        begun?;
        let statement = statement?;
        committed?;
        self.statements
            .insert((query.text, access), statement.clone());
        Ok(statement)
    }
}

/// The statement with the question of who asks before it. That is not up to the planner: a condition that depends on no
/// row is decided before anything below it is executed. Did it come later, the answer would be empty.
fn entering(access: Access, query: SqlQuery<'_>) -> String {
    let proof = query.parameters.len() + 1;
    let reads_only = access == Access::Read;
    format!(
        "SELECT answer.*, NULL::timedb_internal.seal FROM ({} OFFSET 0) AS answer \
         WHERE (SELECT timedb_internal._enter(${proof}, {reads_only})) IS NOT NULL",
        query.text
    )
}

/// Sends the statement, and returns once it has begun: an error from here on is its own.
pub(super) async fn send(
    client: &Client,
    statement: &Statement,
    query: SqlQuery<'_>,
    credential: Credential,
) -> Result<RowStream, Error> {
    let proof = match credential {
        Credential::Keyless => None,
        Credential::Proof(proof) => Some(proof),
    };
    let mut parameters: Vec<&(dyn ToSql + Sync)> = Vec::with_capacity(query.parameters.len() + 1);
    parameters.extend(query.parameters.iter().map(|(value, _)| *value));
    parameters.push(&proof);
    client.query_raw(statement, parameters).await
}

/// Whether the error of a statement that has not begun says that what it was prepared for is not there any more. It has
/// done nothing then.
pub(super) fn is_outdated(error: &Error) -> bool {
    let code = error.code().map_or("", |code| code.code());
    matches!(
        (code, code.get(..2)),
        ("0A000" | "26000", _) | (_, Some("3F" | "42"))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proof_comes_after_the_parameters_of_the_statement() {
        let (one, two) = (1_i32, "b");
        let query = SqlQuery {
            text: "SELECT f($1, $2)",
            parameters: &[(&one, Type::INT4), (&two, Type::TEXT)],
        };
        assert_eq!(
            entering(Access::Read, query),
            "SELECT answer.*, NULL::timedb_internal.seal FROM (SELECT f($1, $2) OFFSET 0) AS answer \
             WHERE (SELECT timedb_internal._enter($3, true)) IS NOT NULL"
        );
        let plain = entering(Access::Write, SqlQuery::plain("SELECT 1"));
        assert!(plain.contains("_enter($1, false)"), "{plain}");
    }
}
