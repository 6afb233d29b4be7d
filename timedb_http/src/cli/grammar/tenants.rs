//! The grammar of the commands about tenants.

use clap::{Args, Subcommand};

use super::administration::{Common, EXIT_CODES};

#[derive(Debug, Subcommand)]
pub enum Tenants {
    /// List tenants
    #[command(after_help = EXIT_CODES)]
    List(Common),
    /// Create a tenant
    #[command(after_help = EXIT_CODES)]
    Create(CreateTenant),
    /// Delete a tenant with its users, its keys and all of its data
    #[command(after_help = EXIT_CODES)]
    Delete(DeleteTenant),
}

#[derive(Debug, Args)]
pub struct CreateTenant {
    #[command(flatten)]
    pub common: Common,
    /// What people call it
    #[arg(short, long)]
    pub name: Option<String>,
    /// Its id [default: a new one]
    #[arg(short, long, value_name = "UUID")]
    pub tenant_id: Option<String>,
    /// Leave a tenant with this id as it is instead of failing
    #[arg(long, requires = "tenant_id")]
    pub if_not_exists: bool,
}

#[derive(Debug, Args)]
pub struct DeleteTenant {
    #[command(flatten)]
    pub common: Common,
    /// The tenant's id, as `timedb tenants list` shows it
    #[arg(value_name = "TENANT_ID")]
    pub tenant_id: String,
}
