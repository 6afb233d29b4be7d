//! A real Prometheus of a test's own, with the configuration that the test gives it.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::programs::{free_port, server_user};
use crate::signal;

/// A running Prometheus; stopped with the value.
pub struct Prometheus {
    process: Child,
    folder: TempDir,
    port: u16,
}

impl Prometheus {
    /// Starts it; in the configuration, `KEY_FILE` becomes the path of a file with this key.
    ///
    /// # Panics
    /// When it does not listen within thirty seconds.
    pub fn start(configuration: &str, key: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).expect("a file in the folder");
            path
        };
        let key_file = write("key", &format!("{key}\n")).display().to_string();
        let configuration = configuration.replace("KEY_FILE", &key_file);
        let file = write("prometheus.yml", &configuration);
        let log = fs::File::create(folder.path().join("log")).expect("a log");
        let port = free_port();
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.path().join("data").display()
            ))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log);
        if let Some((uid, gid)) = server_user() {
            give_away(folder.path(), uid, gid);
            command.uid(uid).gid(gid);
        }
        let process = command
            .spawn()
            .expect("prometheus runs: `make test` installs it");
        let mut prometheus = Self {
            process,
            folder,
            port,
        };
        prometheus.until_it_listens();
        prometheus
    }

    fn until_it_listens(&mut self) {
        let start = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(
                start.elapsed() < Duration::from_secs(30)
                    && !matches!(self.process.try_wait(), Ok(Some(_))),
                "Prometheus does not start: {}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("Prometheus:\n{}", self.log());
        }
        signal(&self.process, "KILL");
        drop(self.process.wait());
    }
}

fn give_away(folder: &Path, uid: u32, gid: u32) {
    let files = fs::read_dir(folder).expect("the folder can be listed");
    let files = files.map(|file| file.expect("a file of the folder").path());
    for path in files.chain([folder.to_owned()]) {
        chown(path, Some(uid), Some(gid)).expect("root gives a file away");
    }
}
