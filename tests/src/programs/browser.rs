//! A page in a real Chromium: a test serves it from a port of its own, which is another origin than the server's, and
//! gets what its script found out.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::programs::server_user;

/// Where a page comes from.
pub struct Site {
    listener: TcpListener,
}

impl Site {
    /// Takes a port.
    pub async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        Self { listener }
    }

    /// Its origin, such as `http://127.0.0.1:40123`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.listener.local_addr().expect("a port"))
    }

    /// Opens a page in a Chromium of its own; the value of `script`, the body of an async function, is returned.
    ///
    /// # Panics
    /// When it does not come within 90 seconds.
    pub async fn run(&self, script: &str) -> Value {
        let page = format!(
            "<!doctype html><meta charset=utf-8><title>x</title><script>(async () => {{{script}}})()\
             .catch(error => ({{failed: String(error)}})).then(found => fetch('/found', \
             {{method: 'POST', body: JSON.stringify(found)}}))</script>"
        );
        let _browser = Browser::open(&self.origin());
        let found = async {
            loop {
                let (stream, _) = self.listener.accept().await.expect("a client");
                if let Some(found) = answer(stream, &page).await {
                    return found;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(90), found)
            .await
            .expect("the page tells what it found")
    }
}

/// Answers one request; returns what it brings.
async fn answer(mut stream: TcpStream, page: &str) -> Option<Value> {
    let mut received = Vec::new();
    let mut part = [0; 4096];
    let (mut body, mut length) = (None, 0);
    while body.is_none_or(|start| received.len() < start + length) {
        // A browser connects ahead of what it asks for.
        let read = tokio::time::timeout(Duration::from_secs(2), stream.read(&mut part)).await;
        match read {
            Ok(Ok(count @ 1..)) => received.extend_from_slice(&part[..count]),
            _ => return None,
        }
        if body.is_none() {
            let end = received.windows(4).position(|bytes| bytes == b"\r\n\r\n");
            body = end.map(|end| end + 4);
            let head = String::from_utf8_lossy(&received[..end.unwrap_or(0)]).to_lowercase();
            let told = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length:"));
            length = told.map_or(0, |told| told.trim().parse().expect("a length"));
        }
    }
    let found = received
        .starts_with(b"POST /found ")
        .then(|| serde_json::from_slice(&received[body?..]).ok())
        .flatten();
    let (status, text) = match received.starts_with(b"GET / ") {
        true => ("200 OK", page),
        false => ("404 Not Found", ""),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        text.len()
    );
    drop(stream.write_all(format!("{head}{text}").as_bytes()).await);
    found
}

/// A running Chromium; killed with the value.
pub(super) struct Browser {
    pub(super) child: Child,
    _folder: TempDir,
}

impl Browser {
    fn open(url: &str) -> Self {
        let mut command = Command::new("chromium");
        command.stdin(Stdio::null()).stdout(Stdio::null());
        Self::start(command, &[url])
    }

    /// Starts a command that ends in Chromium, with these arguments among others.
    pub(super) fn start(mut command: Command, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        command
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
            ])
            .args([
                "--disable-dev-shm-usage",
                "--no-proxy-server",
                "--disable-background-networking",
            ])
            .arg(format!("--user-data-dir={}", folder.path().display()))
            .args(arguments)
            .env("HOME", folder.path())
            .current_dir("/")
            .stderr(Stdio::null())
            .process_group(0);
        if let Some((uid, gid)) = server_user() {
            chown(folder.path(), Some(uid), Some(gid)).expect("root gives a folder away");
            command.uid(uid).gid(gid);
        }
        let child = command
            .spawn()
            .expect("chromium runs: `make test` installs it");
        Self {
            child,
            _folder: folder,
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It has helpers, which are of its group.
        let group = format!("-{}", self.child.id());
        drop(
            Command::new("kill")
                .args(["-s", "KILL", "--", &group])
                .status(),
        );
        drop(self.child.wait());
    }
}
