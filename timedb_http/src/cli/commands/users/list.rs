//! `timedb users list`, and the same list where another command has to name a user's tenants.

use serde::Serialize;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::cli::commands::shown::{iso, moment, tenant_id};
use crate::cli::config::Environment;
use crate::cli::failure::Failure;
use crate::cli::grammar::ListUsers;
use crate::cli::session::{Session, SessionTrouble};
use crate::cli::terminal::{self, Output, print_json, unless_gone};

#[derive(Serialize)]
pub(super) struct User {
    pub email: String,
    user_id: Uuid,
    pub tenant_id: Uuid,
    status: &'static str,
    created_at: String,
}

/// `timedb users list`
pub async fn run(arguments: &ListUsers, environment: &Environment) -> Result<(), Failure> {
    let tenant = tenant_id(arguments.tenant_id.as_deref())?;
    let config = environment.database(arguments.common.dsn.as_ref())?;
    let mut session = Session::open(&config).await?;
    let users = match fetch(&mut session, tenant, arguments.include_inactive).await {
        Ok(users) => users,
        Err(error) => return Err(session.explain(error).await),
    };
    unless_gone(if arguments.common.json {
        print_json(&users)
    } else if users.is_empty() {
        terminal::print("No users found.\n")
    } else {
        let mut out = Output::new();
        out.table(
            &format!("Users ({})", users.len()),
            &["Email", "User ID", "Tenant ID", "Status", "Created"],
            |short| users.iter().map(|user| user.cells(short)).collect(),
        );
        out.send()
    })
}

impl User {
    fn cells(&self, short: bool) -> Vec<String> {
        vec![
            self.email.clone(),
            terminal::id(self.user_id, short),
            terminal::id(self.tenant_id, short),
            self.status.to_owned(),
            moment(Some(&self.created_at)),
        ]
    }
}

pub(super) async fn fetch(
    session: &mut Session,
    tenant: Option<Uuid>,
    include_inactive: bool,
) -> Result<Vec<User>, SessionTrouble> {
    let rows = session
        .ask(
            &format!(
                "SELECT email, user_id, tenant_id, active, {} \
                 FROM timedb.list_users(tenant_id => $1, include_inactive => $2)",
                iso("created_at")
            ),
            &[(&tenant, Type::UUID), (&include_inactive, Type::BOOL)],
        )
        .await?;
    let user = |row: Row| User {
        email: row.get(0),
        user_id: row.get(1),
        tenant_id: row.get(2),
        status: if row.get(3) { "active" } else { "inactive" },
        created_at: row.get(4),
    };
    Ok(rows.into_iter().map(user).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_made_together_stay_different_when_shortened() {
        let user = |end: &str| User {
            email: "a@b.c".into(),
            user_id: format!("01932c07-6f3e-7000-8000-0000{end}")
                .parse()
                .unwrap(),
            tenant_id: Uuid::nil(),
            status: "active",
            created_at: String::new(),
        };
        assert_eq!(user("0000000a").cells(true)[1], "…0000000a");
        assert_ne!(user("0000000a").cells(true), user("0000000b").cells(true));
    }
}
