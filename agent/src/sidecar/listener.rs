//! A listener: binds, accepts at most so many connections at once, and ends.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tracing::{info, warn};

use super::Sidecar;
use super::connection;
use super::router::Router;
use super::unix_socket::UnixSocket;
use crate::address::Address;

/// Connections of one listener at once. The clients are a Prometheus, a kubelet, an operator and an Envoy.
pub const MAX_CONNECTIONS: usize = 64;
/// How long to wait where a connection cannot be accepted, as when the process has no file descriptor left.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// A listener cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("--{flag}: cannot listen on {address}: {source}; free it, or name another in --{flag}")]
pub struct ListenError {
    flag: &'static str,
    address: Address,
    source: io::Error,
}

/// A bound listener.
#[derive(Debug)]
pub(super) struct Listener {
    address: Address,
    socket: Socket,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixSocket),
}

/// A connection of either kind.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

impl Listener {
    /// Binds it; `flag` is the one that an error names.
    pub(super) async fn bind(flag: &'static str, address: &Address) -> Result<Self, ListenError> {
        let bound = match address {
            Address::Tcp(addr) => TcpListener::bind(addr).await.and_then(|socket| {
                // The port may have been left to the kernel.
                Ok(Self { address: Address::Tcp(socket.local_addr()?), socket: Socket::Tcp(socket) })
            }),
            Address::Unix(path) => UnixSocket::bind(path)
                .await
                .map(|socket| Self { address: address.clone(), socket: Socket::Unix(socket) }),
        };
        bound.map_err(|source| ListenError { flag, address: address.clone(), source })
    }

    /// Where it listens.
    pub(super) const fn address(&self) -> &Address {
        &self.address
    }

    /// Serves until the process is to end, and then until every request under way has its answer.
    pub(super) async fn serve(self, sidecar: Arc<Sidecar>, router: Router) {
        let router = Arc::new(router);
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = sidecar.life.ending() => break,
                accepted = self.accept() => accepted,
            };
            while connections.try_join_next().is_some() {}
            match accepted {
                // Closed at once: a connection that waits for a place holds a file descriptor all the same.
                Ok(_) if connections.len() >= MAX_CONNECTIONS => sidecar.own.refuse_connection(),
                Ok((stream, remote)) => {
                    connections.spawn(connection::serve(stream, remote, Arc::clone(&sidecar), Arc::clone(&router)));
                }
                Err(error) => {
                    warn!(%error, listener = %self.address, "cannot accept a connection");
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
        }
        let Self { address, socket } = self;
        drop(socket);
        while connections.try_join_next().is_some() {}
        info!(listener = %address, under_way = connections.len(), "accepts no more");
        while connections.join_next().await.is_some() {}
    }

    /// The next connection, and who is at its other end.
    async fn accept(&self) -> io::Result<(Box<dyn Stream>, Option<String>)> {
        Ok(match &self.socket {
            Socket::Tcp(socket) => {
                let (stream, remote) = socket.accept().await?;
                stream.set_nodelay(true)?;
                (Box::new(stream), Some(remote.to_string()))
            }
            Socket::Unix(socket) => {
                let stream = socket.accept().await?;
                let remote = stream.peer_cred().ok().map(|peer| match peer.pid() {
                    Some(pid) => format!("uid {} pid {pid}", peer.uid()),
                    None => format!("uid {}", peer.uid()),
                });
                (Box::new(stream), remote)
            }
        })
    }
}
