//! Strict percent-encoding: an invalid escape, or bytes that are not text, would otherwise become a different name
//! from the one the client meant, and the answer would be that nothing is there.

use std::borrow::Cow;

use crate::server::body::Problem;

/// The text of a part of a path.
///
/// # Errors
/// What is wrong with its escapes.
pub(in crate::server::routes) fn of_path(raw: &str) -> Result<Cow<'_, str>, Problem> {
    if !escapes_are_whole(raw) {
        return Err(Problem::new(
            "url_parsing",
            "Input should be percent-encoded, a % must come before two hexadecimal digits (and is itself written %25)",
        ));
    }
    percent_encoding::percent_decode_str(raw)
        .decode_utf8()
        .map_err(|_| Problem::unreadable())
}

/// The text of a name or value of a query string, where a plus is a blank.
///
/// # Errors
/// As [`of_path`].
pub(super) fn of_query(raw: &str) -> Result<Cow<'_, str>, Problem> {
    if !raw.contains('+') {
        return of_path(raw);
    }
    let blanks = raw.replace('+', " ");
    of_path(&blanks).map(|text| Cow::Owned(text.into_owned()))
}

fn escapes_are_whole(raw: &str) -> bool {
    let mut parts = raw.split('%');
    // What comes before the first one is not an escape.
    parts.next();
    parts.all(|part| {
        let digits = part.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_comes_out() {
        for (raw, text) in [
            ("", ""),
            ("a+b%20c%2B", "a b c+"),
            ("%C3%a4%e2%82%ac", "ä€"),
            ("100%25", "100%"),
        ] {
            assert_eq!(of_query(raw).unwrap(), text);
        }
        assert_eq!(of_path("a+b").unwrap(), "a+b");
    }

    #[test]
    fn what_is_no_escape_or_no_text_is_refused() {
        for raw in [
            "%",
            "a%",
            "%2",
            "%zz",
            "%%25",
            "100%+",
            "%+1",
            "%ff",
            "%C3",
            "%ed%a0%80",
        ] {
            assert!(of_query(raw).is_err(), "{raw}");
            assert!(of_path(raw).is_err(), "{raw}");
        }
    }
}
