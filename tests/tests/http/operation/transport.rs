//! How the server is reached: TLS with its certificates, HTTP/2, a socket, proxies; by curl, which people use.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use timedb_tests::{Config, Db, Role, Server, python};

use crate::limits::upload_body;

/// Makes a certificate of its own authority for this name, and its key.
fn make_certificate(folder: &Path, name: &str) {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
        ])
        .args(["-days", "2", "-subj", &format!("/CN={name}")])
        .args(["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"])
        .args(["-keyout", "key.new", "-out", "cert.new"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    fs::rename(folder.join("key.new"), folder.join("key.pem")).unwrap();
    fs::rename(folder.join("cert.new"), folder.join("cert.pem")).unwrap();
}

/// What curl prints.
fn curl(arguments: &[&str]) -> String {
    let output = Command::new("curl")
        .args([
            "--silent",
            "--show-error",
            "--noproxy",
            "*",
            "--max-time",
            "30",
        ])
        .args(arguments)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    String::from_utf8(output.stdout).unwrap()
}

/// What curl takes for the header with a key: a file that it is in, because arguments can be seen by others.
fn key_header(folder: &Path, key: &str) -> String {
    let file = folder.join("head");
    fs::write(&file, format!("X-API-Key: {key}")).unwrap();
    format!("@{}", file.display())
}

struct Encrypted {
    folder: tempfile::TempDir,
    server: Server,
}

impl Encrypted {
    fn start(db: &Db, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        make_certificate(folder.path(), "first");
        let file = |name: &str| folder.path().join(name).display().to_string();
        let (certificate, key) = (file("cert.pem"), file("key.pem"));
        let tls = ["--tls-cert", &certificate, "--tls-key", &key];
        let server = Server::start_with(&db.dsn(Role::User), &[&tls, arguments].concat(), &[]);
        assert!(server.url().starts_with("https://"), "{}", server.url());
        Self { folder, server }
    }

    fn trust(&self) -> String {
        self.folder.path().join("cert.pem").display().to_string()
    }

    /// The subject of the certificate that a client is shown.
    fn subject(&self) -> String {
        let place = self.server.url().trim_start_matches("https://");
        let script = format!(
            "openssl s_client -connect {place} </dev/null 2>/dev/null | openssl x509 -noout -subject"
        );
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    fn until_subject_has(&self, name: &str) {
        let start = Instant::now();
        while !self.subject().contains(name) {
            let log = self.server.log();
            assert!(start.elapsed() < Duration::from_secs(15), "{name}: {log}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_speaks_both_protocols_and_tells_browsers_to_stay_with_it() {
    let db = Db::new().await;
    let encrypted = Encrypted::start(&db, &[]);
    let (url, trust) = (encrypted.server.url(), encrypted.trust());
    let key = key_header(encrypted.folder.path(), &db.a().key);
    let body = upload_body("x", 1.0).to_string();
    for (protocol, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
        let both = [
            "--cacert",
            &trust,
            protocol,
            "--write-out",
            "\n%{http_version} %{http_code}",
        ];
        let json = [
            "-H",
            "Content-Type: application/json",
            "-H",
            &key,
            "-d",
            &body,
        ];
        let upload = format!("{url}/upload");
        let told = curl(&[&both[..], &json[..], &[&upload]].concat());
        assert!(told.ends_with(&format!("\n{version} 200")), "{told}");
        let read = format!("{url}/values");
        let told = curl(&[&both[..], &["-i", "-H", &key, &read]].concat());
        assert!(told.contains("\"count\":1"), "{told}");
        let told = told.to_lowercase();
        for header in [
            "strict-transport-security: max-age=31536000",
            "x-content-type-options: nosniff",
            "cache-control: no-store",
            "referrer-policy: no-referrer",
            "content-security-policy: default-src 'none'; frame-ancestors 'none'",
            "x-request-id: ",
        ] {
            assert!(told.contains(&format!("\r\n{header}")), "{header}: {told}");
        }
    }
    // Heads have their limit, and bodies theirs.
    let long = ["A", "B", "C"].map(|name| format!("X-{name}: {}", "x".repeat(22_500)));
    // The library answers 431 or breaks the connection off, depending on the frames that it comes in.
    let refused = Command::new("curl")
        .args(["--silent", "--noproxy", "*", "--max-time", "30", "--http2"])
        .args(["--cacert", &trust, "-o", "/dev/null", "-w", "%{http_code}"])
        .args(["-H", &long[0], "-H", &long[1], "-H", &long[2], url])
        .output()
        .unwrap();
    let told = String::from_utf8(refused.stdout).unwrap();
    assert!(["000", "431"].contains(&told.as_str()), "{told}");
    assert!(curl(&["--cacert", &trust, "--http2", url]).contains("TimeDB API"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_served_after_a_hangup_and_by_itself() {
    let db = Db::new().await;
    let encrypted = Encrypted::start(&db, &[]);
    assert!(encrypted.subject().contains("first"));
    make_certificate(encrypted.folder.path(), "second");
    encrypted.server.signal("HUP");
    encrypted.until_subject_has("second");
    make_certificate(encrypted.folder.path(), "third");
    encrypted.until_subject_has("third");
    // What is no certificate leaves the one before.
    fs::write(encrypted.folder.path().join("cert.pem"), "nothing").unwrap();
    encrypted.server.signal("HUP");
    let start = Instant::now();
    while !encrypted
        .server
        .log()
        .contains("the certificate stays as it was")
    {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "{}",
            encrypted.server.log()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(encrypted.subject().contains("third"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_says_nothing_instead_of_a_handshake_is_shown_out() {
    let db = Db::new().await;
    let encrypted = Encrypted::start(&db, &["--header-read-timeout", "1", "--idle-timeout", "2"]);
    let place = encrypted
        .server
        .url()
        .trim_start_matches("https://")
        .to_owned();
    let mut silent = std::net::TcpStream::connect(&place).unwrap();
    silent
        .set_read_timeout(Some(Duration::from_secs(6)))
        .unwrap();
    let read = std::io::Read::read(&mut silent, &mut [0; 16]);
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    if let Err(error) = read {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
    }
    // An idle connection of HTTP/2 ends as well.
    let script = format!(
        "(sleep 8) | openssl s_client -alpn h2 -quiet -connect {place} >/dev/null 2>&1; true"
    );
    let start = Instant::now();
    Command::new("timeout")
        .args(["12", "sh", "-c", &script])
        .output()
        .unwrap();
    assert!(start.elapsed() < Duration::from_secs(11));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_serves_what_an_address_does_and_is_gone_after_the_end() {
    let db = Db::new().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("timedb.sock").display().to_string();
    let arguments = [
        "--unix-socket",
        &path,
        "--trusted-proxy",
        "unix",
        "--log-format",
        "json",
    ];
    let mut server = Server::start_with(&db.dsn(Role::User), &arguments, &[]);
    assert_eq!(server.url(), format!("unix:{path}"));
    let key = key_header(folder.path(), &db.a().key);
    let told = curl(&[
        "--unix-socket",
        &path,
        "-i",
        "-H",
        &key,
        "-H",
        "X-Forwarded-For: 9.9.9.9, 192.0.2.7",
        "-H",
        "X-Forwarded-Proto: https",
        "http://localhost/values",
    ]);
    assert!(told.contains("\"count\":0"), "{told}");
    assert!(
        told.to_lowercase().contains("strict-transport-security"),
        "{told}"
    );
    let start = Instant::now();
    while !server.log().contains("\"client\":\"192.0.2.7\"") {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "{}",
            server.log()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server.signal("TERM");
    assert!(server.wait(Duration::from_secs(10)).success());
    assert!(!Path::new(&path).exists());
}

#[tokio::test]
async fn nobody_is_believed_who_is_not_named() {
    let db = Db::new().await;
    let server = Server::start_with(&db.dsn(Role::User), &["--log-format", "json"], &[]);
    let request = server
        .request(reqwest::Method::GET, "/values", Some(&db.a().key))
        .header("X-Forwarded-For", "192.0.2.7")
        .header("X-Forwarded-Proto", "https");
    let reply = server.send(request).await;
    assert!(
        !reply.headers.contains_key("strict-transport-security"),
        "{reply:?}"
    );
    tokio::time::sleep(Duration::from_millis(200)).await;
    let log = server.log();
    assert!(
        log.contains("\"client\":\"127.0.0.1\"") && !log.contains("192.0.2.7"),
        "{log}"
    );
}

#[tokio::test]
async fn an_open_store_is_served_to_others_only_where_that_is_allowed() {
    let db = Db::new().await;
    let admin = db.connect(Role::Superuser).await;
    admin
        .batch_execute("SELECT timedb.set_auth_required(false)")
        .await
        .unwrap();
    let started = Command::new(&Config::get().binary)
        .args(["api", "--host", "0.0.0.0", "--port", "0"])
        .current_dir("/")
        .env("TIMEDB_DSN", db.dsn(Role::User))
        .output()
        .unwrap();
    assert_eq!(started.status.code(), Some(1), "{started:?}");
    let told = String::from_utf8(started.stderr).unwrap();
    assert!(told.contains("--allow-open"), "{told}");
    let server = Server::start_with(
        &db.dsn(Role::User),
        &["--host", "0.0.0.0", "--allow-open"],
        &[],
    );
    // What the program says on stderr may arrive after what it says on stdout.
    let start = Instant::now();
    while !server.log().contains("anybody who can reach this address") {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "{}",
            server.log()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Asks over HTTP/2 and takes nothing of the answer, but answers pings; prints what becomes of the stream, and when.
const TAKES_NOTHING: &str = r#"
import socket, ssl, struct, sys, time
host, port = sys.argv[1].rsplit(":", 1)
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
context.set_alpn_protocols(["h2"])
stream = context.wrap_socket(socket.create_connection((host, int(port))))
frame = lambda kind, flags, id, body: struct.pack(">I", len(body))[1:] + bytes([kind, flags]) + struct.pack(">I", id) + body
stream.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, struct.pack(">HI", 4, 0)))
stream.sendall(frame(1, 5, 1, b"\x82\x87\x84\x41\x01x"))
stream.settimeout(20)
began, received = time.monotonic(), b""
while True:
    piece = stream.recv(65536)
    if not piece:
        print("closed")
        break
    received += piece
    while len(received) >= 9:
        length = int.from_bytes(received[:3], "big")
        if len(received) < 9 + length:
            break
        kind, id = received[3], int.from_bytes(received[5:9], "big")
        received = received[9 + length:]
        if kind == 0:
            sys.exit("bytes of the answer came without leave")
        if kind == 3 and id == 1:
            print(f"reset after {time.monotonic() - began:.0f} s")
            sys.exit()
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_whose_client_takes_nothing_is_reset() {
    let db = Db::new().await;
    let encrypted = Encrypted::start(&db, &["--write-timeout", "2", "--idle-timeout", "30"]);
    let place = encrypted
        .server
        .url()
        .trim_start_matches("https://")
        .to_owned();
    let told = python(&["-c", TAKES_NOTHING, &place]).run();
    assert!(
        told.stdout.starts_with("reset after 2") || told.stdout.starts_with("reset after 3"),
        "{told:?}"
    );
}
