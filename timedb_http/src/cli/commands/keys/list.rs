//! `timedb keys list`.

use serde::Serialize;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::calls::ask;
use crate::cli::commands::shown::{iso, moment, tenant_id};
use crate::cli::config::Environment;
use crate::cli::failure::Failure;
use crate::cli::grammar::ListKeys;
use crate::cli::terminal::{self, Output, print_json, unless_gone};

#[derive(Serialize)]
struct Key {
    key_id: Uuid,
    name: String,
    email: String,
    status: String,
    access: String,
    key_prefix: String,
    legacy: bool,
    created_at: String,
    not_before: Option<String>,
    expires_at: Option<String>,
    revoked_at: Option<String>,
    last_used_at: Option<String>,
    replaced_by: Option<Uuid>,
    user_id: Uuid,
    tenant_id: Uuid,
}

pub(super) async fn run(arguments: &ListKeys, environment: &Environment) -> Result<(), Failure> {
    let tenant = tenant_id(arguments.tenant_id.as_deref())?;
    let email = arguments.email.as_deref().map(str::trim);
    let times = [
        "created_at",
        "not_before",
        "expires_at",
        "revoked_at",
        "last_used_at",
    ]
    .map(iso);
    let rows = ask(
        &arguments.common,
        environment,
        &format!(
            "SELECT key_id, name, email, status, access, key_prefix, legacy, {}, \
                        replaced_by, user_id, tenant_id \
                 FROM timedb.list_keys(email => $1, tenant_id => $2, include_dead => $3)",
            times.join(", ")
        ),
        &[
            (&email, Type::TEXT),
            (&tenant, Type::UUID),
            (&arguments.all, Type::BOOL),
        ],
    )
    .await?;
    let keys: Vec<Key> = rows.into_iter().map(Key::from).collect();
    unless_gone(if arguments.common.json {
        print_json(&keys)
    } else if keys.is_empty() {
        terminal::print("No keys found.\n")
    } else {
        let mut out = Output::new();
        out.table(
            &format!("Keys ({})", keys.len()),
            &[
                "Name",
                "Email",
                "Key",
                "Access",
                "Status",
                "Expires",
                "Last used",
                "Key ID",
            ],
            |short| keys.iter().map(|key| key.cells(short)).collect(),
        );
        out.send()
    })
}

impl From<Row> for Key {
    fn from(row: Row) -> Self {
        Self {
            key_id: row.get(0),
            name: row.get(1),
            email: row.get(2),
            status: row.get(3),
            access: row.get(4),
            key_prefix: row.get(5),
            legacy: row.get(6),
            created_at: row.get(7),
            not_before: row.get(8),
            expires_at: row.get(9),
            revoked_at: row.get(10),
            last_used_at: row.get(11),
            replaced_by: row.get(12),
            user_id: row.get(13),
            tenant_id: row.get(14),
        }
    }
}

impl Key {
    fn cells(&self, short: bool) -> Vec<String> {
        vec![
            self.name.clone(),
            self.email.clone(),
            format!(
                "{}…{}",
                self.key_prefix,
                if self.legacy { " (legacy)" } else { "" }
            ),
            self.access.clone(),
            self.status.clone(),
            moment(self.expires_at.as_deref()),
            moment(self.last_used_at.as_deref()),
            terminal::id(self.key_id, short),
        ]
    }
}
