//! A real Varnish of a test's own, as it is installed: it knows where the server is, and nothing of this API.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::signal;
use tempfile::TempDir;

use crate::programs::{free_port, server_user};

/// A running Varnish; stopped with the value.
pub struct Varnish {
    manager: Child,
    folder: TempDir,
    port: u16,
}

impl Varnish {
    /// Starts it in front of the server at this URL.
    ///
    /// # Panics
    /// When it does not listen within twenty seconds.
    pub fn start(server: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let log = fs::File::create(folder.path().join("log")).expect("a log");
        let port = free_port();
        let mut command = Command::new(program());
        command
            .args(["-F", "-j", "none", "-n"])
            .arg(folder.path().join("work"))
            .args(["-a", &format!("127.0.0.1:{port}")])
            .args(["-b", server.trim_start_matches("http://")])
            .args(["-s", "malloc,16m"])
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log);
        if let Some((uid, gid)) = server_user() {
            chown(folder.path(), Some(uid), Some(gid)).expect("root gives a folder away");
            command.uid(uid).gid(gid);
        }
        let manager = command
            .spawn()
            .expect("varnishd runs: `make test` installs it");
        let mut varnish = Self {
            manager,
            folder,
            port,
        };
        varnish.until_it_listens();
        varnish
    }

    /// The address, such as `http://127.0.0.1:40123`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn until_it_listens(&mut self) {
        let start = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(
                start.elapsed() < Duration::from_secs(20)
                    && !matches!(self.manager.try_wait(), Ok(Some(_))),
                "Varnish does not start: {}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Varnish {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("Varnish:\n{}", self.log());
        }
        // Killed, it would leave its worker behind.
        signal(&self.manager, "TERM");
        drop(self.manager.wait());
    }
}

/// Debian puts it where only root looks.
fn program() -> PathBuf {
    let installed = Path::new("/usr/sbin/varnishd");
    match installed.exists() {
        true => installed.into(),
        false => "varnishd".into(),
    }
}
