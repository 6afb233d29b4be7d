//! The grammar of `timedb users`.

use clap::{Args, Subcommand};

use super::common::{Common, EXIT_CODES};

#[derive(Debug, Subcommand)]
pub enum Users {
    /// Create a user and print the API key once
    #[command(after_help = EXIT_CODES)]
    Create(CreateUser),
    /// List users, newest first
    #[command(after_help = EXIT_CODES)]
    List(ListUsers),
    /// Restore the access of a deactivated user
    #[command(after_help = EXIT_CODES)]
    Activate(OneUser),
    /// Refuse a user's keys from the next request on
    #[command(after_help = EXIT_CODES)]
    Deactivate(OneUser),
    /// Replace all keys of a user with a new one and print it once
    #[command(after_help = EXIT_CODES)]
    RegenerateKey(OneUser),
}

#[derive(Debug, Args)]
pub struct CreateUser {
    #[command(flatten)]
    pub common: Common,
    /// The user's tenant (a UUID), created if it does not exist [default: a new tenant]
    #[arg(short, long, value_name = "UUID")]
    pub tenant_id: Option<String>,
    /// The user's email address
    #[arg(short, long)]
    pub email: String,
}

#[derive(Debug, Args)]
pub struct ListUsers {
    #[command(flatten)]
    pub common: Common,
    /// Only the users of this tenant
    #[arg(short, long, value_name = "UUID")]
    pub tenant_id: Option<String>,
    /// Also list deactivated users
    #[arg(long)]
    pub include_inactive: bool,
}

/// Arguments of the commands that act on one user.
#[derive(Debug, Args)]
pub struct OneUser {
    #[command(flatten)]
    pub common: Common,
    /// The user's email address
    #[arg(short, long)]
    pub email: String,
    /// The user's tenant; required if several tenants have a user with this email address
    #[arg(short, long, value_name = "UUID")]
    pub tenant_id: Option<String>,
}
