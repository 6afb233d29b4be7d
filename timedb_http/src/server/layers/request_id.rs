//! What a request is called: by the client or a proxy (`X-Request-Id`), or else here; and the trace that it is part of
//! (`traceparent`, W3C Trace Context). Both are the client's words and go to the log, so only those of a known form do.

use axum::http::{HeaderMap, HeaderName};
use uuid::Uuid;

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
const LONGEST: usize = 128;

/// The id of a request: the one that it brings, if it is given once, is short, and holds nothing odd; else a new one.
pub(super) fn of(headers: &HeaderMap) -> String {
    let given = only(headers, &REQUEST_ID).filter(|id| is_fit(id));
    given.map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}

fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then(|| value.to_str().ok())?
}

/// A client that sends its key by mistake must not find it in the log.
fn is_fit(id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/+=@".contains(&byte);
    (1..=LONGEST).contains(&id.len())
        && id.bytes().all(is_plain)
        && !id.contains("tdb_")
        && timedb_key::check(id).is_err()
}

/// The trace and the span that have led to a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TraceParent {
    pub trace_id: String,
    pub parent_id: String,
}

impl TraceParent {
    /// Takes `00-<32 hex digits>-<16>-<2>`, and what versions to come may have behind that.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut parts = only(headers, &TRACE_PARENT)?.split('-');
        let version = hex(parts.next()?, 2)?;
        let trace_id = hex(parts.next()?, 32)?;
        let parent_id = hex(parts.next()?, 16)?;
        let _flags = hex(parts.next()?, 2)?;
        let is_known = match version {
            "ff" => false,
            "00" => parts.next().is_none(),
            _ => true,
        };
        let is_set = |id: &str| id.bytes().any(|byte| byte != b'0');
        (is_known && is_set(trace_id) && is_set(parent_id)).then(|| Self {
            trace_id: trace_id.to_owned(),
            parent_id: parent_id.to_owned(),
        })
    }
}

/// Lower-case hexadecimal digits in this number.
fn hex(text: &str, length: usize) -> Option<&str> {
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (text.len() == length && text.bytes().all(is_hex)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn an_id_is_taken_when_it_is_fit_for_a_log() {
        let id = |values: &[&str]| of(&headers("x-request-id", values));
        for good in [
            "a",
            "7f0c5f0e-6c1f-4c39",
            "Root=1-67891233-abcdef",
            &"x".repeat(128),
        ] {
            assert_eq!(id(&[good]), good);
        }
        for bad in [
            &[] as &[&str],
            &[""],
            &["a b"],
            &["a\"b"],
            &["a", "a"],
            &[&"x".repeat(129)],
            &["tdb_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf1Yo7hP"],
            &["Zm9vYmFyX2Zvb2Jhci1mb29iYXJfZm9vYmFyX2Zvb2J"],
        ] {
            let made = id(bad);
            assert!(Uuid::try_parse(&made).is_ok(), "{bad:?}: {made}");
        }
    }

    #[test]
    fn a_trace_parent_is_taken_when_it_has_its_form() {
        let found = |value: &str| TraceParent::of(&headers("traceparent", &[value]));
        let (trace, span) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
        let parent = found(&format!("00-{trace}-{span}-01")).unwrap();
        assert_eq!((&*parent.trace_id, &*parent.parent_id), (trace, span));
        assert!(found(&format!("01-{trace}-{span}-01-more")).is_some());
        for bad in [
            "".to_owned(),
            format!("00-{trace}-{span}"),
            format!("00-{trace}-{span}-01-more"),
            format!("ff-{trace}-{span}-01"),
            format!("00-{}-{span}-01", "0".repeat(32)),
            format!("00-{}-{span}-01", trace.to_uppercase()),
            format!("00-{trace}-{}-01", "0".repeat(16)),
        ] {
            assert_eq!(found(&bad), None, "{bad}");
        }
    }
}
