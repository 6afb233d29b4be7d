//! Cancelling a statement. PostgreSQL answers a cancel request by closing the connection it came on, and libpq waits
//! for that; tokio-postgres does not. A PgBouncer that is still passing on the request then mixes things up or even
//! crashes (its issue 801), so this waits.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::config::Host;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{CancelToken, Config, Error};

use super::tls;

const DEFAULT_PORT: u16 = 5432;

/// Asks for a statement to be cancelled, and returns when the request has been dealt with.
///
/// # Errors
/// When the server cannot be reached.
pub async fn cancel(token: &CancelToken, config: &Config) -> Result<(), Error> {
    let port = config.get_ports().first().copied().unwrap_or(DEFAULT_PORT);
    match (config.get_hosts(), config.get_hostaddrs()) {
        ([Host::Tcp(name)], []) => {
            let stream = TcpStream::connect((&**name, port)).await;
            cancel_over(stream, token, name).await
        }
        ([Host::Unix(folder)], []) => {
            let path = folder.join(format!(".s.PGSQL.{port}"));
            cancel_over(UnixStream::connect(path).await, token, "").await
        }
        // Of several hosts the driver alone knows which one it is.
        _ => token.cancel_query(tls::connector()).await,
    }
}

async fn cancel_over<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: io::Result<S>,
    token: &CancelToken,
    host: &str,
) -> Result<(), Error> {
    let connector = MakeTlsConnect::<Patient<S>>::make_tls_connect(&mut tls::connector(), host);
    match (stream, connector) {
        (Ok(stream), Ok(connector)) => token.cancel_query_raw(Patient(stream), connector).await,
        // The driver says better than this could what is wrong.
        _ => token.cancel_query(tls::connector()).await,
    }
}

/// A stream whose shutdown waits until the other side has closed it.
struct Patient<S>(S);

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut bytes = [0; 64];
        loop {
            let mut rest = ReadBuf::new(&mut bytes);
            // A connection that breaks is closed too.
            let ended = ready!(Pin::new(&mut self.0).poll_read(context, &mut rest)).is_err();
            if ended || rest.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn shutdown_waits_for_the_other_side() {
        let (mut here, there) = duplex(64);
        let mut patient = Patient(there);
        patient.write_all(b"cancel").await.unwrap();
        let waiting = tokio::spawn(async move { patient.shutdown().await });
        let mut request = [0; 6];
        here.read_exact(&mut request).await.unwrap();
        here.write_all(b"something unexpected").await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!waiting.is_finished());
        drop(here);
        waiting.await.unwrap().unwrap();
    }
}
