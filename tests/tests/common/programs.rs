//! Programs that run as the user that the private servers run as.
#![allow(dead_code, reason = "each test program uses its own part")]

use std::ffi::OsStr;
use std::process::Command;

use timedb_tests::Run;

/// PostgreSQL refuses to run as root: then its programs run as the user `postgres`.
pub fn as_server(program: impl AsRef<OsStr>) -> Run {
    let me = Command::new("id").arg("-u").output().expect("id runs");
    if me.stdout.trim_ascii() == b"0" {
        Run::new("runuser")
            .args(["-u", "postgres", "--"])
            .args([program])
    } else {
        Run::new(program)
    }
}
