//! The connection under a stand-in's HTTP server, for failures that HTTP cannot express.

use std::io;
use std::net::TcpStream as StdStream;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// A second handle on an accepted connection.
#[derive(Debug)]
pub(crate) struct Line {
    socket: StdStream,
    cut: Notify,
}

impl Line {
    /// Splits off the handle; the stream goes on to the HTTP server.
    pub(crate) fn of(stream: TcpStream) -> io::Result<(TcpStream, Arc<Self>)> {
        let stream = stream.into_std()?;
        let socket = stream.try_clone()?;
        Ok((TcpStream::from_std(stream)?, Arc::new(Self { socket, cut: Notify::new() })))
    }

    /// Makes the connection end with a TCP reset: unsent data is thrown away when the last handle is closed.
    pub(crate) fn reset(&self) {
        // A socket that is already closed by the peer cannot be reset any more, and needs not to be.
        let _ = set_socket_linger(&self.socket, Some(Duration::ZERO));
        self.cut.notify_one();
    }

    /// Waits until the connection is to be dropped.
    pub(crate) async fn was_cut(&self) {
        self.cut.notified().await;
    }
}
