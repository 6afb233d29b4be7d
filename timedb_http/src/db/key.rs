//! An API key as a request brings it. It goes to the database and nowhere else.

use std::fmt;

/// A key's text; `Debug` shows none of it.
#[derive(Clone)]
pub struct ApiKey(String);

impl ApiKey {
    /// Takes a key as it came; whether it is one, the database decides.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for the wire only.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::ApiKey;

    #[test]
    fn debug_shows_nothing_of_a_key() {
        let shown = format!("{:?}", Some(ApiKey::new("tdb_secret")));
        assert_eq!(shown, "Some(ApiKey(redacted))");
    }
}
