//! What a request head may be, checked before the HTTP library sees it: that library is lenient where a proxy in front
//! may read the same bytes as a different request (RFC 9112, sections 2.2, 3.2, 6.1, 6.3 and 11.2). Follows the
//! framing of bodies as well, because a head begins where the previous body ends. Knows bytes, not sockets.

use axum::http::Uri;
use httparse::{EMPTY_HEADER, Request, Status};
use memchr::memmem;

use crate::server::refusal::Refusal;

/// The largest head.
const MAX_HEAD: usize = 128 << 10;
/// The most headers.
const MAX_HEADERS: usize = 100;
/// The longest target that the library takes.
const MAX_TARGET: usize = (64 << 10) - 2;
/// The longest name of a header, and the largest number, that the library takes.
const MAX_NAME: usize = (64 << 10) - 1;
const MAX_LENGTH: u64 = u64::MAX - 2;
/// A line that says how long a chunk is, or a trailer, may be as long as this.
const MAX_LINE: usize = 8 << 10;

/// What is to be done with the bytes at hand.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// There are too few to tell.
    Wait,
    /// So many may pass.
    Pass(usize),
    /// So many mean nothing and are left out.
    Skip(usize),
    Refuse(Refusal),
    /// A body that breaks its own framing: the connection ends.
    Break,
}

/// The position in the bytes of a connection.
#[derive(Debug)]
pub(super) enum Gate {
    /// In a head, of which so many bytes have been looked through.
    Head(usize),
    /// In a body of which so many bytes are to come.
    Length(u64),
    Chunks(Chunks),
}

impl Gate {
    pub(super) fn new() -> Self {
        Self::Head(0)
    }

    /// Whether what comes next is a head, or a part of one.
    pub(super) fn is_in_head(&self) -> bool {
        matches!(self, Self::Head(_))
    }

    /// How many bytes of a body follow, whatever they are.
    pub(super) fn free(&self) -> u64 {
        match self {
            Self::Length(left) => *left,
            Self::Head(_) | Self::Chunks(_) => 0,
        }
    }

    /// Takes note that so many bytes of a body have passed.
    pub(super) fn passed(&mut self, count: u64) {
        if let Self::Length(left) = self {
            *left = left.saturating_sub(count);
            if *left == 0 {
                *self = Self::new();
            }
        }
    }

    /// Looks at bytes that have not passed yet.
    pub(super) fn step(&mut self, bytes: &[u8]) -> Step {
        if bytes.is_empty() {
            return Step::Wait;
        }
        match self {
            Self::Head(seen) => {
                if *seen == 0 && bytes.starts_with(b"\r\n") {
                    return Step::Skip(2);
                }
                let from = *seen;
                *seen = bytes.len();
                self.head(bytes, from)
            }
            Self::Length(left) => {
                let count = u64::min(*left, bytes.len() as u64);
                self.passed(count);
                Step::Pass(count as usize)
            }
            Self::Chunks(chunks) => match chunks.pass(bytes) {
                None => Step::Break,
                Some((count, true)) => {
                    *self = Self::new();
                    Step::Pass(count)
                }
                Some((count, false)) => Step::Pass(count),
            },
        }
    }

    fn head(&mut self, bytes: &[u8], from: usize) -> Step {
        let newlines = memchr::memchr_iter(b'\n', &bytes[from..]).map(|at| from + at);
        let end = memmem::find(&bytes[from.saturating_sub(3)..], b"\r\n\r\n")
            .map(|at| from.saturating_sub(3) + at + 4);
        let mut of_head = newlines.take_while(|at| end.is_none_or(|end| *at < end));
        if of_head.any(|at| at == 0 || bytes[at - 1] != b'\r') {
            return Step::Refuse(Refusal::BareNewline);
        }
        match end {
            Some(end) if end <= MAX_HEAD => match next(&bytes[..end]) {
                Ok(gate) => {
                    *self = gate;
                    Step::Pass(end)
                }
                Err(refusal) => Step::Refuse(refusal),
            },
            // Another protocol (a TLS handshake, say) may wait for an answer before it sends a line.
            None if from == 0 && is_no_beginning(bytes) => Step::Refuse(Refusal::Malformed),
            None if bytes.len() <= MAX_HEAD => Step::Wait,
            // All of it is the first line.
            _ if !bytes[..MAX_HEAD].contains(&b'\n') => Step::Refuse(Refusal::TargetTooLong),
            _ => Step::Refuse(Refusal::TooLarge),
        }
    }
}

/// Whether no head can begin so.
fn is_no_beginning(bytes: &[u8]) -> bool {
    let mut headers = [EMPTY_HEADER; MAX_HEADERS];
    let parsed = Request::new(&mut headers).parse(bytes);
    parsed.is_err_and(|error| error != httparse::Error::TooManyHeaders)
}

