//! Keys on their way into the store. What a statement is given or holds as a constant can be printed by other
//! extensions; so a new key waits here, and the statement that stores it asks for what is kept of it.

use super::challenge;
use crate::error::{Error, Result, entry};
use pgrx::prelude::*;
use std::cell::RefCell;
use timedb_key::{Format, Problem};

/// What the store keeps of a key.
struct Kept {
    hash: [u8; 32],
    prefix: String,
    legacy: bool,
}

/// So many characters are kept, to tell keys apart.
const PREFIX: usize = 12;

thread_local! {
    // Set and taken within one call of a function of administration.
    static WAITING: RefCell<Option<Kept>> = const { RefCell::new(None) };
}

/// SQL `timedb._generate_key()`.
#[pg_extern(sql = false)]
fn _generate_key() -> String {
    entry(|| {
        let mut random = [0; 32];
        challenge::fill(&mut random)?;
        let key = timedb_key::from_random(random);
        wait(&key, Format::Timedb);
        Ok(key)
    })
}

/// SQL `timedb._bring_key(key)`. NULL is no key either.
#[pg_extern(sql = false)]
fn _bring_key(key: Option<&str>) -> Option<String> {
    let key = key.unwrap_or_default();
    match timedb_key::check(key) {
        Ok(format) => {
            wait(key, format);
            None
        }
        Err(problem) => Some(problem.to_string()),
    }
}

/// SQL `timedb._take_key()`.
#[pg_extern(sql = false)]
fn _take_key() -> TableIterator<
    'static,
    (
        name!(key_hash, Vec<u8>),
        name!(key_prefix, String),
        name!(legacy, bool),
    ),
> {
    let kept = entry(|| -> Result<Kept> {
        let kept = WAITING.with_borrow_mut(Option::take);
        kept.ok_or_else(|| Error::internal("there is no key to store"))
    });
    TableIterator::once((kept.hash.to_vec(), kept.prefix, kept.legacy))
}

/// SQL `timedb.check_key(key)`. NULL is no key either.
#[pg_extern(sql = false)]
fn check_key(
    key: Option<&str>,
) -> TableIterator<
    'static,
    (
        name!(format, Option<&'static str>),
        name!(problem, Option<String>),
    ),
> {
    let told: std::result::Result<Format, Problem> = timedb_key::check(key.unwrap_or_default());
    TableIterator::once(match told {
        Ok(format) => (Some(format.name()), None),
        Err(problem) => (None, Some(problem.to_string())),
    })
}

fn wait(key: &str, format: Format) {
    WAITING.set(Some(Kept {
        hash: timedb_key::hash(key),
        prefix: key.chars().take(PREFIX).collect(),
        legacy: format == Format::Legacy,
    }));
}
