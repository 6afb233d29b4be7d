//! A proxy that looks at every byte the server sends, counts, and remembers which statement an internal
//! error was the answer to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use crate::store::Canaries;

/// What was seen so far.
#[derive(Default)]
struct Seen {
    statements: u64,
    of_timedb: u64,
    rows: u64,
    errors: u64,
    bytes: u64,
    own: u64,
    codes: BTreeMap<String, u64>,
    alarms: Vec<String>,
    internal: BTreeMap<String, String>,
}

/// The proxy; it goes with its runtime.
pub struct Watch {
    port: u16,
    seen: Arc<Mutex<Seen>>,
}

impl Watch {
    /// Listens on a free port and passes everything on to this one.
    pub async fn start(upstream: u16, canaries: Canaries) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("the port").port();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(
                    client,
                    upstream,
                    canaries.clone(),
                    Arc::clone(&shared),
                ));
            }
        });
        Self { port, seen }
    }

    /// Where it listens on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    fn with<T>(&self, look: impl FnOnce(&mut Seen) -> T) -> T {
        look(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Every message that held something of tenant a's, with the statement it answers.
    pub fn alarms(&self) -> Vec<String> {
        self.with(|seen| seen.alarms.clone())
    }

    /// Internal errors, each with the first statement that met it.
    pub fn internal(&self) -> BTreeMap<String, String> {
        self.with(|seen| seen.internal.clone())
    }

    /// How many statements were sent.
    pub fn statements(&self) -> u64 {
        self.with(|seen| seen.statements)
    }

    /// How many of them name something of timedb's.
    pub fn of_timedb(&self) -> u64 {
        self.with(|seen| seen.of_timedb)
    }

    /// How many messages held something of tenant b's.
    pub fn own(&self) -> u64 {
        self.with(|seen| seen.own)
    }

    /// Starts anew.
    pub fn forget(&self) {
        self.with(|seen| *seen = Seen::default());
    }

    /// One line.
    pub fn summary(&self) -> String {
        self.with(|seen| {
            format!(
                "{} statements ({} of timedb), {} rows, {} errors, {} MB, own canary in {} messages",
                seen.statements,
                seen.of_timedb,
                seen.rows,
                seen.errors,
                seen.bytes >> 20,
                seen.own
            )
        })
    }

    /// How often each SQLSTATE came.
    pub fn codes(&self) -> String {
        self.with(|seen| {
            let mut codes: Vec<_> = seen.codes.iter().collect();
            codes.sort_by_key(|(_, times)| std::cmp::Reverse(**times));
            let text = |(code, times): (&String, &u64)| format!("{code} {times}");
            codes.into_iter().map(text).collect::<Vec<_>>().join(", ")
        })
    }
}

/// The statement that a connection is waiting for the answer to.
type Current = Arc<Mutex<String>>;

async fn serve(client: TcpStream, upstream: u16, canaries: Canaries, seen: Arc<Mutex<Seen>>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", upstream)).await else {
        return;
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let current = Current::default();
    tokio::select! {
        () = pump(from_client, to_server, false, |kind, body| sent(kind, body, &current, &seen)) => {}
        () = pump(from_server, to_client, true, |kind, body| received(kind, body, &current, &canaries, &seen)) => {}
    }
}

/// Passes messages on, whole, after a look at each.
async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut started: bool,
    mut look: impl FnMut(u8, &[u8]),
) {
    let mut pending = Vec::new();
    let mut part = vec![0; 64 << 10];
    loop {
        match from.read(&mut part).await {
            Ok(0) | Err(_) => return,
            Ok(length) => pending.extend_from_slice(&part[..length]),
        }
        let mut done = 0;
        while let Some(length) = message_length(&pending[done..], started) {
            let message = &pending[done..done + length];
            // The first packet of a client has no type.
            look(if started { message[0] } else { 0 }, message);
            started = true;
            done += length;
        }
        if to.write_all(&pending[..done]).await.is_err() {
            return;
        }
        pending.drain(..done);
    }
}

