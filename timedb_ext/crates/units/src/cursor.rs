//! Reads a text from its beginning, character by character and word by word. Knows which characters words consist of,
//! and nothing about what they mean.

/// A text of which the beginning is read.
pub(crate) struct Cursor<'a> {
    /// What is not read yet.
    pub rest: &'a str,
}

impl<'a> Cursor<'a> {
    /// Whether this sign comes next, and a digit after it: the point in `m^1.5` doesn't multiply.
    pub(crate) fn is_before_digit(&self, sign: &str) -> bool {
        let digits = self.rest.strip_prefix(sign);
        digits.is_some_and(|digits| digits.starts_with(|char: char| char.is_ascii_digit()))
    }

    /// The word that the rest begins with, empty when it begins with something else.
    pub(crate) fn word(&self) -> &'a str {
        let signs = ['_', '%', '‰', '°', '℃', '℉', '€', '£', '₂'];
        let end = self.rest.char_indices().find(|(i, char)| {
            let digit = char.is_ascii_digit() && *i > 0;
            !(digit || char.is_alphabetic() || signs.contains(char))
        });
        let end = end.map_or(self.rest.len(), |(i, _)| i);
        self.rest.get(..end).unwrap_or_default()
    }

    /// Reads the digits that the rest begins with.
    pub(crate) fn digits(&mut self) -> &'a str {
        let after = self
            .rest
            .trim_start_matches(|char: char| char.is_ascii_digit());
        let digits = self.rest.strip_suffix(after).unwrap_or_default();
        self.rest = after;
        digits
    }

    /// Reads white space, and says whether there was any.
    pub(crate) fn skip_space(&mut self) -> bool {
        let before = self.rest;
        self.rest = before.trim_start();
        self.rest.len() < before.len()
    }

    /// Reads this sign if it comes next, and says whether it did.
    pub(crate) fn take(&mut self, sign: &str) -> bool {
        let rest = self.rest.strip_prefix(sign);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }
}
