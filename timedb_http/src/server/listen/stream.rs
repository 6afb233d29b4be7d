//! A client's connection as the HTTP library gets it: heads of requests come through the gate, and a client that is
//! silent for too long, or reads nothing of its answer, is disconnected.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_io_timeout::TimeoutStream;

use super::{
    gate::{Gate, Step},
    patience::{Patience, Silence},
    socket::Socket,
};
use crate::server::refusal::Refusal;

/// Read from the socket at a time.
const PIECE: usize = 16 << 10;

/// The connection.
pub(super) struct ClientStream {
    socket: Pin<Box<TimeoutStream<Box<dyn Socket>>>>,
    /// None where heads do not come as text: the library reads those of HTTP/2 in one way only.
    gate: Option<Gate>,
    patience: Patience,
    /// What has come and not passed yet.
    waiting: BytesMut,
    /// How many of these may pass.
    passing: usize,
    /// What goes to the HTTP library instead of anything further.
    last: Option<BytesMut>,
}

impl ClientStream {
    /// A client that takes nothing of an answer for `write_timeout` is gone, as far as one can tell.
    pub(super) fn new(
        stream: Box<dyn Socket>,
        gate: Option<Gate>,
        write_timeout: Duration,
        patience: Patience,
    ) -> Self {
        let mut socket = TimeoutStream::new(stream);
        socket.set_write_timeout(Some(write_timeout));
        Self {
            socket: Box::pin(socket),
            gate,
            patience,
            waiting: BytesMut::new(),
            passing: 0,
            last: None,
        }
    }

    /// Bytes that may go to the HTTP library, from what is here already; whether there were any.
    fn hand_over(&mut self, buffer: &mut ReadBuf<'_>) -> io::Result<bool> {
        loop {
            if let Some(last) = &mut self.last {
                let count = last.len().min(buffer.remaining());
                buffer.put_slice(&last.split_to(count));
                return Ok(count > 0);
            }
            if self.passing > 0 {
                let count = self.passing.min(buffer.remaining());
                buffer.put_slice(&self.waiting[..count]);
                self.waiting.advance(count);
                self.passing -= count;
                return Ok(true);
            }
            let Some(gate) = &mut self.gate else {
                return Ok(false);
            };
            match gate.step(&self.waiting) {
                Step::Wait => return Ok(false),
                Step::Pass(count) => self.passing = count,
                Step::Skip(count) => self.waiting.advance(count),
                Step::Refuse(refusal) => self.refuse(refusal),
                Step::Break => {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "a malformed chunk",
                    ));
                }
            }
        }
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.last = Some(refusal.request().as_bytes().into());
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            if buffer.remaining() == 0 || this.hand_over(buffer)? {
                return Poll::Ready(Ok(()));
            }
            if this.last.is_some() {
                // The answer ends the connection. An end before it would be taken for a client that has gone.
                return Poll::Pending;
            }
            let Some(gate) = &mut this.gate else {
                if this
                    .socket
                    .as_mut()
                    .poll_read(context, buffer)?
                    .is_pending()
                {
                    // As if the client had ended it.
                    ready!(this.patience.poll_over(context));
                }
                return Poll::Ready(Ok(()));
            };
            let free = usize::try_from(gate.free()).unwrap_or(usize::MAX);
            if free > 0 {
                // The rest of a body needs no look: straight to where it is wanted.
                let most = free.min(buffer.remaining());
                let mut part = ReadBuf::new(buffer.initialize_unfilled_to(most));
                ready!(this.socket.as_mut().poll_read(context, &mut part))?;
                let count = part.filled().len();
                buffer.advance(count);
                gate.passed(count as u64);
                return Poll::Ready(Ok(()));
            }
            let mut piece = [std::mem::MaybeUninit::uninit(); PIECE];
            let mut part = ReadBuf::uninit(&mut piece);
            let in_head = gate.is_in_head();
            this.patience.head(in_head && !this.waiting.is_empty());
            match this.socket.as_mut().poll_read(context, &mut part)? {
                Poll::Ready(()) => {}
                Poll::Pending if !in_head => return Poll::Pending,
                // What has come in time counts, however late it is looked at.
                Poll::Pending => match ready!(this.patience.poll_over(context)) {
                    // As if the client had ended it.
                    Silence::Idle => return Poll::Ready(Ok(())),
                    Silence::HalfHead => {
                        this.refuse(Refusal::TooSlow);
                        continue;
                    }
                },
            }
            if part.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.waiting.extend_from_slice(part.filled());
        }
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(self.socket.as_mut().poll_write(context, bytes));
        self.patience.answered();
        Poll::Ready(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(self.socket.as_mut().poll_write_vectored(context, pieces));
        self.patience.answered();
        Poll::Ready(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.as_mut().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.as_mut().poll_shutdown(context)
    }
}
