//! For programs of others that a test starts: whom to run them as, and where they may listen.

pub mod bouncer;
pub mod browser;
pub mod devtools;
pub mod prometheus;
pub mod varnish;

use std::net::TcpListener;
use std::process::Command;

/// Whom to run a server as: the user postgres for root, nobody else otherwise.
pub fn server_user() -> Option<(u32, u32)> {
    let number = |arguments: &[&str]| {
        let output = Command::new("id").args(arguments).output().ok()?;
        String::from_utf8_lossy(&output.stdout)
            .trim()
            .parse::<u32>()
            .ok()
    };
    if number(&["-u"])? != 0 {
        return None;
    }
    Some((number(&["-u", "postgres"])?, number(&["-g", "postgres"])?))
}

/// A port of 127.0.0.1 that nobody listens on.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("the port").port()
}
