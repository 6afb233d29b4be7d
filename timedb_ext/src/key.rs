//! The format of API keys: how a key is spelled, checked and hashed. Pure; knows no database.
//!
//! A key is `tdb_`, 43 base62 characters that spell 256 random bits, and 6 base62 characters of the
//! CRC-32 of those 43: scanners find leaked keys, and a mistyped one fails before any look-up.
//! Keys of the Python project (43 URL-safe base64 characters) are the second accepted format.

use sha2::{Digest, Sha256};

const PREFIX: &str = "tdb_";
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const RANDOM_CHARS: usize = 43;
const CHECKSUM_CHARS: usize = 6;
const LEGACY_CHARS: usize = 43;

/// Spells 256 random bits as a key.
pub fn from_random(random: [u8; 32]) -> String {
    let mut number = random;
    let mut body = [0u8; RANDOM_CHARS];
    for char in body.iter_mut().rev() {
        *char = ALPHABET[usize::from(divide_by_62(&mut number))];
    }
    let mut key = String::with_capacity(PREFIX.len() + RANDOM_CHARS + CHECKSUM_CHARS);
    key.push_str(PREFIX);
    key.extend(body.map(char::from));
    key.extend(checksum(&body).map(char::from));
    key
}

/// Whether the text has one of the two formats; with a checksum, whether that is right.
pub fn is_well_formed(key: &str) -> bool {
    match key.strip_prefix(PREFIX).map(str::as_bytes) {
        // A legacy key may happen to start with `tdb_`: its length tells.
        Some(rest) if rest.len() == RANDOM_CHARS + CHECKSUM_CHARS => {
            let (body, sum) = rest.split_at(RANDOM_CHARS);
            body.iter().all(u8::is_ascii_alphanumeric) && sum == checksum(body)
        }
        _ => is_legacy(key),
    }
}

fn is_legacy(key: &str) -> bool {
    let url_safe = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
    key.len() == LEGACY_CHARS && key.bytes().all(url_safe)
}

/// What is stored of a key, and what it is looked up by.
pub fn hash(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

fn checksum(body: &[u8]) -> [u8; CHECKSUM_CHARS] {
    let mut rest = crc32fast::hash(body);
    let mut chars = [0u8; CHECKSUM_CHARS];
    for char in chars.iter_mut().rev() {
        *char = ALPHABET[(rest % 62) as usize];
        rest /= 62;
    }
    chars
}

/// Divides a big-endian number in place and returns the remainder.
fn divide_by_62(number: &mut [u8; 32]) -> u8 {
    let mut remainder = 0u16;
    for byte in number.iter_mut() {
        let value = remainder << 8 | u16::from(*byte);
        *byte = (value / 62) as u8;
        remainder = value % 62;
    }
    remainder as u8
}
