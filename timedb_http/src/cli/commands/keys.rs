//! `timedb keys ...`: each command is one call to the extension's administration functions, except `check`, which
//! needs no database. A new key comes back as a result and is printed once.

mod arguments;
mod calls;
mod check;
mod list;

use serde::Serialize;
use tokio_postgres::types::Type;
use uuid::Uuid;

use arguments::{id, interval, read_time};
use calls::ask_one;

use super::shown::{iso, moment, show_key, tenant_id};
use crate::cli::config::Environment;
use crate::cli::failure::Failure;
use crate::cli::grammar::{CreateKey, Keys, RevokeKey, RotateKey};
use crate::cli::terminal::{self, Output, print_json};

#[derive(Serialize)]
struct NewKey<'a> {
    key_id: Uuid,
    email: &'a str,
    name: &'a str,
    access: &'a str,
    expires_at: Option<String>,
    api_key: String,
}

#[derive(Serialize)]
struct Revoked {
    key_id: Uuid,
    status: &'static str,
}

#[derive(Serialize)]
struct Rotated {
    key_id: Uuid,
    replaces: Uuid,
    old_key_until: String,
    api_key: String,
}

/// Runs one of the commands.
pub async fn run(command: &Keys, environment: &Environment) -> Result<(), Failure> {
    match command {
        Keys::Create(arguments) => create(arguments, environment).await,
        Keys::List(arguments) => list::run(arguments, environment).await,
        Keys::Revoke(arguments) => revoke(arguments, environment).await,
        Keys::Rotate(arguments) => rotate(arguments, environment).await,
        Keys::Check(arguments) => check::run(arguments),
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
    let row = ask_one(
            &arguments.common,
            environment,
            &format!(
                "SELECT made.key_id, made.api_key, {} \
                 FROM (SELECT COALESCE($4, \
                           pg_catalog.now() OPERATOR(pg_catalog.+) $5::pg_catalog.interval)) AS life (expires_at), \
                      timedb.create_key(email => $1, name => $2, access => $3, expires_at => life.expires_at, \
                          not_before => $6, tenant_id => $7) AS made",
                iso("life.expires_at")
            ),
            &[
                (&email, Type::TEXT),
                (&name, Type::TEXT),
                (&access, Type::TEXT),
                (&expires_at, Type::TIMESTAMPTZ),
                (&lifetime, Type::TEXT),
                (&not_before, Type::TIMESTAMPTZ),
                (&tenant, Type::UUID),
            ],
        )
        .await?;
    let key = NewKey {
        key_id: row.get(0),
        email,
        name,
        access,
        expires_at: row.get(2),
        api_key: row.get(1),
    };
    let printed = if arguments.common.json {
        print_json(&key)
    } else {
        let mut out = Output::new();
        out.card(
            "API key created!",
            &[
                ("Key ID", &key.key_id.to_string()),
                ("Email", email),
                ("Name", name),
                ("Access", access),
                ("Expires", &moment(key.expires_at.as_deref())),
            ],
        );
        show_key(&mut out, "API Key", &key.api_key);
        out.send()
    };
    printed.map_err(|error| key_is_lost(key.key_id, &error))
}

async fn revoke(arguments: &RevokeKey, environment: &Environment) -> Result<(), Failure> {
    let key_id = id(&arguments.key_id)?;
    let question = format!("This revokes the API key with id {key_id}.");
    if !terminal::confirm(&question, arguments.common.yes)? {
        return Ok(terminal::print("Aborted.\n")?);
    }
    let revoke = "SELECT timedb.revoke_key($1)";
    let parameters = [(&key_id as _, Type::UUID)];
    let row = ask_one(&arguments.common, environment, revoke, &parameters).await?;
    let ended: bool = row.get(0);
    if arguments.common.json {
        let status = "revoked";
        return Ok(print_json(&Revoked { key_id, status })?);
    }
    let mut out = Output::new();
    out.done(&if ended {
        format!("API key {key_id} revoked")
    } else {
        format!("API key {key_id} was already revoked")
    });
    Ok(out.send()?)
}

async fn rotate(arguments: &RotateKey, environment: &Environment) -> Result<(), Failure> {
    let key_id = id(&arguments.key_id)?;
    let overlap = interval(&arguments.overlap)?;
    let row = ask_one(
        &arguments.common,
        environment,
        &format!(
            "SELECT new_key_id, api_key, {} \
                 FROM timedb.rotate_key($1, $2::pg_catalog.interval)",
            iso("old_key_until")
        ),
        &[(&key_id, Type::UUID), (&overlap, Type::TEXT)],
    )
    .await?;
    let rotated = Rotated {
        key_id: row.get(0),
        replaces: key_id,
        old_key_until: row.get(2),
        api_key: row.get(1),
    };
    let printed = if arguments.common.json {
        print_json(&rotated)
    } else {
        let mut out = Output::new();
        out.card(
            "API key rotated!",
            &[
                ("Key ID", &rotated.key_id.to_string()),
                ("Old key works until", &moment(Some(&rotated.old_key_until))),
            ],
        );
        show_key(&mut out, "New API Key", &rotated.api_key);
        out.send()
    };
    printed.map_err(|error| key_is_lost(rotated.key_id, &error))
}

fn key_is_lost(key_id: Uuid, error: &std::io::Error) -> Failure {
    Failure::new(format!(
        "The new API key {key_id} is stored, but the output cannot be written ({error}), so nobody \
         has seen it. Run: timedb keys revoke {key_id}"
    ))
}
