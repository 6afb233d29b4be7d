//! The grammar of `timedb keys`.

use clap::{Args, Subcommand};

use super::common::{Common, EXIT_CODES};

#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Give a user another key and print it once
    #[command(after_help = EXIT_CODES)]
    Create(CreateKey),
    /// List keys, newest first
    #[command(after_help = EXIT_CODES)]
    List(ListKeys),
    /// End a key immediately
    #[command(after_help = EXIT_CODES)]
    Revoke(RevokeKey),
    /// Replace a key with a new one and print it once; both work for a while
    #[command(after_help = EXIT_CODES)]
    Rotate(RotateKey),
    /// Tell whether a text from standard input has the form of a key, without a database
    #[command(after_help = EXIT_CODES)]
    Check(CheckKey),
}

#[derive(Debug, Args)]
pub struct CreateKey {
    #[command(flatten)]
    pub common: Common,
    /// The user's email address
    #[arg(short, long)]
    pub email: String,
    /// What the key is for, to distinguish it from the user's other keys
    #[arg(short, long)]
    pub name: String,
    /// The key can read but not write
    #[arg(long)]
    pub read_only: bool,
    /// When the key expires, such as 2027-01-01 or 2027-01-01T12:00:00Z [default: never]
    #[arg(long, value_name = "TIME", conflicts_with = "expires_in")]
    pub expires_at: Option<String>,
    /// How long the key remains valid, such as 12h or 90d
    #[arg(long, value_name = "TIME")]
    pub expires_in: Option<String>,
    /// When the key starts to work [default: now]
    #[arg(long, value_name = "TIME")]
    pub not_before: Option<String>,
    /// The user's tenant; required if several tenants have a user with this email address
    #[arg(short, long, value_name = "UUID")]
    pub tenant_id: Option<String>,
}

#[derive(Debug, Args)]
pub struct ListKeys {
    #[command(flatten)]
    pub common: Common,
    /// Only the keys of this user
    #[arg(short, long)]
    pub email: Option<String>,
    /// Only the keys of this tenant
    #[arg(short, long, value_name = "UUID")]
    pub tenant_id: Option<String>,
    /// Also list revoked and expired keys
    #[arg(short, long)]
    pub all: bool,
}

#[derive(Debug, Args)]
pub struct RevokeKey {
    #[command(flatten)]
    pub common: Common,
    /// The key's id (not the key), as `timedb keys list` shows it
    #[arg(value_name = "KEY_ID")]
    pub key_id: String,
}

#[derive(Debug, Args)]
pub struct RotateKey {
    #[command(flatten)]
    pub common: Common,
    /// The key's id (not the key), as `timedb keys list` shows it
    #[arg(value_name = "KEY_ID")]
    pub key_id: String,
    /// How long the old key continues to work; 0s ends it immediately
    #[arg(long, value_name = "TIME", default_value = "24h")]
    pub overlap: String,
}

#[derive(Debug, Args)]
pub struct CheckKey {
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}
