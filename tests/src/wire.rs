//! HTTP by hand over a bare socket: for requests that no client library would send, and for clients
//! that stop in the middle.

use std::time::Duration;

use crate::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A client's connection to the server.
pub struct Wire {
    stream: TcpStream,
    received: Vec<u8>,
}

/// An answer as it came.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The status line and the headers.
    pub head: String,
    /// The body, as long as Content-Length says.
    pub body: String,
}

impl Wire {
    /// Connects.
    pub async fn connect(server: &Server) -> Self {
        let address = server.url().trim_start_matches("http://");
        let stream = TcpStream::connect(address)
            .await
            .expect("the server listens");
        Self {
            stream,
            received: Vec::new(),
        }
    }

    /// Connects and sends these bytes.
    pub async fn send_to(server: &Server, bytes: impl AsRef<[u8]>) -> Self {
        let mut wire = Self::connect(server).await;
        wire.send(bytes).await;
        wire
    }

    /// Sends more bytes.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream
            .write_all(bytes.as_ref())
            .await
            .expect("the server takes bytes");
    }

    /// The socket.
    pub fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// The answer that is there already, if there is one.
    pub async fn answer_now(&mut self) -> Option<Answer> {
        let mut part = [0; 4096];
        let moment = Duration::from_millis(100);
        while let Ok(Ok(length @ 1..)) =
            tokio::time::timeout(moment, self.stream.read(&mut part)).await
        {
            self.received.extend_from_slice(&part[..length]);
        }
        self.complete()
    }

    /// Sends more bytes; `false` when the server has closed the connection.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).await.is_ok()
    }

    /// The next answer; `None` when the server closes the connection without one.
    ///
    /// # Panics
    /// When nothing has come by then.
    pub async fn answer(&mut self, within: Duration) -> Option<Answer> {
        let reading = async {
            loop {
                if let Some(answer) = self.complete() {
                    return Some(answer);
                }
                let mut part = [0; 4096];
                match self.stream.read(&mut part).await {
                    Ok(0) | Err(_) => return None,
                    Ok(length) => self.received.extend_from_slice(&part[..length]),
                }
            }
        };
        tokio::time::timeout(within, reading)
            .await
            .unwrap_or_else(|_| panic!("no answer within {within:?}"))
    }

    /// Reads some of an answer, at least this many bytes, and leaves the rest on the wire.
    pub async fn read_some(&mut self, length: usize) {
        let read = self.try_read_some(length).await;
        assert!(read, "the answer ended after {} bytes", self.received.len());
    }

    /// The same; `false` when the connection ends before that.
    pub async fn try_read_some(&mut self, length: usize) -> bool {
        while self.received.len() < length {
            let mut part = [0; 64 << 10];
            match self.stream.read(&mut part).await {
                Ok(0) | Err(_) => return false,
                Ok(read) => self.received.extend_from_slice(&part[..read]),
            }
        }
        true
    }

    /// What was received and not taken as an answer.
    pub fn received(&self) -> &[u8] {
        &self.received
    }

    fn complete(&mut self) -> Option<Answer> {
        let end = self
            .received
            .windows(4)
            .position(|bytes| bytes == b"\r\n\r\n")?
            + 4;
        let head = String::from_utf8_lossy(&self.received[..end]).into_owned();
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let length =
            header(&head, "content-length").map_or(0, |length| length.parse().expect("a length"));
        // `100 Continue` has no body and is followed by the answer.
        let whole = end + length;
        if self.received.len() < whole {
            return None;
        }
        let body = String::from_utf8_lossy(&self.received[end..whole]).into_owned();
        self.received.drain(..whole);
        Some(Answer { status, head, body })
    }
}

/// The value of a header in a head.
pub fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// The bytes of a request with these header lines.
pub fn request(line: &str, headers: &[&str], body: &str) -> Vec<u8> {
    let mut text = format!("{line} HTTP/1.1\r\nHost: localhost\r\n");
    for header in headers {
        text.push_str(header);
        text.push_str("\r\n");
    }
    text.push_str("\r\n");
    text.push_str(body);
    text.into_bytes()
}
