//! The format of API keys: how a key is spelled, checked, hashed and proved. Pure; knows no database.
//!
//! A key is `tdb_`, 43 base62 characters that spell 256 random bits, and 6 base62 characters of the
//! CRC-32 of those 43: scanners find leaked keys, and a mistyped one fails before any look-up.
//! Keys of the Python project (43 URL-safe base64 characters) are the second accepted format.

#![forbid(unsafe_code)]

pub mod proof;

use sha2::{Digest, Sha256};
use thiserror::Error;

/// What every key of timedb's own begins with.
pub const PREFIX: &str = "tdb_";
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const RANDOM_CHARS: usize = 43;
const CHECKSUM_CHARS: usize = 6;
const CHARS: usize = PREFIX.len() + RANDOM_CHARS + CHECKSUM_CHARS;
const LEGACY_CHARS: usize = 43;

/// How a key is spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `tdb_`, random bits and a checksum.
    Timedb,
    /// A key of the Python project: 43 URL-safe characters, without a checksum.
    Legacy,
}

impl Format {
    /// The format's name in SQL and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Timedb => "timedb",
            Self::Legacy => "legacy",
        }
    }
}

/// Why a text is not a key. The text itself is never part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Problem {
    /// There is nothing.
    #[error("it is empty")]
    Empty,
    /// White space before or after it.
    #[error("it has white space before or after it")]
    Blanks,
    /// Neither format has this many characters.
    #[error("it has {0} characters instead of {CHARS} (or {LEGACY_CHARS} in the legacy format)")]
    Length(usize),
    /// The right length, and a character that no key has.
    #[error("it has characters that do not occur in keys")]
    Characters,
    /// The checksum belongs to other characters: mistyped, or pieced together.
    #[error("its checksum does not fit: a character is wrong")]
    Checksum,
}

/// Spells 256 random bits as a key.
pub fn from_random(random: [u8; 32]) -> String {
    let body: [u8; RANDOM_CHARS] = spell(random);
    let mut key = String::with_capacity(CHARS);
    key.push_str(PREFIX);
    key.extend(body.map(char::from));
    key.extend(checksum(&body).map(char::from));
    key
}

/// The format of a text that can be a key; whether it is a valid one, only a store knows.
///
/// # Errors
/// What keeps it from being a key.
pub fn check(text: &str) -> Result<Format, Problem> {
    let rest = text.strip_prefix(PREFIX).map(str::as_bytes);
    match rest {
        // A legacy key may happen to start with `tdb_`: its length tells.
        Some(rest) if rest.len() == RANDOM_CHARS + CHECKSUM_CHARS => {
            let (body, sum) = rest.split_at(RANDOM_CHARS);
            if !rest.iter().all(u8::is_ascii_alphanumeric) {
                Err(Problem::Characters)
            } else if sum != checksum(body) {
                Err(Problem::Checksum)
            } else {
                Ok(Format::Timedb)
            }
        }
        _ if text.is_empty() => Err(Problem::Empty),
        _ if text.trim() != text => Err(Problem::Blanks),
        _ if text.len() != LEGACY_CHARS => Err(Problem::Length(text.chars().count())),
        _ if !text.bytes().all(is_url_safe) => Err(Problem::Characters),
        _ => Ok(Format::Legacy),
    }
}

fn is_url_safe(char: u8) -> bool {
    char.is_ascii_alphanumeric() || char == b'-' || char == b'_'
}

/// What is stored of a key, and what it is looked up by: SHA-256.
pub fn hash(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

fn checksum(body: &[u8]) -> [u8; CHECKSUM_CHARS] {
    spell(crc32fast::hash(body).to_be_bytes())
}

/// Spells a big-endian number in base 62.
fn spell<const BYTES: usize, const CHARS: usize>(mut number: [u8; BYTES]) -> [u8; CHARS] {
    let mut chars = [0; CHARS];
    for char in chars.iter_mut().rev() {
        let mut remainder = 0u16;
        for byte in &mut number {
            let value = remainder << 8 | u16::from(*byte);
            *byte = (value / 62) as u8;
            remainder = value % 62;
        }
        *char = ALPHABET[usize::from(remainder)];
    }
    chars
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Of the bytes 0 to 31, by another implementation: Python's `int` and `zlib.crc32`, as docs/security.md prints it.
    const EXAMPLE: &str = "tdb_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf1Yo7hP";

    #[test]
    fn another_implementation_spells_the_same_keys() {
        let mut counting = [0; 32];
        counting.iter_mut().zip(0..).for_each(|(byte, i)| *byte = i);
        for (random, key) in [
            (counting, EXAMPLE),
            (
                [0; 32],
                "tdb_00000000000000000000000000000000000000000002CZclj",
            ),
            (
                [255; 32],
                "tdb_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp13sRzl1",
            ),
        ] {
            assert_eq!(from_random(random), key);
            assert_eq!(check(key), Ok(Format::Timedb));
        }
    }

    #[test]
    fn every_problem_is_told_apart() {
        for (text, problem) in [
            ("", Problem::Empty),
            (" ", Problem::Blanks),
            ("tdb_x", Problem::Length(5)),
            (&format!(" {EXAMPLE}"), Problem::Blanks),
            (&EXAMPLE.replace('a', "b"), Problem::Checksum),
            (&EXAMPLE.replace('a', "-"), Problem::Characters),
            (&"a".repeat(42), Problem::Length(42)),
            (&format!("{}+", "a".repeat(42)), Problem::Characters),
            (&"é".repeat(30), Problem::Length(30)),
        ] {
            assert_eq!(check(text), Err(problem), "{text}");
        }
        assert_eq!(check(&"a_-".repeat(15)[..43]), Ok(Format::Legacy));
        assert_eq!(
            check(&format!("tdb_{}", "a".repeat(39))),
            Ok(Format::Legacy)
        );
    }

    proptest! {
        #[test]
        fn one_wrong_or_swapped_character_is_noticed(random: [u8; 32], place in 4usize..53, other in 0usize..62) {
            let key = from_random(random);
            prop_assert_eq!(check(&key), Ok(Format::Timedb));
            let mut wrong = key.clone().into_bytes();
            wrong[place] = ALPHABET[other];
            let wrong = String::from_utf8(wrong).unwrap();
            prop_assert_eq!(check(&wrong).is_ok(), wrong == key);
            let mut swapped = key.clone().into_bytes();
            swapped.swap(place, if place == 52 { 51 } else { place + 1 });
            let swapped = String::from_utf8(swapped).unwrap();
            prop_assert_eq!(check(&swapped).is_ok(), swapped == key);
        }

        #[test]
        fn no_text_makes_it_panic(text: String) {
            let _whatever_it_is = check(&text);
        }
    }
}
