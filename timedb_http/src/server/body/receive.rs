//! A body as it arrives. Clients without a valid key can neither make the server hold or parse a large one, nor learn
//! what is wrong with a small one.

use std::time::{Duration, Instant};

use axum::{
    body::{Body, HttpBody},
    http::{HeaderMap, header},
};
use bytes::{Buf, Bytes};
use http_body_util::BodyExt;

use super::{
    pieces::{BodyPieces, Coding, Fault},
    table::BodyFormat,
};
use crate::formats::table::unpacked_size;
use crate::server::{
    answer::work_on,
    error::ApiError,
    share::{BodyMemory, Held},
    state::Caller,
};

/// A body up to this size is read before the key is checked, so that it costs one round trip in all.
const SMALL_BODY: usize = 64 << 10;
/// How much of a refused body is thrown away unread, so that the client gets to read its answer.
const DISCARD_BYTES: usize = 64 << 20;
const DISCARD_TIME: Duration = Duration::from_secs(5);

/// A whole body, unpacked.
pub(crate) struct Received {
    bytes: Bytes,
    content_type: Option<String>,
    _memory: Held,
}

impl Received {
    /// The JSON that the body is.
    ///
    /// # Errors
    /// 415 where the content type says that it is something else.
    pub(crate) fn json(&self) -> Result<&[u8], ApiError> {
        let Some(content_type) = self.content_type.as_deref() else {
            return Ok(&self.bytes);
        };
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        let subtype = essence.strip_prefix("application/");
        match subtype {
            Some(name) if name == "json" || name.ends_with("+json") => {
                check_charset(content_type)?;
                Ok(&self.bytes)
            }
            _ => Err(ApiError::not_json(content_type)),
        }
    }

    /// The rows of a table, as the body's content type says how they come; `format` in a query says it, too.
    ///
    /// # Errors
    /// 415 where neither says a format that is known.
    pub(crate) fn rows(&self, named: Option<BodyFormat>) -> Result<(BodyFormat, &Bytes), ApiError> {
        let Some(content_type) = self.content_type.as_deref() else {
            return Ok((named.unwrap_or(BodyFormat::Json), &self.bytes));
        };
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        let of_type = match essence {
            // What curl and others say of whatever they send.
            "application/x-www-form-urlencoded" | "application/octet-stream" => None,
            essence if essence.ends_with("+json") => Some(BodyFormat::Json),
            essence => BodyFormat::of_media_type(essence),
        };
        match named.or(of_type) {
            Some(format) => {
                if format.is_text() {
                    check_charset(content_type)?;
                }
                Ok((format, &self.bytes))
            }
            None => Err(ApiError::unknown_format(content_type)),
        }
    }

    /// In small letters.
    pub(crate) fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// What came, whatever its content type says.
    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }
}

/// Whether a text is in UTF-8, of which ASCII is a part, as far as its content type says anything.
fn check_charset(content_type: &str) -> Result<(), ApiError> {
    let mut parameters = content_type.split(';').skip(1).filter_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        (name.trim() == "charset").then(|| value.trim().trim_matches('"'))
    });
    match parameters.next() {
        None | Some("utf-8" | "utf8" | "us-ascii" | "ascii") => Ok(()),
        Some(other) => Err(ApiError::other_charset(other)),
    }
}

/// Reads a request's body. Beyond [`SMALL_BODY`] the key is checked first, and a body that is refused is
/// neither kept nor parsed. Sizes are those of what is unpacked.
///
/// # Errors
/// 401 and whatever is wrong with the body, in this order; 408 and 400 for one that does not arrive, from whomever.
pub(crate) async fn receive(
    caller: &mut Caller,
    memory: &BodyMemory,
    headers: &HeaderMap,
    body: Body,
    takes_snappy: bool,
) -> Result<Received, ApiError> {
    let coding = match Coding::of(headers, takes_snappy) {
        Ok(coding) => coding,
        Err(unknown) => {
            let refused = caller.refuse(unknown).await;
            leave_unread(headers, body);
            return Err(refused);
        }
    };
    let declared = body.size_hint().exact().unwrap_or(0);
    let mut pieces = BodyPieces::new(body, coding);
    let mut held = Held::default();
    let collected = collect(caller, memory, declared, coding, &mut pieces, &mut held).await;
    let collected = match collected {
        Ok(bytes) if coding == Coding::Snappy => {
            unpack_snappy(caller, memory, bytes, &mut held).await
        }
        Ok(bytes) => charge_unpacked(caller, memory, bytes.into(), &mut held).await,
        Err(fault) => Err(fault),
    };
    let content_type = headers.get(header::CONTENT_TYPE);
    match collected {
        Ok(bytes) => Ok(Received {
            bytes: without_mark(caller, bytes).await?,
            content_type: content_type
                .map(|value| String::from_utf8_lossy(value.as_bytes()).to_lowercase()),
            _memory: held,
        }),
        Err(Fault::Transport(error)) => Err(error),
        Err(Fault::Content(error)) => {
            let refused = caller.refuse(error).await;
            leave_unread(headers, pieces.into_rest());
            Err(refused)
        }
    }
}

