//! Interpreters that run the blocks of a document one after the other, as a reader at one terminal
//! would: variables, transactions and imports of one block are there in the next one.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
/// Ends a block's output; what follows is how the block ended.
const MARK: &str = "--- end of block ---";

/// What a block is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Language {
    Bash,
    Sql,
    Python,
}

/// One interpreter at work.
pub struct Session {
    language: Language,
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    folder: PathBuf,
    blocks: usize,
}

/// Runs blocks that are files, in one namespace; the first exception ends it.
const PYTHON_DRIVER: &str = "
import sys
scope = {'__name__': '__main__'}
for line in sys.stdin:
    path, mark = line.rstrip().split(' ', 1)
    exec(compile(open(path).read(), path, 'exec'), scope)
    print('\\n' + mark, 'ok', flush=True)
";

impl Session {
    /// Starts the interpreter in `folder`, with these variables and nothing else of ours.
    pub fn start(language: Language, folder: PathBuf, variables: &[(String, String)]) -> Self {
        let script = match language {
            Language::Bash => "exec bash 2>&1",
            Language::Sql => "exec psql -X -q \"$TIMEDB_DSN\" 2>&1",
            Language::Python => "exec python3 -c \"$DRIVER\" 2>&1",
        };
        let mut command = Command::new("bash");
        command.args(["-c", script]).current_dir(&folder);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("PG") || text.starts_with("TIMEDB_") || text == "DATABASE_URL" {
                command.env_remove(&name);
            }
        }
        let mut child = command
            .envs(variables.iter().cloned())
            .env("DRIVER", PYTHON_DRIVER)
            // Tells the look for leaked keys that psql types them as literals here.
            .env("PGAPPNAME", "types_keys")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("bash runs");
        let (sender, lines) = channel();
        let output = child.stdout.take().expect("stdout is a pipe");
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let input = child.stdin.take().expect("stdin is a pipe");
        Self {
            language,
            child,
            input,
            lines,
            folder,
            blocks: 0,
        }
    }

    /// Runs a block and returns its output, both streams, and how it ended: `ok`, a SQLSTATE, or
    /// that the interpreter ended with it.
    pub fn run(&mut self, block: &str) -> (String, String) {
        self.blocks += 1;
        let path = self
            .folder
            .join(format!("{:?}{}", self.language, self.blocks));
        std::fs::write(&path, block).expect("a block is written to a file");
        let path = path.display();
        let command = match self.language {
            // From a file, so that a program that reads stdin does not swallow the next block.
            Language::Bash => {
                format!("set -euo pipefail\n. {path} </dev/null\necho\necho '{MARK}' ok\n")
            }
            // As text: \i would put the file's name into the messages.
            Language::Sql => format!(
                "\\set LAST_ERROR_SQLSTATE 00000\n{block}\n\\echo\n\\echo '{MARK}' :LAST_ERROR_SQLSTATE\n"
            ),
            Language::Python => format!("{path} {MARK}\n"),
        };
        // A pipe without a reader shows in what there is to read.
        drop(self.input.write_all(command.as_bytes()));
        drop(self.input.flush());
        self.read_block()
    }

    fn read_block(&mut self) -> (String, String) {
        let mut output = String::new();
        loop {
            let line = match self.lines.recv_timeout(LIMIT) {
                Ok(line) => line,
                Err(error) => return (output, format!("did not come to its end: {error}")),
            };
            if let Some(state) = line.strip_prefix(MARK) {
                let state = state.trim();
                let state = if state == "00000" { "ok" } else { state };
                return (output, state.to_owned());
            }
            output.push_str(&line);
            output.push('\n');
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
