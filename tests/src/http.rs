//! The real server on a port of its own, and a client for it.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::Value;

use crate::{Config, Db, Role, signal};

const START_LIMIT: Duration = Duration::from_secs(30);

/// A running `timedb api`; killed with the value.
pub struct Server {
    child: Child,
    url: String,
    log: Arc<Mutex<String>>,
    client: reqwest::Client,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub text: String,
}

impl Reply {
    /// The body as JSON.
    ///
    /// # Panics
    /// When it is not JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {self:?}"))
    }
}

impl Server {
    /// Starts the server on the test's database, connected as `Role::User`.
    pub fn start(db: &Db) -> Self {
        Self::start_with(&db.dsn(Role::User), &[], &[])
    }

    /// Starts the server with a connection URI, more arguments and more environment variables.
    ///
    /// # Panics
    /// When it does not say within 30 seconds where it listens.
    pub fn start_with(dsn: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(&Config::get().binary);
        command
            .args(["api", "--port", "0"])
            .args(arguments)
            // A folder without a file .env.
            .current_dir("/")
            .env_remove("DATABASE_URL")
            .env("RUST_BACKTRACE", "1")
            .env("TIMEDB_DSN", dsn)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary timedb runs");
        let log = Arc::new(Mutex::new(String::new()));
        let (sender, receiver) = mpsc::channel();
        let stdout = child.stdout.take().expect("stdout is a pipe");
        let stderr = child.stderr.take().expect("stderr is a pipe");
        collect(stderr, Arc::clone(&log), |_| {});
        collect(stdout, Arc::clone(&log), move |line| {
            if let Some(url) = line.strip_prefix("Listening on ") {
                drop(sender.send(url.trim().to_owned()));
            }
        });
        // No proxy of the environment stands between a test and its server.
        let client = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("an HTTP client");
        let mut server = Self {
            child,
            url: String::new(),
            log,
            client,
        };
        server.url = receiver.recv_timeout(START_LIMIT).unwrap_or_else(|_| {
            panic!("the server did not say where it listens: {}", server.log())
        });
        server
    }

    /// The address, such as `http://127.0.0.1:40123`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The server's process.
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Everything that the server wrote so far, both streams.
    pub fn log(&self) -> String {
        self.log.lock().expect("the log is whole").clone()
    }

    /// A request for a path, with a key or without.
    pub fn request(&self, method: Method, path: &str, key: Option<&str>) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.url));
        match key {
            Some(key) => request.header("X-API-Key", key),
            None => request,
        }
    }

    /// Sends a request and reads the whole answer.
    pub async fn send(&self, request: RequestBuilder) -> Reply {
        let answer = request
            .timeout(Duration::from_secs(60))
            .send()
            .await
            .unwrap_or_else(|error| panic!("no answer: {error:?}; log: {}", self.log()));
        let (status, headers) = (answer.status(), answer.headers().clone());
        let text = answer
            .text()
            .await
            .unwrap_or_else(|error| panic!("half an answer: {error:?}"));
        assert!(!holds_key(&text), "a key in an answer: {text}");
        Reply {
            status,
            headers,
            text,
        }
    }

    /// GET.
    pub async fn get(&self, path: &str, key: Option<&str>) -> Reply {
        self.send(self.request(Method::GET, path, key)).await
    }

    /// POST of a JSON body.
    pub async fn post(&self, path: &str, key: Option<&str>, body: &Value) -> Reply {
        self.send(self.request(Method::POST, path, key).json(body))
            .await
    }

    /// Sends the process a signal such as `TERM`.
    pub fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    /// Waits for the process to end by itself.
    ///
    /// # Panics
    /// When it is still there after `limit`.
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        let start = Instant::now();
        while start.elapsed() < limit {
            if let Some(status) = self.child.try_wait().expect("the server can be waited for") {
                return status;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the server is still there after {limit:?}: {}", self.log());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        if !std::thread::panicking() {
            assert!(
                !holds_key(&self.log()),
                "a key in the server's log: {}",
                self.log()
            );
        }
    }
}

/// Whether something of the form of an API key is in a text: no route returns one, and no log tells one.
fn holds_key(text: &str) -> bool {
    text.match_indices("tdb_").any(|(at, prefix)| {
        let rest = text[at + prefix.len()..].bytes();
        rest.take_while(u8::is_ascii_alphanumeric).count() >= 49
    })
}

/// Reads a stream to its end on a thread of its own, so that the server never blocks on a full pipe.
fn collect(
    stream: impl Read + Send + 'static,
    log: Arc<Mutex<String>>,
    mut on_line: impl FnMut(&str) + Send + 'static,
) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            on_line(&line);
            if let Ok(mut log) = log.lock() {
                log.push_str(&line);
                log.push('\n');
            }
        }
    });
}
