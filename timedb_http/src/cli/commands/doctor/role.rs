//! The role that is connected, and what it may do.

use tokio_postgres::Row;

use super::check::Check;
use crate::cli::session::{Session, SessionTrouble};

const ROLE: &str = "\
    WITH own (rolname) AS (VALUES ('timedb_user'), ('timedb_session'), ('timedb_admin')) \
    SELECT session_user::pg_catalog.text, \
           EXISTS (SELECT FROM pg_catalog.pg_roles \
                   WHERE rolsuper AND pg_catalog.pg_has_role(session_user, oid, 'MEMBER')), \
           EXISTS (SELECT FROM pg_catalog.pg_roles \
                   WHERE rolbypassrls AND pg_catalog.pg_has_role(session_user, oid, 'MEMBER')), \
           pg_catalog.pg_has_role(session_user, (SELECT datdba FROM pg_catalog.pg_database \
               WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database()), 'MEMBER'), \
           ARRAY(SELECT own.rolname FROM own \
                 JOIN pg_catalog.pg_roles AS r ON r.rolname OPERATOR(pg_catalog.=) own.rolname \
                 WHERE pg_catalog.pg_has_role(session_user, r.oid, 'MEMBER')), \
           (SELECT setting FROM pg_catalog.pg_settings WHERE name OPERATOR(pg_catalog.=) 'row_security')";

pub async fn examine(session: &mut Session) -> Vec<Check> {
    match ask(session).await {
        Ok(row) => vec![rights(&row), setting(row.get(5))],
        Err(trouble) => vec![Check::unknown("role", &trouble)],
    }
}

/// Before the command's own settings: it turns row security on for its own transactions.
async fn ask(session: &mut Session) -> Result<Row, SessionTrouble> {
    Ok(session.client.query_typed_one(ROLE, &[]).await?)
}

fn rights(row: &Row) -> Check {
    let id = "role";
    let role: &str = row.get(0);
    let [is_superuser, is_exempt, is_owner] = [1, 2, 3].map(|at| row.get::<_, bool>(at));
    let roles: Vec<&str> = row.get(4);
    if is_superuser {
        return Check::warning(
            id,
            format!("role {role} is a superuser or may become one, and may do everything"),
        )
        .remedy(
            "Connect as a superuser to create, update and delete the store, and for nothing else.",
        );
    }
    if is_exempt {
        return Check::warning(
            id,
            format!("role {role} bypasses row security or may become a role that does"),
        )
        .remedy("Give servers and people roles of their own; keep this one for backups.");
    }
    let may = [
        (
            is_owner || roles.contains(&"timedb_admin"),
            "administer the store",
        ),
        (
            roles.contains(&"timedb_user"),
            "serve, read and write with a key (timedb_user)",
        ),
        (
            roles.contains(&"timedb_session"),
            "log in with a key (timedb_session)",
        ),
    ];
    let may: Vec<&str> = may
        .iter()
        .filter(|(may, _)| *may)
        .map(|may| may.1)
        .collect();
    if may.is_empty() {
        return Check::problem(id, format!("role {role} has no rights in timedb"))
            .remedy("Grant it timedb_user for a server, timedb_session for a person, or timedb_admin for an administrator.");
    }
    Check::ok(id, format!("role {role} may {}", may.join(", ")))
}

fn setting(row_security: Option<&str>) -> Check {
    let id = "row-security-setting";
    match row_security {
        Some("on") => Check::ok(id, "row_security is on"),
        _ => Check::problem(id, "row_security is off for this role or database")
            .remedy("ALTER ROLE ... SET row_security = on;"),
    }
}
