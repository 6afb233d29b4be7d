//! An API key as a request brings it. The database gets proofs of it, and nobody gets the key itself.

use std::fmt;

use timedb_key::proof::{self, Challenge};

/// A key's text; `Debug` shows none of it.
#[derive(Clone)]
pub struct ApiKey {
    text: String,
    fingerprint: [u8; 32],
}

impl ApiKey {
    /// Takes a key as it came, if it has the form of one; whether it is valid, the database decides.
    pub fn parse(text: &str) -> Option<Self> {
        timedb_key::check(text).is_ok().then(|| Self {
            text: text.to_owned(),
            fingerprint: timedb_key::hash(text),
        })
    }

    /// The secret itself.
    #[cfg(test)]
    pub(crate) fn expose(&self) -> &str {
        &self.text
    }

    /// What the database gets instead of the key.
    pub(crate) fn prove(&self, challenge: &Challenge, count: u64) -> Vec<u8> {
        proof::prove(&self.text, &self.fingerprint, challenge, count)
    }

    /// What tells keys apart without being one.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
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
        let key = ApiKey::parse("tdb_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf1Yo7hP");
        assert_eq!(format!("{key:?}"), "Some(ApiKey(redacted))");
    }

    #[test]
    fn text_that_no_store_can_know_is_no_key() {
        for text in [
            "",
            "tdb_",
            "x",
            "tdb_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf1Yo7hp",
        ] {
            assert!(ApiKey::parse(text).is_none(), "{text}");
        }
    }
}
