//! Who the caller is: what a key has made of the settings, or else the user that the login role is bound to.

use crate::identity::bound;
use crate::identity::settings::{self, Access, Identity};
use crate::pg::error::{Error, SqlState};

/// Who the caller is.
pub fn identity() -> Identity {
    bound::or_bound(settings::identity())
}

/// The current tenant.
pub fn tenant() -> Option<[u8; 16]> {
    identity().tenant
}

/// A number that is another one after each change of the tenant.
pub fn tenant_changes() -> u64 {
    identity();
    settings::tenant_changes().wrapping_add(bound::changes())
}

/// What becomes of a read that was begun as one tenant and goes on as another: its rows are the
/// former tenant's.
pub fn refuse_changed_tenant() -> Error {
    Error::new(
        SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
        "the tenant changed while this read was open",
    )
    .hint("Close the cursor before the session authenticates as another tenant.")
}

/// The authenticated user, if the tenant has come from a user's key.
pub fn user() -> Option<[u8; 16]> {
    identity().user
}

/// Whether the key that authenticated may only read.
pub fn access_is_read_only() -> bool {
    identity().access == Some(Access::ReadOnly)
}
