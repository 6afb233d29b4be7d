//! The line that each request leaves in the log.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::Value;
use timedb_tests::{Config, Db, Role, Server, signal};

use crate::limits::upload_body;

const END_LIMIT: Duration = Duration::from_secs(15);

/// The lines about requests, once there are so many.
async fn request_lines(server: &Server, count: usize) -> Vec<Value> {
    let start = Instant::now();
    loop {
        let log = server.log();
        let lines = log
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        let lines: Vec<Value> = lines
            .filter(|line: &Value| line["message"] == "request")
            .collect();
        if lines.len() >= count {
            return lines;
        }
        assert!(start.elapsed() < Duration::from_secs(10), "{log}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_request_is_a_line_of_json_with_its_id_and_whose_it_was() {
    let db = Db::new().await;
    let server = Server::start_with(&db.dsn(Role::User), &["--log-format", "json"], &[]);
    let key = Some(db.a().key.as_str());
    let reply = server.post("/upload", key, &upload_body("x", 1.0)).await;
    let made = reply.headers["x-request-id"].to_str().unwrap().to_owned();
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let request = server
        .request(Method::GET, "/values?name=x", key)
        .header("X-Request-Id", "from-a-proxy.1")
        .header("traceparent", trace);
    let reply = server.send(request).await;
    assert_eq!(reply.headers["x-request-id"], "from-a-proxy.1");
    // A key in the wrong header must not get into the log or the answer.
    let request = server
        .request(Method::GET, "/values", None)
        .header("X-Request-Id", &db.a().key);
    let reply = server.send(request).await;
    assert_eq!(reply.status, 401);
    assert_ne!(reply.headers["x-request-id"], db.a().key.as_str());

    let lines = request_lines(&server, 3).await;
    let key_id: uuid::Uuid = db
        .connect(Role::Superuser)
        .await
        .query_one(
            "SELECT key_id FROM timedb_internal.api_keys WHERE tenant_id = $1",
            &[&db.a().tenant_id],
        )
        .await
        .unwrap()
        .get(0);
    let (upload, read, refused) = (&lines[0], &lines[1], &lines[2]);
    assert_eq!(upload["id"], made);
    assert_eq!(upload["rows_in"], 1);
    assert_eq!(read["id"], "from-a-proxy.1");
    assert_eq!(read["trace_id"], "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(read["parent_id"], "b7ad6b7169203331");
    assert_eq!(
        (&read["rows_out"], &read["route"]),
        (&1.into(), &"/values".into())
    );
    assert_eq!(
        (&read["status"], &read["complete"]),
        (&200.into(), &true.into())
    );
    assert!(read["ms"].as_f64() >= read["db_ms"].as_f64() && read["db_ms"].as_f64() > Some(0.0));
    for line in [upload, read] {
        assert_eq!(line["tenant"], db.a().tenant_id.to_string());
        assert_eq!(line["key"], key_id.to_string());
    }
    assert_eq!(refused["status"], 401);
    assert!(refused.get("tenant").is_none() && refused.get("key").is_none());
    // Not the query, which is the client's.
    assert!(!server.log().contains("name=x"));
}

/// A server whose log nobody reads, where it listens, and where its metrics are.
struct Unread {
    child: Child,
    url: String,
    metrics: String,
}

impl Unread {
    fn start(db: &Db) -> Self {
        let mut child = Command::new(&Config::get().binary)
            .args(["api", "--port", "0", "--log-format", "json"])
            .args(["--metrics-listen", "127.0.0.1:0"])
            .current_dir("/")
            .env("TIMEDB_DSN", db.dsn(Role::User))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A byte at a time, so that nothing beyond what is looked for is taken from the pipes.
        let line_of = |out: &mut dyn Read, start: &str| loop {
            let mut line = String::new();
            BufReader::with_capacity(1, &mut *out)
                .read_line(&mut line)
                .unwrap();
            assert_ne!(line, "", "no {start}");
            if let Some(rest) = line.strip_prefix(start) {
                return rest.trim().to_owned();
            }
        };
        let metrics = line_of(child.stderr.as_mut().unwrap(), "Metrics on ");
        let url = line_of(child.stdout.as_mut().unwrap(), "Listening on ");
        Self {
            child,
            url,
            metrics,
        }
    }

    /// Sends so many requests that need no database.
    async fn ask(&self, client: &Client, count: usize) {
        for _ in 0..count {
            let reply = client.get(format!("{}/health", self.url)).send().await;
            assert_eq!(reply.unwrap().status(), 200);
        }
    }

    /// How many lines were dropped, as the metrics have it.
    async fn dropped(&self, client: &Client) -> usize {
        let reply = client.get(&self.metrics).send().await.unwrap();
        let text = reply.text().await.unwrap();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("timedb_log_lines_dropped_total "));
        line.unwrap_or_else(|| panic!("no count in {text}"))
            .parse()
            .unwrap()
    }

    /// Reads the log to its end, on a thread of its own: how many requests there are in it, and how many lines it says
    /// are missing.
    fn read(&mut self) -> Receiver<(usize, usize)> {
        let log = BufReader::new(self.child.stderr.take().unwrap());
        let (sender, found) = channel();
        std::thread::spawn(move || {
            let (mut requests, mut missing) = (0, 0);
            for line in log.lines().map_while(Result::ok) {
                if let Ok(line) = serde_json::from_str::<Value>(&line) {
                    requests += usize::from(line["message"] == "request");
                    missing += line["lines"].as_u64().unwrap_or(0) as usize;
                }
            }
            sender.send((requests, missing)).unwrap();
        });
        found
    }

    /// Waits for the end of the process; whether it came by itself within the limit.
    fn ends_within(&mut self, limit: Duration) -> bool {
        let start = Instant::now();
        while start.elapsed() < limit {
            if self.child.try_wait().unwrap().is_some() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

#[tokio::test]
async fn no_line_is_lost_when_the_server_stops() {
    let db = Db::new().await;
    for signals in [1, 2] {
        let mut server = Unread::start(&db);
        let address = server.url.trim_start_matches("http://").to_owned();
        let mut half = TcpStream::connect(address).unwrap();
        server.ask(&client(), 100).await;
        if signals == 2 {
            // With a request that does not end, only a second signal ends the server.
            half.write_all(b"POST /upload HTTP/1.1\r\nHost: x\r\n")
                .unwrap();
            tokio::time::sleep(Duration::from_millis(100)).await;
            signal(&server.child, "TERM");
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        signal(&server.child, "TERM");
        assert!(server.ends_within(END_LIMIT));
        let found = server.read().recv_timeout(END_LIMIT).unwrap();
        assert_eq!(found, (100, 0), "{signals} signals");
    }
}

#[tokio::test]
async fn a_log_that_nobody_reads_stops_nobody_and_says_what_is_missing() {
    const REQUESTS: usize = 8_000;
    let db = Db::new().await;
    let mut server = Unread::start(&db);
    let client = client();
    server.ask(&client, REQUESTS).await;
    // The client has the last byte a moment before the line is there.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let dropped = server.dropped(&client).await;
    assert!(dropped > 100, "{dropped}");
    let found = server.read();
    // There is room again when it is read.
    tokio::time::sleep(Duration::from_secs(1)).await;
    server.ask(&client, 10).await;
    assert_eq!(server.dropped(&client).await, dropped);
    signal(&server.child, "TERM");
    assert!(server.ends_within(END_LIMIT));
    let (requests, missing) = found.recv_timeout(END_LIMIT).unwrap();
    assert_eq!((requests, missing), (REQUESTS + 10 - dropped, dropped));
}

#[tokio::test]
async fn a_log_that_nobody_reads_does_not_hold_up_the_end() {
    let db = Db::new().await;
    let mut server = Unread::start(&db);
    server.ask(&client(), 8_000).await;
    signal(&server.child, "TERM");
    assert!(server.ends_within(END_LIMIT));
}
