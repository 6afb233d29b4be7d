//! What a request brings: its key, its name, its body. Who hasn't shown a good key can't make the server hold or parse
//! a large body.

use std::time::{Duration, Instant};

use axum::{
    body::{Body, HttpBody},
    http::{HeaderMap, HeaderName, header},
};
use bytes::{Buf, Bytes};
use http_body_util::BodyExt;
use serde_json::json;

use super::pieces::{Coding, Fault, Pieces};

use crate::server::{
    db::{ApiKey, Database},
    error::{ApiError, FieldError},
    guard::api_key,
    router::AppState,
    share::Held,
};

/// A body up to this size is read before the key is checked, so that it costs one round trip in all.
pub(crate) const SMALL_BODY: usize = 64 << 10;
/// How much of a refused body is thrown away unread, so that the client gets to read its answer.
const DISCARD_BYTES: usize = 64 << 20;
const DISCARD_TIME: Duration = Duration::from_secs(5);

pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const LONGEST_IDEMPOTENCY_KEY: usize = 255;

/// The client's name for a request that it may send again, to the letter: `Idempotency-Key`, 1 to 255
/// printable characters of ASCII.
///
/// # Errors
/// 422 for anything else, and for two of them.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let mut given = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = given.next() else {
        return Ok(None);
    };
    let printable = value
        .as_bytes()
        .iter()
        .all(|byte| matches!(byte, b' '..=b'~'));
    if printable && (1..=LONGEST_IDEMPOTENCY_KEY).contains(&value.len()) && given.next().is_none() {
        return Ok(value.to_str().ok().map(str::to_owned));
    }
    let all = headers.get_all(IDEMPOTENCY_KEY).iter();
    let input: Vec<_> = all.map(|v| String::from_utf8_lossy(v.as_bytes())).collect();
    Err(ApiError::invalid(&[FieldError::new(
        "string_pattern_mismatch",
        vec![json!("header"), json!("Idempotency-Key")],
        format!(
            "Input should be given once, with 1 to {LONGEST_IDEMPOTENCY_KEY} printable ASCII characters"
        ),
        json!(input.join(", ")),
    )]))
}

/// The key of a request with a body. A body that comes with what can't be a key is never looked at.
pub(crate) fn key_and_body(
    headers: &HeaderMap,
    body: Body,
) -> Result<(Option<ApiKey>, Body), ApiError> {
    match api_key(headers) {
        Ok(key) => Ok((key, body)),
        Err(refused) => {
            leave_unread(headers, body);
            Err(refused)
        }
    }
}

/// A body, and whether its sender has already shown a good key.
pub(crate) struct Received {
    pub bytes: Bytes,
    authenticated: bool,
    content_type: Option<String>,
    _memory: Held,
}

impl Received {
    /// Answers an invalid body: 422, or 401 when the key isn't good either.
    pub(crate) async fn invalid(
        &self,
        db: &Database,
        key: Option<&ApiKey>,
        errors: &[FieldError],
    ) -> ApiError {
        self.refuse(db, key, ApiError::invalid(errors)).await
    }

    /// Gives `answer`, unless the key isn't good: then that is said instead.
    pub(crate) async fn refuse(
        &self,
        db: &Database,
        key: Option<&ApiKey>,
        answer: ApiError,
    ) -> ApiError {
        if self.authenticated {
            return answer;
        }
        match db.authenticate(key).await {
            Ok(()) => answer,
            Err(refused) => refused,
        }
    }

