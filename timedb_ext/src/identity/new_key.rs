//! Keys on their way into the store. Other extensions can print a statement's parameters and constants; so a new key
//! waits here, and the statement that stores it asks for the parts that are stored.

use crate::pg::error::{Error, Result};
use crate::pg::random;
use std::cell::RefCell;
use timedb_key::{Format, Problem};

/// What the store keeps of a key.
pub struct Kept {
    pub hash: [u8; 32],
    pub prefix: String,
    pub legacy: bool,
}

/// So many characters are kept, to tell keys apart.
const PREFIX: usize = 12;

thread_local! {
    // Set and taken within one call of a function of administration.
    static WAITING: RefCell<Option<Kept>> = const { RefCell::new(None) };
}

/// A new key, which waits.
///
/// # Errors
/// XX000 when there are no random bytes.
pub fn generate() -> Result<String> {
    let key = timedb_key::from_random(random::bytes()?);
    wait(&key, Format::Timedb);
    Ok(key)
}

/// Lets a key wait that somebody has brought.
///
/// # Errors
/// What is wrong with it.
pub fn bring(key: &str) -> std::result::Result<(), Problem> {
    wait(key, timedb_key::check(key)?);
    Ok(())
}

/// The key that waits, for the last time.
///
/// # Errors
/// XX000 if none does.
pub fn take() -> Result<Kept> {
    let kept = WAITING.with_borrow_mut(Option::take);
    kept.ok_or_else(|| Error::internal("there is no key to store"))
}

fn wait(key: &str, format: Format) {
    WAITING.set(Some(Kept {
        hash: timedb_key::hash(key),
        prefix: key.chars().take(PREFIX).collect(),
        legacy: format == Format::Legacy,
    }));
}
