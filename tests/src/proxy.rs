//! A proxy between the server and the database that can stop the conversation at any message, refuse
//! connections, or swallow everything.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, Ordering};
use std::time::Duration;

use crate::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// Which half of the conversation is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// What the server sends.
    ToDatabase,
    /// What the database answers.
    FromDatabase,
}

/// Everything passes.
const OPEN: u8 = 0;
/// New connections are closed at once.
const REFUSING: u8 = 1;
/// New connections are accepted and never answered.
const SILENT: u8 = 2;
/// No limit.
const ENDLESS: i64 = -1;

struct State {
    to_database: AtomicI64,
    from_database: AtomicI64,
    /// Whether the end of a limit is the end of the connection.
    cuts: AtomicBool,
    mode: AtomicU8,
    upstream: (String, u16),
}

/// The proxy; it goes with its test's runtime.
pub struct Proxy {
    port: u16,
    state: Arc<State>,
}

impl Proxy {
    /// Listens on a free port and passes everything on to the test cluster.
    pub async fn start() -> Self {
        let admin: tokio_postgres::Config =
            Config::get().admin_dsn.parse().expect("a connection URI");
        let host = match admin.get_hosts().first() {
            Some(tokio_postgres::config::Host::Tcp(host)) => host.clone(),
            other => panic!("the cluster listens on TCP: {other:?}"),
        };
        let state = Arc::new(State {
            to_database: AtomicI64::new(ENDLESS),
            from_database: AtomicI64::new(ENDLESS),
            cuts: AtomicBool::new(false),
            mode: AtomicU8::new(OPEN),
            upstream: (host, admin.get_ports()[0]),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("the port").port();
        let accepting = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, Arc::clone(&accepting)));
            }
        });
        Self { port, state }
    }

    /// A role's connection URI through the proxy.
    pub fn dsn(&self, direct: &str) -> String {
        let (host, port) = &self.state.upstream;
        let through = direct.replace(
            &format!("@{host}:{port}/"),
            &format!("@127.0.0.1:{}/", self.port),
        );
        assert_ne!(through, direct, "the URI names host and port");
        // The proxy reads the messages.
        format!("{through}?sslmode=disable")
    }

    /// Lets this many messages of the next request pass, then holds everything on its connection: a
    /// request is BEGIN, authenticate, the statement, COMMIT. New connections pass whole.
    pub fn stop_after(&self, direction: Direction, messages: i64) {
        match direction {
            Direction::ToDatabase => self.state.to_database.store(messages, Ordering::SeqCst),
            Direction::FromDatabase => self.state.from_database.store(messages, Ordering::SeqCst),
        }
    }

    /// The same, and then closes the connection to both sides.
    pub fn cut_after(&self, direction: Direction, messages: i64) {
        self.state.cuts.store(true, Ordering::SeqCst);
        self.stop_after(direction, messages);
    }

    /// Closes new connections at once.
    pub fn refuse(&self) {
        self.state.mode.store(REFUSING, Ordering::SeqCst);
    }

    /// Accepts new connections and never answers.
    pub fn keep_silent(&self) {
        self.state.mode.store(SILENT, Ordering::SeqCst);
    }

    /// Passes everything again.
    pub fn open(&self) {
        self.state.mode.store(OPEN, Ordering::SeqCst);
    }
}

async fn serve(client: TcpStream, state: Arc<State>) {
    match state.mode.load(Ordering::SeqCst) {
        REFUSING => return,
        SILENT => {
            // Held until the test is over.
            tokio::time::sleep(Duration::from_secs(3_600)).await;
            drop(client);
            return;
        }
        _ => {}
    }
    let (host, port) = &state.upstream;
    let Ok(database) = TcpStream::connect((host.as_str(), *port)).await else {
        return;
    };
    for stream in [&client, &database] {
        drop(stream.set_nodelay(true));
    }
    let (from_client, to_client) = client.into_split();
    let (from_database, to_database) = database.into_split();
    // Whoever hangs up first ends both halves, as a cable would.
    tokio::select! {
        () = pump(from_client, to_database, &state, Direction::ToDatabase) => {}
        () = pump(from_database, to_client, &state, Direction::FromDatabase) => {}
    }
}

/// Passes messages on while the limit allows; after it, reads on without passing anything.
async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    state: &State,
    direction: Direction,
) {
    let limit = match direction {
        Direction::ToDatabase => &state.to_database,
        Direction::FromDatabase => &state.from_database,
    };
    let mut pending = Vec::new();
    // The start-up packet of a client has no type.
    let mut started = direction == Direction::FromDatabase;
    let mut held = false;
    let mut part = [0; 16 << 10];
    loop {
        match from.read(&mut part).await {
            Ok(0) | Err(_) => return,
            Ok(length) => pending.extend_from_slice(&part[..length]),
        }
        while let Some(length) = message_length(&pending, started) {
            let message: Vec<u8> = pending.drain(..length).collect();
            if !held
                && limit
                    .compare_exchange(0, ENDLESS, Ordering::SeqCst, Ordering::SeqCst)
                    .is_ok()
            {
                if state.cuts.load(Ordering::SeqCst) {
                    return;
                }
                held = true;
            }
            if held {
                continue;
            }
            if to.write_all(&message).await.is_err() {
                return;
            }
            let kind = if started { message[0] } else { 0 };
            started = true;
            let ends_a_step = match direction {
                // Query and Sync.
                Direction::ToDatabase => kind == b'Q' || kind == b'S',
                // ReadyForQuery.
                Direction::FromDatabase => kind == b'Z',
            };
            if ends_a_step && limit.load(Ordering::SeqCst) > 0 {
                limit.fetch_sub(1, Ordering::SeqCst);
            }
        }
    }
}

/// The length of the first message, if it is there as a whole.
fn message_length(bytes: &[u8], started: bool) -> Option<usize> {
    let at = usize::from(started);
    let length = bytes.get(at..at + 4)?;
    let length = u32::from_be_bytes(length.try_into().ok()?) as usize + at;
    (bytes.len() >= length).then_some(length)
}