fn message_length(bytes: &[u8], started: bool) -> Option<usize> {
    let at = usize::from(started);
    let length = bytes.get(at..at + 4)?;
    let length = u32::from_be_bytes(length.try_into().ok()?) as usize + at;
    (bytes.len() >= length).then_some(length)
}

/// A simple query. sqlsmith looks at the catalog first; what counts stands between BEGIN and ROLLBACK.
fn sent(kind: u8, message: &[u8], current: &Current, seen: &Mutex<Seen>) {
    if kind != b'Q' {
        return;
    }
    let text = String::from_utf8_lossy(&message[5..]).into_owned();
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    let mut current = current.lock().unwrap_or_else(PoisonError::into_inner);
    if current.starts_with("BEGIN") {
        seen.statements += 1;
        seen.of_timedb += u64::from(text.contains("timedb.") || text.contains("soak."));
    }
    *current = text;
}

fn received(kind: u8, message: &[u8], current: &Current, canaries: &Canaries, seen: &Mutex<Seen>) {
    let holds = |canary: &str| find(message, canary.as_bytes());
    let foreign = canaries.foreign.iter().find(|canary| holds(canary));
    let own = holds(&canaries.own);
    let statement = || {
        current
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    };
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    seen.bytes += message.len() as u64;
    seen.rows += u64::from(kind == b'D');
    seen.own += u64::from(own);
    // Some are enough to know.
    if let Some(canary) = foreign.filter(|_| seen.alarms.len() < 20) {
        let shown = String::from_utf8_lossy(message)
            .chars()
            .take(500)
            .collect::<String>();
        seen.alarms.push(format!(
            "{canary} in {shown:?}, the answer to:\n{}",
            statement()
        ));
    }
    if kind == b'E' {
        seen.errors += 1;
        let code = field(message, b'C');
        if code.starts_with("XX") {
            let place = format!("{} {}", field(message, b'F'), field(message, b'R'));
            let error = format!("{code} {place}: {}", field(message, b'M'));
            // One example of each: texts differ in numbers and names only.
            let like: String = error
                .chars()
                .filter(|c| !c.is_ascii_digit())
                .take(90)
                .collect();
            seen.internal
                .entry(like)
                .or_insert_with(|| format!("{error}\n{}", statement()));
        }
        *seen.codes.entry(code).or_default() += 1;
    }
}

/// A field of an error message.
fn field(message: &[u8], name: u8) -> String {
    let mut fields = message
        .get(5..)
        .unwrap_or_default()
        .split(|byte| *byte == 0);
    fields
        .find(|field| field.first() == Some(&name))
        .map(|field| String::from_utf8_lossy(&field[1..]).into_owned())
        .unwrap_or_default()
}

/// Whether the text stands in the bytes, in small or in capital letters.
fn find(bytes: &[u8], text: &[u8]) -> bool {
    let first = text[0];
    let both = [first.to_ascii_lowercase(), first.to_ascii_uppercase()];
    let mut at = 0;
    while let Some(next) = bytes[at..].iter().position(|byte| both.contains(byte)) {
        at += next;
        match bytes.get(at..at + text.len()) {
            Some(part) if part.eq_ignore_ascii_case(text) => return true,
            Some(_) => at += 1,
            None => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::{field, find};

    #[test]
    fn a_text_is_found_wherever_it_stands() {
        assert!(find(b"xxcanary1", b"canary1"));
        assert!(find(b"cacanarCANARY1xx", b"canary1"));
        assert!(!find(b"xxcanary", b"canary1"));
        assert!(!find(b"", b"canary1"));
    }

    #[test]
    fn fields_of_an_error_are_found_by_their_letter() {
        let message = b"E\0\0\0\x20SERROR\0CXX000\0Mit broke\0\0";
        assert_eq!(field(message, b'C'), "XX000");
        assert_eq!(field(message, b'M'), "it broke");
        assert_eq!(field(message, b'H'), "");
    }
}
