//! The grammar of the commands about login roles that are bound to users.

use clap::{Args, Subcommand};

use super::administration::{Common, EXIT_CODES};

#[derive(Debug, Subcommand)]
pub enum Roles {
    /// Make a login role a user of a tenant on every connection
    #[command(after_help = EXIT_CODES)]
    Bind(BindRole),
    /// End the binding of a role, from its next transaction on
    #[command(after_help = EXIT_CODES)]
    Unbind(OneRole),
    /// List roles that are bound to users
    #[command(after_help = EXIT_CODES)]
    List(ListRoles),
}

#[derive(Debug, Args)]
pub struct BindRole {
    #[command(flatten)]
    pub role: OneRole,
    /// The user's email address
    #[arg(short, long)]
    pub email: String,
    /// The user's tenant; required if several tenants have a user with this email address
    #[arg(short, long, value_name = "UUID")]
    pub tenant_id: Option<String>,
    /// The role can write too
    #[arg(long)]
    pub read_write: bool,
    /// How long one statement of the role may take, such as 30s or 5m; 0s for no limit
    #[arg(long, value_name = "TIME")]
    pub statement_timeout: Option<String>,
    /// Memory of one sort or hash table, such as 16MB
    #[arg(long, value_name = "SIZE")]
    pub work_mem: Option<String>,
    /// Disk space of a session's temporary files, such as 1GB; only superusers may set it
    #[arg(long, value_name = "SIZE")]
    pub temp_file_limit: Option<String>,
    /// How many connections the role may have at once
    #[arg(long, value_name = "N")]
    pub connection_limit: Option<i32>,
}

/// Arguments of the commands that act on one role.
#[derive(Debug, Args)]
pub struct OneRole {
    #[command(flatten)]
    pub common: Common,
    /// The login role
    #[arg(value_name = "ROLE")]
    pub role: String,
}

#[derive(Debug, Args)]
pub struct ListRoles {
    #[command(flatten)]
    pub common: Common,
    /// Only the roles of this tenant's users
    #[arg(short, long, value_name = "UUID")]
    pub tenant_id: Option<String>,
}
