//! Who attacks, and with what.

use timedb_tests::Role;

use super::canaries::Probe;

/// Who attacks, or for the controls, who may see it all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Attacker {
    /// Tenant B, authenticated in the transaction.
    User,
    /// Tenant B, logged in for the session.
    Session,
    /// A role of applications, without a key.
    NoKey,
    /// A role without any right.
    Stranger,
    /// A member of `timedb_admin`.
    Admin,
    /// Tenant B by a role that is bound to its user.
    Bound,
    /// The owner of the database.
    Owner,
    /// Tenant A itself: for controls.
    TenantA,
}

/// Tenants and those who are none.
pub const TENANTS: [Attacker; 5] = [
    Attacker::User,
    Attacker::Bound,
    Attacker::Session,
    Attacker::NoKey,
    Attacker::Stranger,
];

impl Attacker {
    /// The role that it connects as.
    pub fn role(self) -> Role {
        match self {
            Self::User | Self::NoKey | Self::TenantA => Role::User,
            Self::Bound => Role::Bound,
            Self::Session => Role::Session,
            Self::Stranger => Role::Nobody,
            Self::Admin => Role::Admin,
            Self::Owner => Role::Owner,
        }
    }
}

/// A script, its name, and what it is compared by.
#[derive(Clone, Debug)]
pub struct Attack {
    pub name: String,
    pub script: Vec<String>,
    /// Placeholders of its own, besides those of the store.
    pub probes: Vec<Probe>,
    /// Whether the answers for A's values and for nobody's must be the same.
    pub compared: bool,
    /// Whether what it did is kept.
    pub commits: bool,
}

impl Attack {
    /// A script that is compared if it has a placeholder, and committed.
    pub fn new(
        name: impl Into<String>,
        script: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        Self {
            name: name.into(),
            script: script.into_iter().map(Into::into).collect(),
            probes: Vec::new(),
            compared: true,
            commits: true,
        }
    }
}
