//! A cursor over JSON text for the fast reader: strict where it accepts, and `None` at anything unusual, which
//! the slow reader then judges. It exists because rows are many and all alike; on them it takes half the time
//! of a general parser.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::scalar::{Number, Scalar, Text};

/// Powers of ten that a float holds exactly, as it does every whole number below 2^53.
const EXACT_POWERS: [f64; 16] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
];
/// So many digits always stay below 2^53.
const EXACT_DIGITS: usize = 15;

/// Every byte of a word the same.
const fn all(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// A place in a JSON text.
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// Moves over a punctuation mark, if that is what comes next.
    pub(super) fn eat(&mut self, mark: u8) -> bool {
        self.skip_space();
        let found = self.peek() == Some(mark);
        self.at += usize::from(found);
        found
    }

    /// Whether only white space is left.
    pub(super) fn at_end(&mut self) -> bool {
        self.skip_space();
        self.at == self.text.len()
    }

    /// After a member or an element: true when another follows, false when `close` ended the list.
    pub(super) fn more(&mut self, close: u8) -> Option<bool> {
        if self.eat(b',') {
            Some(true)
        } else {
            self.eat(close).then_some(false)
        }
    }

    /// A member's name and its colon.
    pub(super) fn name(&mut self) -> Option<Cow<'a, str>> {
        self.skip_space();
        let name = self.string()?;
        self.eat(b':').then_some(name)
    }

    /// One value of any kind, as it stands.
    pub(super) fn raw(&mut self) -> Option<&'a RawValue> {
        self.skip_space();
        let mut values =
            serde_json::Deserializer::from_str(self.text.get(self.at..)?).into_iter::<&RawValue>();
        let value = values.next()?.ok()?;
        self.at += values.byte_offset();
        Some(value)
    }

    /// One value, converted; lists and objects are only named.
    pub(super) fn scalar(&mut self) -> Option<Scalar<'a>> {
        self.skip_space();
        match self.peek()? {
            b'"' => self.string().map(Scalar::Text),
            b'-' | b'0'..=b'9' => self.number().map(Scalar::Number),
            b'n' => self.word("null", Scalar::Null),
            b't' => self.word("true", Scalar::Bool(true)),
            b'f' => self.word("false", Scalar::Bool(false)),
            _ => self.raw().map(|_| Scalar::Composite),
        }
    }

    fn word(&mut self, word: &str, meaning: Scalar<'a>) -> Option<Scalar<'a>> {
        let found = self.text.as_bytes()[self.at..].starts_with(word.as_bytes());
        self.at += word.len();
        found.then_some(meaning)
    }

    /// A string, borrowed unless it has escapes.
    fn string(&mut self) -> Option<Cow<'a, str>> {
        if self.peek() != Some(b'"') {
            return None;
        }
        let start = self.at + 1;
        let end = start + plain_length(&self.text.as_bytes()[start..]);
        match self.text.as_bytes().get(end)? {
            b'"' => {
                self.at = end + 1;
                self.text.get(start..end).map(Cow::Borrowed)
            }
            b'\\' => {
                let Text(text) = serde_json::from_str(self.raw()?.get()).ok()?;
                Some(text)
            }
            // A control character, which JSON has only escaped.
            _ => None,
        }
    }

    /// A number by JSON's grammar: no leading zeros, no sign but minus, digits around the point.
    fn number(&mut self) -> Option<Number<'a>> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let negative = bytes[start] == b'-';
        let mut mantissa = 0u64;
        let whole_from = start + usize::from(negative);
        let mut at = digits(bytes, whole_from, &mut mantissa);
        let whole = at - whole_from;
        if whole == 0 || (whole > 1 && bytes[whole_from] == b'0') {
            return None;
        }
        let mut fraction = 0;
        if bytes.get(at) == Some(&b'.') {
            let from = at + 1;
            at = digits(bytes, from, &mut mantissa);
            fraction = at - from;
            if fraction == 0 {
                return None;
            }
        }
        let mut exact = whole + fraction <= EXACT_DIGITS;
        if let Some(b'e' | b'E') = bytes.get(at) {
            exact = false;
            let sign = matches!(bytes.get(at + 1), Some(b'+' | b'-'));
            let from = at + 1 + usize::from(sign);
            at = digits(bytes, from, &mut 0);
            if at == from {
                return None;
            }
        }
        self.at = at;
        let text = self.text.get(start..at)?;
        if !exact {
            let value = text.parse().ok()?;
            return Some(Number { text, value });
        }
        // Both are exact, so the division rounds once: the nearest float, as a full parser finds it.
        let size = mantissa as f64 / EXACT_POWERS[fraction];
        let value = if negative { -size } else { size };
        Some(Number { text, value })
    }
}

/// Reads digits into a number (which wraps when there are too many of them) and gives the place behind them.
fn digits(bytes: &[u8], from: usize, number: &mut u64) -> usize {
    let mut at = from;
    while let Some(digit @ b'0'..=b'9') = bytes.get(at) {
        *number = number
            .wrapping_mul(10)
            .wrapping_add(u64::from(digit - b'0'));
        at += 1;
    }
    at
}

/// How many bytes come before a quote, a backslash or a control character, eight at a time.
fn plain_length(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        // The highest bit of each byte that is what is looked for; a borrow can only spoil later bytes.
        let zero = |x: u64| x.wrapping_sub(all(1)) & !x;
        let control = word.wrapping_sub(all(0x20)) & !word;
        let hits = (zero(word ^ all(b'"')) | zero(word ^ all(b'\\')) | control) & all(0x80);
        if hits != 0 {
            return at * 8 + hits.trailing_zeros() as usize / 8;
        }
    }
    let plain = |byte: &u8| !matches!(byte, b'"' | b'\\' | 0..0x20);
    words.len() * 8 + rest.iter().take_while(|byte| plain(byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_json_is_accepted() {
        for text in [
            "01", "-", "+1", ".5", "1.", "1.e3", "1e", "1e+", "-x", "nul", "truth", "\"a",
            "\"a\nb\"", "\"\\x\"", "[1", "{]", "NaN", "Infinity", "'a'", "",
        ] {
            let mut cursor = Cursor::new(text);
            let accepted = cursor.scalar().is_some() && cursor.at_end();
            assert!(!accepted, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_scalar_is_what_the_parser_says(text in prop_oneof![
            any::<f64>().prop_map(|x| serde_json::json!(x).to_string()),
            "-?[0-9]{1,20}(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?",
            ".{0,40}".prop_map(|x| serde_json::json!(x).to_string()),
            "\"[ -~]{0,20}\"",
            "[-0-9.eE\"\\\\a-u\\[\\]{}:, ]{0,8}",
        ]) {
            let mut cursor = Cursor::new(&text);
            let scanned = cursor.scalar().filter(|_| cursor.at_end());
            let parsed = serde_json::from_str::<&RawValue>(&text).ok().map(Scalar::of);
            if let (Some(Scalar::Number(number)), Some(Scalar::Number(other))) = (&scanned, &parsed) {
                prop_assert_eq!(number.value.to_bits(), other.value.to_bits());
            }
            prop_assert_eq!(scanned, parsed.filter(|scalar| *scalar != Scalar::Unreadable));
        }

        #[test]
        fn plain_text_ends_where_it_ends(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let naive = bytes.iter().position(|b| matches!(b, b'"' | b'\\' | 0..0x20));
            prop_assert_eq!(plain_length(&bytes), naive.unwrap_or(bytes.len()));
        }
    }
}