/// What follows a whole head.
fn next(head: &[u8]) -> Result<Gate, Refusal> {
    let mut headers = [EMPTY_HEADER; MAX_HEADERS];
    let mut request = Request::new(&mut headers);
    match request.parse(head) {
        Ok(Status::Complete(_)) => {}
        Err(httparse::Error::TooManyHeaders) => return Err(Refusal::TooLarge),
        Ok(Status::Partial) | Err(_) => return Err(Refusal::Malformed),
    }
    let is_old = request.version == Some(0);
    let target = request.path.ok_or(Refusal::Target)?;
    if target.len() > MAX_TARGET {
        return Err(Refusal::TargetTooLong);
    }
    if target.parse::<Uri>().is_err() {
        return Err(Refusal::Target);
    }
    let (mut hosts, mut length, mut codings) = (0, None, 0);
    for header in request.headers.iter() {
        if header.name.len() > MAX_NAME {
            return Err(Refusal::TooLarge);
        }
        if header.name.eq_ignore_ascii_case("host") {
            hosts += 1;
        } else if header.name.eq_ignore_ascii_case("content-length") {
            let one = number(header.value).ok_or(Refusal::Framing)?;
            if length.is_some_and(|other| other != one) {
                return Err(Refusal::Framing);
            }
            length = Some(one);
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            codings += 1;
            if !header.value.trim_ascii().eq_ignore_ascii_case(b"chunked") {
                return Err(Refusal::Coding);
            }
        }
    }
    match hosts {
        0 if !is_old => return Err(Refusal::NoHost),
        0 | 1 => {}
        _ => return Err(Refusal::SeveralHosts),
    }
    match (codings, length) {
        (0, None | Some(0)) => Ok(Gate::new()),
        (0, Some(length)) => Ok(Gate::Length(length)),
        (1, None) if !is_old => Ok(Gate::Chunks(Chunks::default())),
        _ => Err(Refusal::Framing),
    }
}

/// Digits and nothing else.
fn number(value: &[u8]) -> Option<u64> {
    let digits = value.trim_ascii();
    let all_digits = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let digits = std::str::from_utf8(digits).ok().filter(|_| all_digits)?;
    digits.parse().ok().filter(|length| *length <= MAX_LENGTH)
}

/// The position in a chunked body.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    part: Part,
    /// Of a chunk's data: what is to come. Of a line: what has been.
    count: u64,
    /// The size that the line says.
    size: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    /// The hexadecimal digits.
    #[default]
    Size,
    /// What follows a semicolon.
    Extension,
    SizeNewline,
    Data,
    DataReturn,
    DataNewline,
    /// A line of the trailer, which is empty at the end.
    Trailer,
    TrailerNewline,
    EndNewline,
}

impl Chunks {
    /// How many of the bytes belong to the body, and whether it ends there; `None` for what is not a chunk.
    fn pass(&mut self, bytes: &[u8]) -> Option<(usize, bool)> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if self.part == Part::Data {
                let count = u64::min(self.count, (bytes.len() - at) as u64);
                self.count -= count;
                at += count as usize;
                if self.count == 0 {
                    self.part = Part::DataReturn;
                }
                continue;
            }
            at += 1;
            self.part = self.after(byte)?;
            if self.part == Part::EndNewline && byte == b'\n' {
                *self = Self::default();
                return Some((at, true));
            }
        }
        Some((at, false))
    }

    fn after(&mut self, byte: u8) -> Option<Part> {
        self.count += 1;
        if self.count > MAX_LINE as u64 {
            return None;
        }
        Some(match (self.part, byte) {
            (Part::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = char::from(byte).to_digit(16)?;
                self.size = self.size.checked_mul(16)?.checked_add(u64::from(digit))?;
                Part::Size
            }
            (Part::Size, b';') if self.count > 1 => Part::Extension,
            (Part::Size, b'\r') if self.count > 1 => Part::SizeNewline,
            (Part::Extension, b'\r') => Part::SizeNewline,
            (Part::Extension, byte) if byte != b'\n' => Part::Extension,
            (Part::SizeNewline, b'\n') => {
                self.count = std::mem::take(&mut self.size);
                match self.count {
                    0 => Part::Trailer,
                    _ => Part::Data,
                }
            }
            (Part::DataReturn, b'\r') => Part::DataNewline,
            (Part::DataNewline, b'\n') => {
                self.count = 0;
                Part::Size
            }
            (Part::Trailer, b'\r') if self.count == 1 => Part::EndNewline,
            (Part::Trailer, b'\r') => Part::TrailerNewline,
            (Part::Trailer, byte) if byte != b'\n' => Part::Trailer,
            (Part::TrailerNewline, b'\n') => {
                self.count = 0;
                Part::Trailer
            }
            (Part::EndNewline, b'\n') => Part::EndNewline,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests;
