//! Makes answers comparable.

use memchr::memmem;

use super::canaries::Probe;

/// An answer in which the typed values are their placeholders again.
pub fn without_typed(bytes: &[u8], typed: &[&Probe], value: fn(&Probe) -> &String) -> Vec<u8> {
    typed.iter().fold(bytes.to_vec(), |bytes, probe| {
        replace_words(&bytes, value(probe), probe.placeholder)
    })
}

/// Replaces a word; a short one only where it stands alone.
fn replace_words(text: &[u8], word: &str, by: &str) -> Vec<u8> {
    let (mut kept, mut rest) = (Vec::new(), text);
    while let Some(at) = memmem::find(rest, word.as_bytes()) {
        let (before, after) = (&rest[..at], &rest[at + word.len()..]);
        // As in Latin-1, whatever it is.
        let joins = |neighbour: Option<&u8>| {
            neighbour.is_some_and(|&byte| char::from(byte).is_alphanumeric())
        };
        let alone = !joins(before.last()) && !joins(after.first());
        kept.extend_from_slice(before);
        kept.extend_from_slice(if word.len() >= 8 || alone { by } else { word }.as_bytes());
        rest = after;
    }
    kept.extend_from_slice(rest);
    kept
}

/// An answer in which ids are their number in order of appearance: new ones differ each time.
pub fn without_ids(bytes: &[u8]) -> Vec<u8> {
    let is_id = |window: &[u8]| {
        window.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
    };
    let (mut seen, mut kept, mut at) = (Vec::new(), Vec::new(), 0);
    while at < bytes.len() {
        let dashed = bytes.get(at + 8) == Some(&b'-');
        let window = bytes.get(at..at + 36).filter(|_| dashed);
        match window.filter(|window| is_id(window)) {
            Some(id) => {
                let number = seen
                    .iter()
                    .position(|other| *other == id)
                    .unwrap_or(seen.len());
                if number == seen.len() {
                    seen.push(id);
                }
                kept.extend(format!("{{id {number}}}").bytes());
                at += 36;
            }
            None => {
                kept.push(bytes[at]);
                at += 1;
            }
        }
    }
    kept
}

/// An answer in which cursors of changes are all alike: some tell what time it was.
pub fn without_cursors(bytes: &[u8]) -> Vec<u8> {
    const HEAD: &[u8] = b"AQA";
    let belongs = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let (mut kept, mut at) = (Vec::new(), 0);
    while let Some(&byte) = bytes.get(at) {
        // Only behind the head: answers hold words of a megabyte, which must not be walked at each of their bytes.
        let length = match bytes[at..].starts_with(HEAD) {
            true => bytes[at..].iter().take_while(belongs).count(),
            false => 0,
        };
        if length >= 23 {
            kept.extend(b"{cursor}");
            at += length;
        } else {
            kept.push(byte);
            at += 1;
        }
    }
    kept
}
