//! Where `timedb api` listens: an address or a socket, and how a person is told of it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use timedb_http::Listener;
use tokio::net::{TcpListener, UnixListener};

use crate::cli::failure::Failure;

/// Where clients find the server. A socket's file goes away with the value.
pub enum Place {
    Address { at: SocketAddr, is_tls: bool },
    Socket(PathBuf),
}

impl Place {
    /// Whether only this machine can reach it.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Address { at, .. } => at.ip().to_canonical().is_loopback(),
            Self::Socket(_) => true,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { at, is_tls: true } => write!(f, "https://{at}"),
            Self::Address { at, is_tls: false } => write!(f, "http://{at}"),
            Self::Socket(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Self::Socket(path) = self {
            // Somebody else may have taken it away.
            let _gone = std::fs::remove_file(path);
        }
    }
}

/// Listens on an address.
///
/// # Errors
/// A sentence with what to do about it.
pub async fn bind(host: &str, port: u16) -> Result<TcpListener, Failure> {
    let name = host.trim_start_matches('[').trim_end_matches(']');
    TcpListener::bind((name, port)).await.map_err(|error| {
        let reason = match error.kind() {
            io::ErrorKind::AddrInUse => {
                "another program is listening there; stop it or choose another --port".to_owned()
            }
            io::ErrorKind::PermissionDenied => {
                "that port requires more privileges; choose a --port of at least 1024".to_owned()
            }
            io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
            _ => error.to_string(),
        };
        Failure::new(format!("Cannot listen on {host}:{port}: {reason}"))
    })
}

/// Listens where metrics are told.
///
/// # Errors
/// A usage error for what is no address with a port, and a sentence where it can't be had.
pub async fn bind_metrics(place: &str) -> Result<TcpListener, Failure> {
    let (host, port) = place.rsplit_once(':').unwrap_or_default();
    match port.parse() {
        Ok(port) if !host.is_empty() => bind(host, port).await,
        _ => Err(Failure::usage(format!(
            "--metrics-listen is an address and a port, such as 127.0.0.1:9187, not {place}"
        ))),
    }
}

/// Listens on a socket in the file system. One that a server has left behind is taken away, and nothing else.
///
/// # Errors
/// A sentence with what is in the way.
pub fn bind_socket(path: &Path) -> Result<(Listener, Place), Failure> {
    let refused =
        |reason: &str| Failure::new(format!("Cannot listen on {}: {reason}", path.display()));
    if let Ok(about) = std::fs::symlink_metadata(path) {
        if !about.file_type().is_socket() {
            return Err(refused("there is a file of that name that is not a socket"));
        }
        if UnixStream::connect(path).is_ok() {
            return Err(refused("another program is listening there"));
        }
        std::fs::remove_file(path).map_err(|error| refused(&error.to_string()))?;
    }
    let listener = UnixListener::bind(path).map_err(|error| refused(&error.to_string()))?;
    Ok((Listener::Unix(listener), Place::Socket(path.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn address_in_use_is_a_sentence() {
        let first = bind("127.0.0.1", 0).await.unwrap();
        let port = first.local_addr().unwrap().port();
        let failure = bind("127.0.0.1", port).await.unwrap_err();
        assert_eq!(
            failure.to_string(),
            format!(
                "Cannot listen on 127.0.0.1:{port}: another program is listening there; stop \
                 it or choose another --port"
            )
        );
    }

    #[tokio::test]
    async fn a_socket_left_behind_is_replaced_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let (_listener, place) = bind_socket(&path).unwrap();
        assert!(place.is_local());
        let taken = bind_socket(&path).err().unwrap();
        assert!(taken.to_string().contains("another program"), "{taken}");
        drop(place);
        assert!(!path.exists());
        std::fs::write(&path, "x").unwrap();
        let file = bind_socket(&path).err().unwrap();
        assert!(file.to_string().contains("not a socket"), "{file}");
    }
}
