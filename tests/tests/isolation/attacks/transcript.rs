//! Makes answers comparable.

use super::canaries::Probe;

/// An answer in which the typed values are their placeholders again.
pub fn without_typed(bytes: &[u8], typed: &[&Probe], value: fn(&Probe) -> &String) -> Vec<u8> {
    // Latin-1, so that every byte survives.
    let mut text: String = bytes.iter().map(|&byte| char::from(byte)).collect();
    for probe in typed {
        text = replace_words(&text, value(probe), probe.placeholder);
    }
    text.chars().map(|character| character as u8).collect()
}

/// Replaces a word; a short one only where it stands alone.
fn replace_words(text: &str, word: &str, by: &str) -> String {
    let (mut kept, mut rest) = (String::new(), text);
    while let Some(at) = rest.find(word) {
        let (before, after) = (&rest[..at], &rest[at + word.len()..]);
        let joins = |neighbour: Option<char>| neighbour.is_some_and(char::is_alphanumeric);
        let alone = !joins(before.chars().next_back()) && !joins(after.chars().next());
        kept.push_str(before);
        kept.push_str(if word.len() >= 8 || alone { by } else { word });
        rest = after;
    }
    kept + rest
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
        match bytes.get(at..at + 36).filter(|window| is_id(window)) {
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
        let length = bytes[at..].iter().take_while(belongs).count();
        if length >= 23 && bytes[at..].starts_with(HEAD) {
            kept.extend(b"{cursor}");
            at += length;
        } else {
            kept.push(byte);
            at += 1;
        }
    }
    kept
}
