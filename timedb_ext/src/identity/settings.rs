//! The settings that say who the caller is, and their guard. Nothing else sets or reads them.
//!
//! Where they say nobody, the login role may be bound to a user (bound.rs), unless the session has logged out. Who the
//! caller is after all, caller.rs says.
//!
//! Only superusers may set them (PGC_SUSET), and [`set`] does so on behalf of the library. A value from anywhere but a
//! running session is refused: what was given before the library was loaded (SET, PGOPTIONS, ALTER ROLE ... SET) was
//! never checked by anyone.

use crate::pg::error::{Result, uuid_text};
use crate::pg::options::{self, Span};
use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting, pg_sys};
use std::cell::Cell;
use std::ffi::{CStr, CString, c_char, c_void};
use std::sync::atomic::{AtomicBool, Ordering};

/// True while the variables come into being: then PostgreSQL hands over what stood under their
/// names before.
static DEFINING: AtomicBool = AtomicBool::new(false);

type Text = GucSetting<Option<CString>>;

/// Names and descriptions of the settings. A setting is known by its place here.
const NAMES: [(&CStr, &CStr); 5] = [
    (c"timedb.tenant_id", c"The authenticated tenant."),
    (c"timedb.user_id", c"The authenticated user."),
    (c"timedb.key_id", c"The key used to authenticate."),
    (c"timedb.access", c"What the key allows."),
    (
        c"timedb.binding",
        c"Whether what the login role is bound to counts: off after timedb.logout().",
    ),
];
const TENANT: usize = 0;
const USER: usize = 1;
const KEY: usize = 2;
const ACCESS: usize = 3;
const BINDING: usize = 4;
/// What [`BINDING`] says once the session has logged out.
const OFF: &CStr = c"off";

// Where PostgreSQL keeps the texts. The parsed values below are what counts. The empty text is also what RESET and
// DISCARD ALL go back to.
static TEXTS: [Text; 5] = [const { Text::new(Some(c"")) }; 5];

thread_local! {
    // Parsed by the assign hooks, so that policies pay nanoseconds for the tenant.
    static IDENTITY: Cell<Identity> = const { Cell::new(Identity::NOBODY) };
    // Counts the changes of the tenant, so that a scan notices one by looking at a single number.
    static CHANGES: Cell<u64> = const { Cell::new(0) };
    static LOGGED_OUT: Cell<bool> = const { Cell::new(false) };
}

/// Who the caller is.
#[derive(Clone, Copy)]
pub struct Identity {
    /// Whose data can be seen; `None` is nobody.
    pub tenant: Option<[u8; 16]>,
    /// The authenticated user.
    pub user: Option<[u8; 16]>,
    /// The key used to authenticate.
    pub key: Option<[u8; 16]>,
    /// Whether that key may write.
    pub access: Option<Access>,
}

/// What a key allows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everything in its tenant.
    ReadWrite,
    /// Reading only.
    ReadOnly,
}

impl Access {
    /// The spelling in `api_keys.access` and in the setting.
    pub fn name(self) -> &'static str {
        match self {
            Self::ReadWrite => "read_write",
            Self::ReadOnly => "read_only",
        }
    }

    /// Reads what [`Access::name`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let mut both = [Self::ReadWrite, Self::ReadOnly].into_iter();
        both.find(|access| access.name() == text)
    }
}

impl Identity {
    /// The state of a fresh session.
    pub const NOBODY: Self = Self {
        tenant: None,
        user: None,
        key: None,
        access: None,
    };
}

/// What the settings say; the login role may say more (caller.rs).
pub fn identity() -> Identity {
    IDENTITY.get()
}

/// A number that is another one after each change of the settings' tenant.
pub fn tenant_changes() -> u64 {
    CHANGES.get()
}

/// Whether the session has logged out, so that nothing its role is bound to counts.
pub fn is_logged_out() -> bool {
    LOGGED_OUT.get()
}

/// Makes `who` the caller's identity for `span`.
///
/// # Errors
/// XX000 when PostgreSQL does not take a value; it raises its own errors.
pub fn set(who: Identity, span: Span) -> Result<()> {
    let id = |id: Option<[u8; 16]>| id.map(|id| uuid_text(&id)).unwrap_or_default();
    let [tenant, user, key] = [who.tenant, who.user, who.key].map(id);
    let access = who.access.map_or("", Access::name);
    for ((name, _), value) in NAMES.into_iter().zip([&*tenant, &user, &key, access]) {
        options::set_option(name, value, span)?;
    }
    Ok(())
}

/// Makes the caller nobody until the session ends or authenticates, whatever its role is bound to.
///
/// # Errors
/// As [`set`].
pub fn log_out() -> Result<()> {
    set(Identity::NOBODY, Span::Session)?;
    let (name, _) = NAMES[BINDING];
    options::set_option(name, &OFF.to_string_lossy(), Span::Session)
}

