//! `timedb keys ...`: each command is one call to the extension's administration functions, except `check`, which
//! needs no database. A new key comes back as a result and is printed once.

mod arguments;

use std::io::{self, IsTerminal};

use serde_json::json;
use tokio_postgres::types::Type;
use uuid::Uuid;

use arguments::id;
pub use arguments::{interval, read_time};

use super::calls::{ask, ask_one};
use super::shown::{NewKey, iso, moment, show_done, show_list, tenant_id};
use crate::cli::config::Environment;
use crate::cli::failure::Failure;
use crate::cli::grammar::{CheckKey, CreateKey, Keys, ListKeys, OneKey, RotateKey};
use crate::cli::{key, terminal};

/// Runs one of the commands.
pub async fn run(command: &Keys, environment: &Environment) -> Result<(), Failure> {
    match command {
        Keys::Create(arguments) => create(arguments, environment).await,
        Keys::List(arguments) => list(arguments, environment).await,
        Keys::Revoke(arguments) => revoke(arguments, environment).await,
        Keys::Rotate(arguments) => rotate(arguments, environment).await,
        Keys::Check(arguments) => check(arguments),
    }
}

async fn create(arguments: &CreateKey, environment: &Environment) -> Result<(), Failure> {
    let tenant = tenant_id(arguments.tenant_id.as_deref())?;
    let (email, name) = (arguments.email.trim(), arguments.name.trim());
    let access = if arguments.read_only {
        "read_only"
    } else {
        "read_write"
    };
    let lifetime = arguments.expires_in.as_deref().map(interval).transpose()?;
    let expires_at = read_time("--expires-at", arguments.expires_at.as_deref())?;
    let not_before = read_time("--not-before", arguments.not_before.as_deref())?;
    let sql = format!(
        "SELECT made.key_id, made.api_key, {} \
         FROM (SELECT COALESCE($4, \
                   pg_catalog.now() OPERATOR(pg_catalog.+) $5::pg_catalog.interval)) AS life (expires_at), \
              timedb.create_key(email => $1, name => $2, access => $3, expires_at => life.expires_at, \
                  not_before => $6, tenant_id => $7) AS made",
        iso("life.expires_at")
    );
    let parameters = [
        (&email as _, Type::TEXT),
        (&name as _, Type::TEXT),
        (&access as _, Type::TEXT),
        (&expires_at as _, Type::TIMESTAMPTZ),
        (&lifetime as _, Type::TEXT),
        (&not_before as _, Type::TIMESTAMPTZ),
        (&tenant as _, Type::UUID),
    ];
    let row = ask_one(&arguments.common, environment, &sql, &parameters).await?;
    let (key_id, api_key): (Uuid, &str) = (row.get(0), row.get(1));
    let expires_at: Option<&str> = row.get(2);
    let id = key_id.to_string();
    NewKey {
        json: json!({"key_id": key_id, "email": email, "name": name, "access": access,
            "expires_at": expires_at, "api_key": api_key}),
        headline: "API key created!",
        fields: &[
            ("Key ID", &id),
            ("Email", email),
            ("Name", name),
            ("Access", access),
            ("Expires", &moment(expires_at)),
        ],
        label: "API Key",
        api_key,
        name: &id,
        remedy: &format!("keys revoke {id}"),
    }
    .show(&arguments.common)
}

