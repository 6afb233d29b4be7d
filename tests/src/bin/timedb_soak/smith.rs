//! sqlsmith at work.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::watch::Watch;

/// A running sqlsmith; killed with the value.
pub struct Smith {
    child: Child,
    dsn: String,
    seed: u64,
    without_catalog: bool,
}

impl Smith {
    /// Starts it with a seed: what it sends depends on that, and on what comes back.
    pub fn start(dsn: &str, seed: u64, without_catalog: bool) -> Self {
        Self {
            child: spawn(dsn, seed, without_catalog),
            dsn: dsn.to_owned(),
            seed,
            without_catalog,
        }
    }

    /// Waits; sqlsmith is started again when it ends by itself, as it does when a connection is lost.
    pub async fn run_for(mut self, time: Duration, watch: &Watch) {
        let start = Instant::now();
        let mut restarts = 0;
        while start.elapsed() < time {
            tokio::time::sleep(Duration::from_millis(200)).await;
            if let Ok(Some(status)) = self.child.try_wait() {
                restarts += 1;
                eprintln!("    sqlsmith ended ({status}) and starts again");
                assert!(
                    restarts < 100,
                    "sqlsmith does not stay: {}",
                    watch.summary()
                );
                let seed = self.seed + 1_000_000 * restarts;
                self.child = spawn(&self.dsn, seed, self.without_catalog);
            }
        }
    }
}

impl Drop for Smith {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn spawn(dsn: &str, seed: u64, without_catalog: bool) -> Child {
    let mut command = Command::new("sqlsmith");
    command.args([format!("--target={dsn}"), format!("--seed={seed}")]);
    if without_catalog {
        command.arg("--exclude-catalog");
    }
    command
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("sqlsmith runs: scripts/soak.sh installs it")
}