/// Runs `f` as this tenant and no user, with the right to write, whoever the caller is: for administrators, who have
/// no tenant. Row security binds whatever `f` does to that tenant.
///
/// # Errors
/// As [`set`]; whatever `f` returns.
pub fn acting_as<T>(tenant: [u8; 16], f: impl FnOnce() -> Result<T>) -> Result<T> {
    let who = Identity {
        tenant: Some(tenant),
        user: None,
        key: None,
        access: Some(Access::ReadWrite),
    };
    options::during(|| {
        set(who, Span::Call)?;
        f()
    })
}

/// Defines the variables; called once, when the library is loaded.
pub fn define() {
    DEFINING.store(true, Ordering::Relaxed);
    define_one::<TENANT>();
    define_one::<USER>();
    define_one::<KEY>();
    define_one::<ACCESS>();
    define_one::<BINDING>();
    DEFINING.store(false, Ordering::Relaxed);
}

/// Makes a misspelt `timedb.*` setting an error from now on; called once, when all variables are defined: what a session
/// has set before, of a variable that is not, is taken from it.
pub fn reserve_prefix() {
    // SAFETY: the name ends in NUL and PostgreSQL copies it.
    unsafe { pg_sys::MarkGUCPrefixReserved(c"timedb".as_ptr()) };
}

fn define_one<const SETTING: usize>() {
    let (name, description) = NAMES[SETTING];
    // SAFETY: the hooks below do not panic.
    unsafe {
        GucRegistry::define_string_guc_with_hooks(
            name,
            description,
            c"Set by timedb.authenticate() and timedb.login().",
            &TEXTS[SETTING],
            GucContext::Suset,
            GucFlags::NO_SHOW_ALL | GucFlags::DISALLOW_IN_FILE,
            Some(check::<SETTING>),
            Some(assign::<SETTING>),
            None,
        );
    }
}

// The hooks run inside PostgreSQL's own machinery, also while it aborts: they don't allocate, don't
// raise, and hold nothing that could panic.

unsafe extern "C-unwind" fn check<const SETTING: usize>(
    value: *mut *mut c_char,
    _extra: *mut *mut c_void,
    source: pg_sys::GucSource::Type,
) -> bool {
    // SAFETY: PostgreSQL passes a pointer to a C string.
    let text = unsafe { c_text(*value) };
    if text.is_empty() {
        return true;
    }
    let well_formed = match SETTING {
        ACCESS => parse_access(text).is_some(),
        BINDING => text == OFF,
        _ => parse_uuid(text).is_some(),
    };
    // Parallel workers get the leader's values with the source they had there, after the library
    // has been loaded.
    let problem = if DEFINING.load(Ordering::Relaxed) {
        c"It was set before the library timedb was loaded."
    } else if source != pg_sys::GucSource::PGC_S_SESSION {
        c"It can be set only in a running session, by timedb.authenticate() or timedb.login()."
    } else if !well_formed {
        c"The value is malformed."
    } else {
        return true;
    };
    // SAFETY: PostgreSQL reads the text after the hook has returned, and never frees it.
    unsafe { pg_sys::GUC_check_errdetail_string = problem.as_ptr().cast_mut() };
    false
}

unsafe extern "C-unwind" fn assign<const SETTING: usize>(
    value: *const c_char,
    _extra: *mut c_void,
) {
    // SAFETY: PostgreSQL passes a C string that the check hook has accepted.
    let text = unsafe { c_text(value) };
    let before = IDENTITY.get();
    let mut who = before;
    match SETTING {
        BINDING => {
            LOGGED_OUT.set(text == OFF);
            return;
        }
        TENANT => who.tenant = parse_uuid(text),
        USER => who.user = parse_uuid(text),
        KEY => who.key = parse_uuid(text),
        _ => who.access = parse_access(text),
    }
    if who.tenant != before.tenant {
        CHANGES.set(CHANGES.get().wrapping_add(1));
    }
    IDENTITY.set(who);
}

/// The text at a C pointer; empty for NULL.
///
/// # Safety
/// `value` is NULL or a C string that outlives the result.
unsafe fn c_text<'a>(value: *const c_char) -> &'a CStr {
    if value.is_null() {
        return c"";
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(value) }
}

fn parse_uuid(text: &CStr) -> Option<[u8; 16]> {
    let bytes = text.to_bytes();
    // Only the form with hyphens, as PostgreSQL writes it.
    if bytes.len() != 36 {
        return None;
    }
    let uuid = uuid::Uuid::try_parse_ascii(bytes).ok()?;
    Some(uuid.into_bytes())
}

fn parse_access(text: &CStr) -> Option<Access> {
    Access::parse(text.to_str().ok()?)
}
