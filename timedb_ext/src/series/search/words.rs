//! Texts compared with names: the first text after all that begin with a prefix, and words that occur anywhere in
//! them.

use super::found::FoundSeries;

/// The least text that comes after all that begin with the prefix, by the characters' numbers; `None` where
/// nothing does.
pub fn after_prefix(prefix: &str) -> Option<String> {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        // Between the two halves of the characters lie numbers that are none.
        let next = match last {
            '\u{d7ff}' => Some('\u{e000}'),
            last => char::from_u32(u32::from(last) + 1),
        };
        if let Some(next) = next {
            text.push(next);
            return Some(text);
        }
    }
    None
}

/// A text that is looked for in upper or lower case.
pub struct Words(String);

impl Words {
    /// Prepares the search.
    pub fn new(words: &str) -> Self {
        Self(words.to_lowercase())
    }

    /// Whether name or description has the text.
    pub fn are_in(&self, series: &FoundSeries) -> bool {
        let has = |text: &str| text.to_lowercase().contains(&self.0);
        has(&series.name) || series.description.as_deref().is_some_and(has)
    }
}
