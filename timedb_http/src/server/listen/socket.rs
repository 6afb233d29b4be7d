//! Where clients connect: an address, or a socket of this machine; and what a connection is before anything is said.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
};

use crate::server::peer::Peer;

/// How long to wait after an error of `accept`, such as too many open files.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where clients connect.
#[derive(Debug)]
pub enum Listener {
    /// An address.
    Tcp(TcpListener),
    /// A socket in the file system.
    Unix(UnixListener),
}

/// A connection, encrypted or not.
pub(super) trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Socket for S {}

impl Listener {
    /// The next connection, and who made it.
    pub(super) async fn accept(&self) -> io::Result<(Box<dyn Socket>, Peer)> {
        let (socket, address): (Box<dyn Socket>, _) = match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                // Without TCP_NODELAY a small answer waits for the client's acknowledgement, some 40 ms.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "TCP_NODELAY can't be set");
                }
                (Box::new(stream), Some(address.ip().to_canonical()))
            }
            Self::Unix(listener) => (Box::new(listener.accept().await?.0), None),
        };
        let peer = Peer {
            address,
            is_encrypted: false,
        };
        Ok((socket, peer))
    }
}
