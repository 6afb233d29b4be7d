//! Programs run to their end: the binary `timedb`, PostgreSQL's tools, Python.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::Config;

/// No program of a test takes longer, unless it waits for something that never comes.
const LIMIT_SECONDS: &str = "120";

/// A program about to be run, without input and without the caller's database settings.
pub struct Run {
    command: Command,
    name: String,
}

/// How a program ended and what it printed.
#[derive(Debug)]
pub struct Output {
    /// Exit code; a program ended by a signal has 128 + the signal's number.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Run {
    /// Prepares `program`.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let name = program.as_ref().to_string_lossy().into_owned();
        let mut command = Command::new("timeout");
        command
            .args(["--kill-after=5", LIMIT_SECONDS])
            .arg(program)
            .stdin(Stdio::null());
        // A folder without a file .env.
        command.current_dir("/");
        for (variable, _) in std::env::vars_os() {
            let text = variable.to_string_lossy();
            if text.starts_with("PG") || text.starts_with("TIMEDB_") || text == "DATABASE_URL" {
                command.env_remove(&variable);
            }
        }
        Self { command, name }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Reads standard input from a file.
    ///
    /// # Panics
    /// When the file cannot be opened.
    #[must_use]
    pub fn stdin(mut self, file: &Path) -> Self {
        let file = std::fs::File::open(file)
            .unwrap_or_else(|error| panic!("cannot open {}: {error}", file.display()));
        self.command.stdin(file);
        self
    }

    /// Sets the working folder.
    #[must_use]
    pub fn dir(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// When it does not start, or does not end.
    #[track_caller]
    pub fn run(mut self) -> Output {
        let output = self
            .command
            .output()
            .unwrap_or_else(|error| panic!("cannot run {}: {error}", self.name));
        let code = output.status.code().unwrap_or(-1);
        let output = Output {
            code,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        };
        assert!(
            code != 124 && code != 137,
            "{} did not end within {LIMIT_SECONDS} s: {output:?}",
            self.name
        );
        output
    }

    /// Runs it and returns its standard output.
    ///
    /// # Panics
    /// When it fails.
    #[track_caller]
    pub fn ok(self) -> String {
        let name = self.name.clone();
        let output = self.run();
        assert_eq!(output.code, 0, "{name} failed: {output:?}");
        output.stdout
    }
}

/// Sends a running program a signal such as `TERM`.
///
/// # Panics
/// When it does not take it.
#[track_caller]
pub fn signal(child: &Child, name: &str) {
    let status = Command::new("kill")
        .args(["-s", name, &child.id().to_string()])
        .status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "process {} takes the signal {name}",
        child.id()
    );
}

/// The binary `timedb` with these arguments.
pub fn cli(arguments: &[&str]) -> Run {
    Run::new(&Config::get().binary).args(arguments)
}

/// `psql`, connected to `dsn`, that prints bare values and stops at the first error.
pub fn psql(dsn: &str, sql: &str) -> Run {
    pg_tool("psql").args([
        "-X",
        "-q",
        "-A",
        "-t",
        "-v",
        "ON_ERROR_STOP=1",
        "-d",
        dsn,
        "-c",
        sql,
    ])
}

/// One of PostgreSQL's own programs: `pg_dump`, `pg_restore`, `pgbench` ...
pub fn pg_tool(name: &str) -> Run {
    Run::new(Config::get().pg_bin.join(name))
}

/// Python with the packages of `tests/requirements.txt`, and `timedb` on its PATH.
pub fn python(arguments: &[&str]) -> Run {
    let config = Config::get();
    let folder = config
        .binary
        .parent()
        .expect("the binary is in a folder")
        .display()
        .to_string();
    let path = std::env::var("PATH").unwrap_or_default();
    Run::new(&config.python)
        .args(arguments)
        .env("PATH", format!("{folder}:{path}"))
}
