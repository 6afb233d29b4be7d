//! Behind nginx, with the configuration that docs/nginx.md prints.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;
use timedb_tests::{Config, Db, Server};

/// A running nginx, and the folder of its files.
struct Nginx {
    child: Child,
    folder: tempfile::TempDir,
    url: String,
}

impl Nginx {
    /// Starts nginx with the documented lines, which lead to this server.
    fn start(server: &Server) -> Self {
        let page = std::fs::read_to_string(Config::get().root.join("docs/nginx.md")).unwrap();
        let block = page
            .split("```nginx\n")
            .nth(1)
            .expect("the page has a block");
        let block = block.split("```").next().unwrap();
        let port = {
            let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
            free.local_addr().unwrap().port()
        };
        // All but TLS, whose certificate is somebody else's, and the two addresses.
        let lines = block
            .lines()
            .filter(|line| !line.contains("ssl_certificate"));
        let site = lines.collect::<Vec<_>>().join("\n");
        let upstream = server.url().trim_start_matches("http://").to_owned();
        let addresses = [
            ("server 127.0.0.1:8000;", format!("server {upstream};")),
            ("listen 443 ssl;", format!("listen 127.0.0.1:{port};")),
        ];
        let site = addresses.iter().fold(site, |site, (documented, here)| {
            assert!(site.contains(documented), "the page says {documented}");
            site.replace(documented, here)
        });
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|name| format!("{name}_temp_path {at}/{name};\n"))
            .collect();
        let text = format!(
            "daemon off;\nworker_processes 1;\npid {at}/pid;\nerror_log {at}/error.log;\n\
             events {{ worker_connections 256; }}\nhttp {{\n{temporary}access_log {at}/access.log;\n{site}\n}}\n"
        );
        let file = folder.path().join("nginx.conf");
        std::fs::write(&file, text).unwrap();
        let child = Command::new("/usr/sbin/nginx")
            .arg("-c")
            .arg(&file)
            .arg("-e")
            .arg(folder.path().join("start.log"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx is installed");
        Self {
            child,
            url: format!("http://127.0.0.1:{port}"),
            folder,
        }
    }

    fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        timedb_tests::signal(&self.child, "TERM");
        let _gone = self.child.wait();
    }
}

#[tokio::test]
async fn the_documented_nginx_passes_large_bodies_and_answers_and_keeps_connections() {
    let db = Db::new().await;
    let server = Server::start(&db);
    let nginx = Nginx::start(&server);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = |path: &str| format!("{}{path}", nginx.url);
    for attempt in 0.. {
        match client.get(url("/health")).send().await {
            Ok(answer) => {
                assert_eq!(answer.status(), 200);
                break;
            }
            Err(error) if attempt == 100 => {
                panic!(
                    "{error}: {}{}",
                    nginx.log("start.log"),
                    nginx.log("error.log")
                )
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
    let key = &db.a().key;

    // Larger than nginx's own limit, and more rows than the server holds before it streams.
    let count = 300_000;
    let rows: Vec<_> = (0..count)
        .map(|i| {
            let (hour, minute, second) = (i / 3600 % 24, i / 60 % 60, i % 60);
            let time = format!(
                "2025-01-{:02}T{hour:02}:{minute:02}:{second:02}Z",
                1 + i / 86_400
            );
            json!({"valid_time": time, "value_key": "big", "value": 0.5})
        })
        .collect();
    let body = json!({"batch_start_time": "2025-01-01T00:00:00Z", "value_rows": rows});
    let text = body.to_string();
    assert!(text.len() > 8 << 20, "{}", text.len());
    let upload = client
        .post(url("/upload"))
        .header("X-API-Key", key)
        .header("content-type", "application/json")
        .body(text)
        .send()
        .await
        .unwrap();
    assert_eq!(upload.status(), 200, "{}", upload.text().await.unwrap());
    let read = client
        .get(url("/values?name=big"))
        .header("X-API-Key", key)
        .send()
        .await
        .unwrap();
    assert_eq!(read.status(), 200);
    let answer: serde_json::Value = read.json().await.unwrap();
    assert_eq!(answer["count"], count);
    assert_eq!(answer["data"].as_array().unwrap().len(), count);

    // What the server says about a mistake comes through as it is.
    for (path, key, status) in [
        ("/values", None, 401),
        ("/values?start_valid=%ff", Some(key.as_str()), 422),
        ("/values?nmae=big", Some(key.as_str()), 422),
        ("/nowhere", Some(key.as_str()), 404),
    ] {
        let mut request = client.get(url(path));
        if let Some(key) = key {
            request = request.header("X-API-Key", key);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
        let body: serde_json::Value = answer.json().await.unwrap();
        assert!(!body["detail"].is_null(), "{path}: {body}");
    }

    // One connection between nginx and the server for many requests of many clients.
    let before = connections(&server);
    for _ in 0..50 {
        let one = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = one.get(url("/values?name=none")).header("X-API-Key", key);
        assert_eq!(answer.send().await.unwrap().status(), 200);
    }
    let opened = connections(&server) - before;
    assert!(
        opened <= 2,
        "nginx opened {opened} connections for 50 requests"
    );

    let logs = nginx.log("access.log") + &nginx.log("error.log");
    assert!(logs.contains("GET /values?name=big"), "{logs}");
    assert!(!logs.contains(key.as_str()), "nginx logs keys");
}

/// How many connections this machine has had open, or waiting for their end, to the server's port.
fn connections(server: &Server) -> usize {
    let port: u16 = server.url().rsplit(':').next().unwrap().parse().unwrap();
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let remote = format!(":{port:04X}");
    let of_server = |line: &&str| {
        let address = line.split_whitespace().nth(2);
        address.is_some_and(|address| address.ends_with(&remote))
    };
    table.lines().filter(of_server).count()
}