async fn list(arguments: &ListKeys, environment: &Environment) -> Result<(), Failure> {
    let tenant = tenant_id(arguments.tenant_id.as_deref())?;
    let email = arguments.email.as_deref().map(str::trim);
    let times = [
        "created_at",
        "not_before",
        "expires_at",
        "revoked_at",
        "last_used_at",
    ];
    let sql = format!(
        "SELECT key_id, name, email, status, access, key_prefix, legacy, {}, replaced_by, user_id, tenant_id \
         FROM timedb.list_keys(email => $1, tenant_id => $2, include_dead => $3)",
        times
            .map(|time| format!("{} AS {time}", iso(time)))
            .join(", ")
    );
    let parameters = [
        (&email as _, Type::TEXT),
        (&tenant as _, Type::UUID),
        (&arguments.all as _, Type::BOOL),
    ];
    let keys = ask(&arguments.common, environment, &sql, &parameters).await?;
    show_list(&arguments.common, "Keys", &keys, |key, short| {
        let prefix: &str = key.get("key_prefix");
        let end = if key.get("legacy") { " (legacy)" } else { "" };
        vec![
            ("Name", key.get("name")),
            ("Email", key.get("email")),
            ("Key", format!("{prefix}…{end}")),
            ("Access", key.get("access")),
            ("Status", key.get("status")),
            ("Expires", moment(key.get("expires_at"))),
            ("Last used", moment(key.get("last_used_at"))),
            ("Key ID", terminal::id(key.get("key_id"), short)),
        ]
    })
}

async fn revoke(arguments: &OneKey, environment: &Environment) -> Result<(), Failure> {
    let key_id = id(&arguments.key_id)?;
    let question = format!("This revokes the API key with id {key_id}.");
    if !terminal::confirm(&question, arguments.common.yes, arguments.common.json)? {
        return Ok(());
    }
    let sql = "SELECT timedb.revoke_key($1)";
    let parameters = [(&key_id as _, Type::UUID)];
    let row = ask_one(&arguments.common, environment, sql, &parameters).await?;
    let how = if row.get(0) { "" } else { "was already " };
    show_done(
        arguments.common.json,
        &json!({"key_id": key_id, "status": "revoked"}),
        &format!("API key {key_id} {how}revoked"),
    )
}

async fn rotate(arguments: &RotateKey, environment: &Environment) -> Result<(), Failure> {
    let OneKey { common, key_id } = &arguments.key;
    let replaced = id(key_id)?;
    let overlap = interval(&arguments.overlap)?;
    let sql = format!(
        "SELECT new_key_id, api_key, {} FROM timedb.rotate_key($1, $2::pg_catalog.interval)",
        iso("old_key_until")
    );
    let parameters = [(&replaced as _, Type::UUID), (&overlap as _, Type::TEXT)];
    let row = ask_one(common, environment, &sql, &parameters).await?;
    let (key_id, api_key): (Uuid, &str) = (row.get(0), row.get(1));
    let old_key_until: &str = row.get(2);
    let id = key_id.to_string();
    NewKey {
        json: json!({"key_id": key_id, "replaces": replaced, "old_key_until": old_key_until,
            "api_key": api_key}),
        headline: "API key rotated!",
        fields: &[
            ("Key ID", &id),
            ("Old key works until", &moment(Some(old_key_until))),
        ],
        label: "New API Key",
        api_key,
        name: &id,
        remedy: &format!("keys revoke {id}"),
    }
    .show(common)
}

/// The form and the checksum of a key.
fn check(arguments: &CheckKey) -> Result<(), Failure> {
    let text = read_key()?;
    let key = text.trim_end_matches(['\r', '\n']);
    let format = timedb_key::check(key)
        .map_err(|problem| Failure::new(format!("Not an API key: {problem}")))?
        .name();
    let prefix: String = key.chars().take(12).collect();
    show_done(
        arguments.json,
        &json!({"format": format, "prefix": prefix}),
        &format!("{prefix}… has the form of an API key (format: {format})"),
    )
}

/// A key from a pipe or file, or typed at a terminal without being shown; not from the arguments, because other users
/// of the machine can see those.
fn read_key() -> Result<String, Failure> {
    let unread = |error: io::Error| Failure::new(format!("The key cannot be read: {error}"));
    if io::stdin().is_terminal() {
        return rpassword::prompt_password("API key (not shown): ").map_err(unread);
    }
    key::read(&mut io::stdin().lock()).map_err(unread)
}