/// All bytes of a body, as long as it may be so large.
async fn collect(
    caller: &mut Caller,
    memory: &BodyMemory,
    declared: u64,
    coding: Coding,
    pieces: &mut BodyPieces,
    held: &mut Held,
) -> Result<Vec<u8>, Fault> {
    let limit = caller.config().max_body_bytes;
    // As far as it is known.
    let mut size = usize::try_from(declared).unwrap_or(usize::MAX);
    let mut bytes = Vec::new();
    loop {
        if size > SMALL_BODY.min(limit) && !caller.is_known() {
            caller.authenticate().await.map_err(Fault::Content)?;
            // The wait for the database is not the client's slowness.
            pieces.restart();
        }
        if size > limit {
            return Err(Fault::Content(ApiError::body_too_large(limit)));
        }
        if bytes.capacity() == 0 && matches!(coding, Coding::Plain | Coding::Snappy) {
            bytes.reserve_exact(size);
        }
        let Some(data) = pieces.next().await? else {
            return Ok(bytes);
        };
        let received = bytes.len() + data.len();
        size = size.max(received);
        if size > limit {
            continue;
        }
        let before = Instant::now();
        grow(caller, memory, held, received).await?;
        bytes.extend_from_slice(data);
        // Nor is the wait for others.
        pieces.allow(before.elapsed());
    }
}

/// Takes memory for what a body becomes that is packed within itself: a Parquet file is, and begins as nothing else does.
async fn charge_unpacked(
    caller: &mut Caller,
    memory: &BodyMemory,
    bytes: Bytes,
    held: &mut Held,
) -> Result<Bytes, Fault> {
    if !bytes.starts_with(b"PAR1") {
        return Ok(bytes);
    }
    caller.authenticate().await.map_err(Fault::Content)?;
    let (file, packed) = (bytes.clone(), bytes.len());
    let unpacked = work_on(packed, move || unpacked_size(&file))
        .await
        .map_err(Fault::Content)?;
    // What is wrong with one that can't be read is told by whoever reads it.
    let unpacked = unpacked.unwrap_or(0);
    let limit = caller.config().max_body_bytes;
    if packed.saturating_add(unpacked) > limit {
        return Err(Fault::Content(ApiError::unpacked_too_large(limit)));
    }
    grow(caller, memory, held, packed.saturating_add(unpacked)).await?;
    Ok(bytes)
}

/// Unpacks snappy, which says at its beginning how long it will be.
async fn unpack_snappy(
    caller: &mut Caller,
    memory: &BodyMemory,
    packed: Vec<u8>,
    held: &mut Held,
) -> Result<Bytes, Fault> {
    let not_packed = || Fault::Content(ApiError::not_packed("snappy"));
    let size = snap::raw::decompress_len(&packed).map_err(|_| not_packed())?;
    let limit = caller.config().max_body_bytes;
    if size > limit {
        return Err(Fault::Content(ApiError::body_too_large(limit)));
    }
    if size > SMALL_BODY {
        caller.authenticate().await.map_err(Fault::Content)?;
    }
    grow(caller, memory, held, packed.len().saturating_add(size)).await?;
    let unpack = move || snap::raw::Decoder::new().decompress_vec(&packed);
    let unpacked = work_on(size, unpack).await.map_err(Fault::Content)?;
    unpacked.map(Bytes::from).map_err(|_| not_packed())
}

/// Takes memory for a body of so many bytes.
async fn grow(
    caller: &Caller,
    memory: &BodyMemory,
    held: &mut Held,
    bytes: usize,
) -> Result<(), Fault> {
    let party = caller.party();
    if memory.grow(held, party, bytes).await.is_err() {
        tracing::warn!(?party, "no memory is free for a request's body");
        let busy = "The server is busy with other uploads; please try again.";
        return Err(Fault::Content(ApiError::unavailable(busy)));
    }
    Ok(())
}

/// Leaves out the mark that some editors and spreadsheets put before a text in UTF-8.
///
/// # Errors
/// 415 where a mark says that the text is in UTF-16 or UTF-32.
async fn without_mark(caller: &mut Caller, mut bytes: Bytes) -> Result<Bytes, ApiError> {
    const UTF_8: &[u8] = b"\xef\xbb\xbf";
    // Those of UTF-32 begin with the same two bytes, or with two zeros.
    const OTHERS: [&[u8]; 3] = [b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff"];
    if bytes.starts_with(UTF_8) {
        bytes.advance(UTF_8.len());
    } else if OTHERS.iter().any(|mark| bytes.starts_with(mark)) {
        return Err(caller.refuse(ApiError::not_utf8()).await);
    }
    Ok(bytes)
}

/// What happens to a body that is not wanted: it is thrown away while the client gets its answer, but one
/// that waits for leave to send gets the answer alone.
pub(crate) fn leave_unread(headers: &HeaderMap, body: Body) {
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
