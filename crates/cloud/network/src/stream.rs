//! A connection as a stream of bytes.

use std::fmt;
use std::future;
use std::io;
use std::num::NonZeroU8;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::error::NetworkError;
use crate::hub::Hub;
use crate::switch::{Connection, Port};

/// A TCP connection between a guest and the host. When it is dropped, what was written is still delivered.
pub struct Stream {
    hub: Arc<Hub>,
    connection: Connection,
}

/// Sets how many routers the packets of a connection may pass.
pub struct HopLimit {
    hub: Arc<Hub>,
    connection: Connection,
}

impl HopLimit {
    /// How many routers the next packets may pass on the side of the guest, as with `HttpPutResponseHopLimit`. Nothing happens when the
    /// connection has ended.
    pub fn set(&self, limit: NonZeroU8) {
        self.hub.switch().set_hop_limit(self.connection, limit);
    }
}

impl fmt::Debug for HopLimit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("HopLimit")
            .field(&self.connection)
            .finish()
    }
}

impl Stream {
    pub(crate) fn new(hub: Arc<Hub>, connection: Connection) -> Self {
        Self { hub, connection }
    }

    /// Connects to a port of a guest, and waits until the guest has taken the connection.
    pub(crate) async fn open(hub: &Arc<Hub>, at: Port, port: u16) -> Result<Self, NetworkError> {
        let (connection, guest) = {
            let mut switch = hub.switch();
            let guest = switch.guest(at).map(|guest| guest.id.clone());
            (switch.connect(at, port)?, guest)
        };
        // From here on the connection has an owner, whatever becomes of the wait.
        let stream = Self::new(Arc::clone(hub), connection);
        match (stream.connected().await, guest) {
            (Err(source), Some(guest)) => Err(NetworkError::Connect {
                guest,
                port,
                source,
            }),
            _ => Ok(stream),
        }
    }

    /// Sets how many routers the packets of this connection may pass, also when something else has the stream.
    pub fn hop_limit(&self) -> HopLimit {
        HopLimit {
            hub: Arc::clone(&self.hub),
            connection: self.connection,
        }
    }

    async fn connected(&self) -> io::Result<()> {
        future::poll_fn(|context| {
            let mut switch = self.hub.switch();
            switch.poll_connected(self.connection, context)
        })
        .await
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let free = buffer.initialize_unfilled();
        let mut switch = self.hub.switch();
        let count = ready!(switch.poll_read(self.connection, free, context.waker()))?;
        buffer.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut switch = self.hub.switch();
        switch.poll_write(self.connection, bytes, context.waker())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.hub.switch().finish(self.connection);
        Poll::Ready(Ok(()))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let now = self.hub.now();
        self.hub.switch().leave(self.connection, now);
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("Stream")
            .field(&self.connection)
            .finish()
    }
}
