//! A client that keeps every byte the server says: rows, notices, errors, COPY data, descriptions.
//! For tests of what must not be said at all; for everything else there is `tokio_postgres`.

use std::time::Duration;

use bytes::BytesMut;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use postgres_protocol::message::frontend;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_postgres::config::Host;

/// A server that says nothing for so long has lost a message, or waits for one.
const LONGEST_SILENCE: Duration = Duration::from_secs(120);

/// A connection whose answers are kept whole.
pub struct Recorder {
    stream: TcpStream,
    unread: BytesMut,
}

/// Everything that the server said to one statement (or one string of statements).
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// The bodies of all messages, behind the byte that tells their kind.
    pub bytes: Vec<u8>,
    /// The SQLSTATE of the first error.
    pub code: Option<String>,
    /// How many rows came, as rows or as COPY data.
    pub rows: usize,
}

impl Recorded {
    /// The answer for people: what is no text is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).replace('\0', " ")
    }

    /// Appends the answer to the next statement.
    pub fn extend(&mut self, next: Self) {
        self.bytes.extend(next.bytes);
        self.code = self.code.take().or(next.code);
        self.rows += next.rows;
    }
}

impl Recorder {
    /// Connects with a URI that has host, port, user, password and database.
    ///
    /// # Panics
    /// When the server does not let it in.
    pub async fn connect(dsn: &str) -> Self {
        let config: tokio_postgres::Config = dsn.parse().expect("a connection URI");
        let (Some(Host::Tcp(host)), Some(&port)) =
            (config.get_hosts().first(), config.get_ports().first())
        else {
            panic!("the URI names a host and a port");
        };
        let (user, database) = (config.get_user(), config.get_dbname());
        let stream = TcpStream::connect((host.as_str(), port))
            .await
            .expect("the server listens");
        let mut recorder = Self {
            stream,
            unread: BytesMut::new(),
        };
        let parameters = [
            ("user", user.expect("the URI names a user")),
            ("database", database.expect("the URI names a database")),
            ("client_encoding", "UTF8"),
            ("TimeZone", "UTC"),
            // What it sends it sends as text, keys too.
            ("application_name", "types_keys"),
        ];
        recorder
            .send(|buffer| frontend::startup_message(parameters, buffer))
            .await;
        let password = config.get_password().expect("the URI has a password");
        recorder.give_password(password).await;
        let start = recorder.answer("").await;
        assert_eq!(start.code, None, "{}", start.text());
        recorder
    }

    async fn give_password(&mut self, password: &[u8]) {
        let mut scram = ScramSha256::new(password, ChannelBinding::unsupported());
        loop {
            let (kind, body) = self.message().await;
            assert_eq!(kind, b'R', "{}", String::from_utf8_lossy(&body));
            let (what, data) = body.split_first_chunk::<4>().expect("a kind");
            match u32::from_be_bytes(*what) {
                0 => return,
                10 => {
                    let first = scram.message().to_vec();
                    self.send(|buffer| {
                        frontend::sasl_initial_response(SCRAM_SHA_256, &first, buffer)
                    })
                    .await;
                }
                11 => {
                    scram.update(data).expect("SCRAM goes on");
                    let last = scram.message().to_vec();
                    self.send(|buffer| frontend::sasl_response(&last, buffer))
                        .await;
                }
                12 => scram.finish(data).expect("SCRAM ends"),
                other => panic!("authentication {other} is not known here"),
            }
        }
    }

    /// Sends a string of statements and returns all that comes back. A COPY from the client is given
    /// `copied`.
    pub async fn tell(&mut self, statements: &str, copied: &str) -> Recorded {
        self.tell_all([(statements, copied)])
            .await
            .pop()
            .expect("an answer each")
    }

    /// Sends several strings of statements, each with what its COPY is given, without waiting in between except for a
    /// COPY, and returns all that comes back to each.
    pub async fn tell_all<'a>(
        &mut self,
        statements: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Vec<Recorded> {
        let mut answers = Vec::new();
        let (mut messages, mut waiting) = (BytesMut::new(), Vec::new());
        for (statements, copied) in statements {
            frontend::query(statements, &mut messages).expect("a message");
            waiting.push(copied);
            // PgBouncer 1.18 loses count of what the server still has to answer when a COPY ends.
            if statements.to_ascii_lowercase().contains("copy") {
                self.answers(&mut messages, &mut waiting, &mut answers)
                    .await;
            }
        }
        self.answers(&mut messages, &mut waiting, &mut answers)
            .await;
        answers
    }

    /// Sends the messages and appends the answers to them.
    async fn answers(
        &mut self,
        messages: &mut BytesMut,
        waiting: &mut Vec<&str>,
        answers: &mut Vec<Recorded>,
    ) {
        let messages = std::mem::take(messages);
        self.send(|buffer| {
            *buffer = messages;
            Ok(())
        })
        .await;
        for copied in std::mem::take(waiting) {
            answers.push(self.answer(copied).await);
        }
    }

    /// What comes back to one string of statements, whose COPY is given this.
    async fn answer(&mut self, copied: &str) -> Recorded {
        let mut recorded = Recorded::default();
        loop {
            let part = self.part().await;
            let kind = part.bytes.first().copied();
            recorded.extend(part);
            match kind {
                Some(b'Z') => return recorded,
                Some(b'G') => {
                    let data = frontend::CopyData::new(copied.as_bytes()).expect("a message");
                    self.send(|buffer| {
                        data.write(buffer);
                        frontend::copy_done(buffer);
                        Ok(())
                    })
                    .await;
                }
                _ => {}
            }
        }
    }

    /// One message.
    async fn part(&mut self) -> Recorded {
        let (kind, body) = self.message().await;
        let mut recorded = Recorded {
            rows: usize::from(matches!(kind, b'D' | b'd')),
            ..Recorded::default()
        };
        if kind == b'E' {
            let mut fields = body[..].split(|&byte| byte == 0);
            let code = fields.find_map(|field| field.strip_prefix(b"C"));
            recorded.code = code.map(|code| String::from_utf8_lossy(code).into_owned());
        }
        recorded.bytes.push(kind);
        recorded.bytes.extend_from_slice(&body);
        recorded.bytes.push(b'\n');
        recorded
    }

    async fn message(&mut self) -> (u8, BytesMut) {
        loop {
            if let Some((&[kind, a, b, c, d], _)) = self.unread.split_first_chunk::<5>() {
                let length = u32::from_be_bytes([a, b, c, d]) as usize + 1;
                if self.unread.len() >= length {
                    let mut message = self.unread.split_to(length);
                    return (kind, message.split_off(5));
                }
            }
            let read = timeout(LONGEST_SILENCE, self.stream.read_buf(&mut self.unread)).await;
            let read = read.expect("the server goes on speaking");
            let read = read.expect("the connection holds");
            assert!(read > 0, "the server closed the connection: {self:?}");
        }
    }

    async fn send(&mut self, write: impl FnOnce(&mut BytesMut) -> std::io::Result<()>) {
        let mut buffer = BytesMut::new();
        write(&mut buffer).expect("a message");
        self.stream
            .write_all(&buffer)
            .await
            .expect("the connection holds");
    }
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&String::from_utf8_lossy(&self.unread))
    }
}
