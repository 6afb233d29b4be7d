//! Whose connection it is, where the login role is bound to a user (`timedb.bind_role`): decided once a transaction,
//! when somebody first asks, by the role that has connected (session_user).
//!
//! What is decided holds until the transaction ends, or a key is given on top. Before a parallel plan starts it is put
//! into the settings, as if a key had authenticated, so that the workers inherit it.

use crate::identity::settings::{self, Access, Identity};
use crate::pg::error::{Result, entry, shielded};
use crate::pg::options::Span;
use crate::pg::role::acting_as_role;
use crate::pg::spi::{self, Arg, statements};
use pgrx::pg_sys::{self, Oid};
use pgrx::prelude::*;
use std::cell::Cell;
use std::ffi::CStr;
use std::sync::OnceLock;

statements! {
    FIND(TEXT) -> (UUID, UUID, UUID, TEXT, INT8, INT8) =
        c"SELECT b.tenant_id, b.user_id, b.binding_id, b.access, b.role_oid::pg_catalog.int8, b.system_identifier \
          FROM timedb_internal.bound_roles b \
          JOIN timedb_internal.users u ON u.tenant_id OPERATOR(pg_catalog.=) b.tenant_id \
                             AND u.user_id OPERATOR(pg_catalog.=) b.user_id \
          WHERE b.role_name OPERATOR(pg_catalog.=) $1 AND u.active";
}

/// What has been decided for a transaction of a role.
#[derive(Clone, Copy)]
struct Decided {
    transaction: u32,
    role: Oid,
    who: Identity,
}

thread_local! {
    static DECIDED: Cell<Option<Decided>> = const { Cell::new(None) };
    // While a key or a binding is looked up, policies ask for the tenant, and there is none.
    static LOOKING: Cell<bool> = const { Cell::new(false) };
    // The binding that was last put into the settings: what they say with it is not a key's.
    static PUT: Cell<Option<[u8; 16]>> = const { Cell::new(None) };
    // Counts the changes of the tenant that come from here.
    static CHANGES: Cell<u64> = const { Cell::new(0) };
    // The table that was found to be the extension's.
    static TABLE: Cell<Oid> = const { Cell::new(Oid::INVALID) };
}

/// The hook that stood before ours.
static PREVIOUS: OnceLock<pg_sys::ExecutorStart_hook_type> = OnceLock::new();

/// Hangs the hook in; called once, when the library is loaded.
pub fn define() {
    // SAFETY: the hook chain is PostgreSQL's own convention.
    unsafe {
        PREVIOUS.get_or_init(|| pg_sys::ExecutorStart_hook);
        pg_sys::ExecutorStart_hook = Some(start);
    }
}

/// Settings cannot be changed while workers run: so they say who it is before a parallel plan starts.
#[pg_guard]
unsafe extern "C-unwind" fn start(query: *mut pg_sys::QueryDesc, flags: i32) {
    // SAFETY: called by PostgreSQL with a live query.
    shielded(|| unsafe {
        if (*(*query).plannedstmt).parallelModeNeeded {
            let (said, who) = (settings::identity(), or_bound(settings::identity()));
            if said.key != who.key {
                entry(|| settings::set(who, Span::Transaction));
                PUT.set(who.key);
            }
        }
        match PREVIOUS.get().copied().flatten() {
            // Another extension's, in C: its errors have to become panics like those of PostgreSQL's functions.
            Some(hook) => pg_sys::ffi::pg_guard_ffi_boundary(|| hook(query, flags)),
            None => pg_sys::standard_ExecutorStart(query, flags),
        }
    });
}

/// Runs `f` while nobody counts as bound: it looks for who somebody is.
pub fn without<T>(f: impl FnOnce() -> T) -> T {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            LOOKING.set(self.0);
        }
    }
    let _restore = Restore(LOOKING.replace(true));
    f()
}

/// Who the caller is, given what the settings say.
pub fn or_bound(set: Identity) -> Identity {
    if LOOKING.get() || (set.tenant.is_some() && (set.key.is_none() || set.key != PUT.get())) {
        return set;
    }
    // SAFETY: these only read the backend's own state.
    let (role, in_transaction) =
        unsafe { (pg_sys::GetSessionUserId(), pg_sys::IsTransactionState()) };
    let transaction = transaction();
    let decided = DECIDED.get();
    let known = decided.filter(|d| d.transaction == transaction && d.role == role);
    if !in_transaction || settings::is_logged_out() {
        return Identity::NOBODY;
    }
    match known {
        Some(decided) => decided.who,
        None => {
            let who = entry(|| find(role));
            if decided.is_some_and(|d| d.who.tenant != who.tenant) {
                CHANGES.set(CHANGES.get().wrapping_add(1));
            }
            DECIDED.set(Some(Decided {
                transaction,
                role,
                who,
            }));
            who
        }
    }
}