    /// Leaves out the mark that some editors and spreadsheets put before a text in UTF-8.
    ///
    /// # Errors
    /// 415 where a mark says that the text is in UTF-16 or UTF-32, after the key was found good.
    async fn without_mark(mut self, db: &Database, key: Option<&ApiKey>) -> Result<Self, ApiError> {
        const UTF_8: &[u8] = b"\xef\xbb\xbf";
        // Those of UTF-32 begin with the same two bytes, or with two zeros.
        const OTHERS: [&[u8]; 3] = [b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff"];
        if self.bytes.starts_with(UTF_8) {
            self.bytes.advance(UTF_8.len());
        } else if OTHERS.iter().any(|mark| self.bytes.starts_with(mark)) {
            return Err(self.refuse(db, key, ApiError::not_utf8()).await);
        }
        Ok(self)
    }

    /// The content type, if it says that the body is something other than JSON.
    pub(crate) fn not_json(&self) -> Option<&str> {
        let content_type = self.content_type.as_deref()?;
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        let subtype = essence.strip_prefix("application/");
        let json = subtype.is_some_and(|name| name == "json" || name.ends_with("+json"));
        (!json).then_some(content_type)
    }
}

/// Reads a request's body. Beyond [`SMALL_BODY`] the key is checked first, and a body that is refused is
/// neither kept nor parsed. Sizes are those of what is unpacked.
pub(crate) async fn read_body(
    state: &AppState,
    key: Option<&ApiKey>,
    headers: &HeaderMap,
    body: Body,
) -> Result<Received, ApiError> {
    let (db, limit) = (&state.db, state.max_body_bytes);
    let coding = match Coding::of(headers) {
        Ok(coding) => coding,
        Err(unknown) => {
            let refused = db.authenticate(key).await.err().unwrap_or(unknown);
            leave_unread(headers, body);
            return Err(refused);
        }
    };
    let mut memory = Held::default();
    let declared = body.size_hint().exact().unwrap_or(0);
    // As far as it is known.
    let mut size = usize::try_from(declared).unwrap_or(usize::MAX);
    let mut pieces = Pieces::new(body, coding);
    let mut bytes = Vec::new();
    let mut authenticated = false;
    let refused = loop {
        if size > SMALL_BODY.min(limit) && !authenticated {
            if let Err(error) = db.authenticate(key).await {
                break error;
            }
            authenticated = true;
            // The wait for the database is not the client's slowness.
            pieces.restart();
        }
        if size > limit {
            break ApiError::body_too_large(limit);
        }
        if bytes.capacity() == 0 && coding == Coding::Plain {
            bytes.reserve_exact(size);
        }
        match pieces.next().await {
            Ok(Some(data)) => {
                let received = bytes.len() + data.len();
                size = size.max(received);
                if size > limit {
                    continue;
                }
                let (party, before) = (db.party(key), Instant::now());
                if state
                    .body_memory
                    .grow(&mut memory, party, received)
                    .await
                    .is_err()
                {
                    tracing::warn!(?party, "no memory is free for a request's body");
                    break ApiError::unavailable(
                        "The server is busy with other uploads; please try again.",
                    );
                }
                bytes.extend_from_slice(data);
                // Nor is the wait for others.
                pieces.allow(before.elapsed());
            }
            Ok(None) => {
                let content_type = headers.get(header::CONTENT_TYPE);
                let received = Received {
                    bytes: bytes.into(),
                    authenticated,
                    _memory: memory,
                    content_type: content_type
                        .map(|value| String::from_utf8_lossy(value.as_bytes()).to_lowercase()),
                };
                return received.without_mark(db, key).await;
            }
            Err(Fault::Transport(error)) => return Err(error),
            Err(Fault::Content(error)) if authenticated => break error,
            Err(Fault::Content(error)) => break db.authenticate(key).await.err().unwrap_or(error),
        }
    };
    leave_unread(headers, pieces.into_rest());
    Err(refused)
}

/// What happens to a body that is not wanted: it is thrown away while the client gets its answer, but one
/// that waits for leave to send gets the answer alone.
fn leave_unread(headers: &HeaderMap, body: Body) {
    if !headers.contains_key(header::EXPECT) {
        tokio::spawn(tokio::time::timeout(DISCARD_TIME, discard(body)));
    }
}

/// Reads and forgets: closing a socket with unread data would take the answer from the client.
async fn discard(mut body: Body) {
    let mut seen = 0;
    while let Some(Ok(frame)) = body.frame().await {
        seen += frame.data_ref().map_or(0, Bytes::len);
        if seen > DISCARD_BYTES {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_one_printable_name_or_none() {
        let name = |values: &[&str]| {
            let mut given = HeaderMap::new();
            for value in values {
                let value = axum::http::HeaderValue::from_bytes(value.as_bytes()).unwrap();
                given.append("idempotency-key", value);
            }
            idempotency_key(&given).map_err(|error| error.status())
        };
        let (longest, longer) = ("k".repeat(255), "k".repeat(256));
        assert_eq!(name(&[]), Ok(None));
        for good in ["k", "7f0c5f0e-6c1f-4c39", "a b", "\"quoted\"", &longest] {
            assert_eq!(name(&[good]), Ok(Some(good.to_owned())));
        }
        for bad in [
            &[""] as &[&str],
            &[&longer],
            &["ключ"],
            &["a\tb"],
            &["a", "a"],
        ] {
            assert_eq!(name(bad), Err(422), "{bad:?}");
        }
    }
}
