//! The pieces of a body: as they arrive over the wire, at a limited pace, or unpacked from gzip or zstd; never more than a
//! small one at a time, so that whoever collects them can stop.

use std::{
    io::{self, BufRead, Read},
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    http::{HeaderMap, header},
};
use bytes::{Buf, Bytes};
use flate2::bufread::MultiGzDecoder;
use http_body_util::BodyExt;
use zstd::stream::read::Decoder as ZstdDecoder;

use crate::server::error::ApiError;

/// A client that sends nothing for this long has gone.
const BODY_IDLE: Duration = Duration::from_secs(15);
/// A body may take this long, and a second more for each `BODY_RATE` bytes: slow drips end, slow lines don't.
const BODY_GRACE: Duration = Duration::from_secs(30);
const BODY_RATE: usize = 16 << 10;
/// Unpacked at a time: a thousandth of it may be all that came.
const UNPACKED: usize = 64 << 10;
/// How far back zstd may refer: 8 MiB, as far as every server has to go (RFC 9659). That much is held.
const WINDOW_LOG: u32 = 23;

/// How a body is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Plain,
    Gzip,
    Zstd,
    /// It is unpacked when all of it is there.
    Snappy,
}

impl Coding {
    /// What the headers say.
    ///
    /// # Errors
    /// 415 for anything but one gzip, one zstd or, where that is taken, one snappy.
    pub(super) fn of(headers: &HeaderMap, takes_snappy: bool) -> Result<Self, ApiError> {
        let values = headers.get_all(header::CONTENT_ENCODING).iter();
        let values: Vec<_> = values
            .map(|value| String::from_utf8_lossy(value.as_bytes()).to_lowercase())
            .collect();
        let names = values.iter().flat_map(|value| value.split(','));
        let names = names
            .map(str::trim)
            .filter(|name| !["", "identity"].contains(name));
        match names.collect::<Vec<_>>()[..] {
            [] => Ok(Self::Plain),
            ["gzip" | "x-gzip"] => Ok(Self::Gzip),
            ["zstd"] => Ok(Self::Zstd),
            ["snappy"] if takes_snappy => Ok(Self::Snappy),
            ref others => Err(ApiError::unknown_coding(&others.join(", "))),
        }
    }
}

/// Why there is no next piece.
pub(super) enum Fault {
    /// The client does not send it.
    Transport(ApiError),
    /// It can't be unpacked.
    Content(ApiError),
}

/// A body that is being read.
pub(super) struct BodyPieces {
    wire: Wire,
    unpacker: Option<Unpacker>,
    piece: Bytes,
}

impl BodyPieces {
    pub(super) fn new(body: Body, coding: Coding) -> Self {
        Self {
            wire: Wire {
                body,
                received: 0,
                started: Instant::now(),
            },
            unpacker: Unpacker::of(coding),
            piece: Bytes::new(),
        }
    }

    /// The next piece; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<&[u8]>, Fault> {
        let Self {
            wire,
            unpacker,
            piece,
        } = self;
        match unpacker {
            Some(unpacker) => unpacker.next(wire).await,
            None => match wire.next().await.map_err(Fault::Transport)? {
                Some(next) => {
                    *piece = next;
                    Ok(Some(piece))
                }
                None => Ok(None),
            },
        }
    }

    /// Begins anew to count the time.
    pub(super) fn restart(&mut self) {
        self.wire.started = Instant::now();
    }

    /// Does not count this time.
    pub(super) fn allow(&mut self, time: Duration) {
        self.wire.started += time;
    }

    /// What has not been read.
    pub(super) fn into_rest(self) -> Body {
        self.wire.body
    }
}

/// What comes over the wire.
struct Wire {
    body: Body,
    received: usize,
    started: Instant,
}

impl Wire {
    async fn next(&mut self) -> Result<Option<Bytes>, ApiError> {
        loop {
            let allowed = BODY_GRACE + Duration::from_secs((self.received / BODY_RATE) as u64);
            let left = allowed.saturating_sub(self.started.elapsed());
            match tokio::time::timeout(left.min(BODY_IDLE), self.body.frame()).await {
                Err(_) => return Err(ApiError::body_too_slow()),
                Ok(None) => return Ok(None),
                Ok(Some(Err(_))) => return Err(ApiError::body_broken()),
                Ok(Some(Ok(frame))) => {
                    // Trailers mean nothing here.
                    if let Ok(data) = frame.into_data() {
                        self.received += data.len();
                        return Ok(Some(data));
                    }
                }
            }
        }
    }
}

/// What is packed on its way out.
struct Unpacker {
    decoder: Decoder,
    unpacked: Box<[u8]>,
}

enum Decoder {
    Gzip(MultiGzDecoder<Compressed>),
    Zstd(ZstdDecoder<'static, Compressed>),
    /// It could not be set up.
    Broken(Compressed),
}

impl Decoder {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Gzip(decoder) => decoder.read(into),
            Self::Zstd(decoder) => decoder.read(into),
            Self::Broken(_) => Err(io::ErrorKind::Other.into()),
        }
    }

    fn packed(&mut self) -> &mut Compressed {
        match self {
            Self::Gzip(decoder) => decoder.get_mut(),
            Self::Zstd(decoder) => decoder.get_mut(),
            Self::Broken(packed) => packed,
        }
    }

    fn coding(&self) -> &'static str {
        match self {
            Self::Gzip(_) => "gzip",
            Self::Zstd(_) | Self::Broken(_) => "zstd",
        }
    }
}

fn zstd_decoder() -> io::Result<ZstdDecoder<'static, Compressed>> {
    let mut decoder = ZstdDecoder::with_buffer(Compressed::default())?;
    decoder.window_log_max(WINDOW_LOG)?;
    Ok(decoder)
}

impl Unpacker {
    fn of(coding: Coding) -> Option<Self> {
        let decoder = match coding {
            Coding::Plain | Coding::Snappy => return None,
            Coding::Gzip => Decoder::Gzip(MultiGzDecoder::new(Compressed::default())),
            Coding::Zstd => zstd_decoder()
                .map_or_else(|_| Decoder::Broken(Compressed::default()), Decoder::Zstd),
        };
        Some(Self {
            decoder,
            unpacked: vec![0; UNPACKED].into(),
        })
    }

    async fn next(&mut self, wire: &mut Wire) -> Result<Option<&[u8]>, Fault> {
        loop {
            match self.decoder.read(&mut self.unpacked) {
                Ok(0) => return Ok(None),
                Ok(length) => {
                    // A little that came can be very much: others get their turn in between.
                    tokio::task::yield_now().await;
                    return Ok(Some(&self.unpacked[..length]));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let packed = self.decoder.packed();
                    match wire.next().await.map_err(Fault::Transport)? {
                        Some(piece) => packed.piece = piece,
                        None => packed.is_whole = true,
                    }
                }
                Err(_) => {
                    let coding = self.decoder.coding();
                    return Err(Fault::Content(ApiError::not_packed(coding)));
                }
            }
        }
    }
}

/// What has come and not been unpacked.
#[derive(Default)]
struct Compressed {
    piece: Bytes,
    /// Nothing more will come.
    is_whole: bool,
}

impl BufRead for Compressed {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.piece.is_empty() && !self.is_whole {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(&self.piece)
    }

    fn consume(&mut self, count: usize) {
        self.piece.advance(count);
    }
}

impl Read for Compressed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut part = self.fill_buf()?;
        let count = part.read(into)?;
        self.consume(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