/// A number that is another one after each change of the tenant that the role makes.
pub fn changes() -> u64 {
    CHANGES.get()
}

/// Whether the identity is that of a role, not of a key.
pub fn is_bound(who: &Identity) -> bool {
    DECIDED
        .get()
        .is_some_and(|d| d.who.key.is_some() && d.who.key == who.key)
}

/// A number of the transaction that no other of this process has.
fn transaction() -> u32 {
    // SAFETY: PostgreSQL gives each process that runs transactions a place among its processes.
    unsafe {
        if pg_sys::MyProc.is_null() {
            return 0;
        }
        #[cfg(any(feature = "pg15", feature = "pg16"))]
        return (*pg_sys::MyProc).lxid;
        #[cfg(not(any(feature = "pg15", feature = "pg16")))]
        return (*pg_sys::MyProc).vxid.lxid;
    }
}

/// Whom the role is bound to.
fn find(role: Oid) -> Result<Identity> {
    if may_administer(role) || !is_installed() {
        return Ok(Identity::NOBODY);
    }
    // SAFETY: the name of a role of the catalog, which PostgreSQL allocates.
    let (name, keeper, cluster) = unsafe {
        let name = pg_sys::GetUserNameFromId(role, true);
        let keeper = pg_sys::get_role_oid(c"timedb_keeper".as_ptr(), true);
        if name.is_null() || keeper == Oid::INVALID {
            return Ok(Identity::NOBODY);
        }
        let name = CStr::from_ptr(name).to_string_lossy().into_owned();
        (name, keeper, pg_sys::GetSystemIdentifier().cast_signed())
    };
    let mut found = Identity::NOBODY;
    without(|| {
        acting_as_role(keeper, || {
            spi::connected(|| {
                FIND.run(true, &[Arg::text(&name)], |row| {
                    let (bound, there) = (row.int8(5)?, row.int8(6)?);
                    if there == cluster && bound != i64::from(role.to_u32()) {
                        return Ok(());
                    }
                    found = Identity {
                        tenant: Some(row.uuid(1)?),
                        user: Some(row.uuid(2)?),
                        key: Some(row.uuid(3)?),
                        access: row.text(4)?.as_deref().and_then(Access::parse),
                    };
                    Ok(())
                })
            })
        })
    })?;
    Ok(found)
}

/// Whoever administers tenants is none of their users: a role that has been given such a right since it was bound.
fn may_administer(role: Oid) -> bool {
    // SAFETY: PostgreSQL looks the roles up in its caches.
    unsafe {
        if pg_sys::superuser_arg(role) || pg_sys::has_bypassrls_privilege(role) {
            return true;
        }
        let admin = pg_sys::get_role_oid(c"timedb_admin".as_ptr(), true);
        (admin != Oid::INVALID && pg_sys::is_member_of_role(role, admin))
            || pg_sys::is_member_of_role(role, pg_sys::Oid::from(pg_sys::ROLE_PG_DATABASE_OWNER))
    }
}

/// Whether the table of bindings is there and the extension's: the library can be loaded where there is none, and a
/// database's owner could have made something of that name.
fn is_installed() -> bool {
    // SAFETY: PostgreSQL looks the names up in its catalogs.
    unsafe {
        let schema = pg_sys::get_namespace_oid(c"timedb_internal".as_ptr(), true);
        if schema == Oid::INVALID {
            return false;
        }
        let table = pg_sys::get_relname_relid(c"bound_roles".as_ptr(), schema);
        if table == Oid::INVALID {
            return false;
        }
        if table == TABLE.get() {
            return true;
        }
        let extension = pg_sys::get_extension_oid(c"timedb".as_ptr(), true);
        let is_it = extension != Oid::INVALID
            && pg_sys::getExtensionOfObject(pg_sys::RelationRelationId, table) == extension;
        if is_it {
            TABLE.set(table);
        }
        is_it
    }
}
