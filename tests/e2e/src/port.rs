//! A port of the loopback interface that stays ours while nobody listens on it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

const BACKLOG: u32 = 1024;

/// Keeps a port by a socket that is bound and never listens: connections are refused, the system gives the port to
/// nobody else, and whoever binds it with `SO_REUSEADDR` (every listener here, and the `region` process) may serve
/// on it, leave it and come back.
#[derive(Debug)]
pub struct ReservedPort {
    addr: SocketAddr,
    // Held for its existence alone.
    _socket: TcpSocket,
}

impl ReservedPort {
    /// Any free port of 127.0.0.1.
    pub fn any() -> io::Result<Self> {
        Self::at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }

    /// A port that has to be that one, because a file names it.
    pub fn at(addr: SocketAddr) -> io::Result<Self> {
        let socket = bind(addr)?;
        Ok(Self { addr: socket.local_addr()?, _socket: socket })
    }

    /// Where the port is.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Starts to accept connections on the port.
    pub fn listen(&self) -> io::Result<TcpListener> {
        bind(self.addr)?.listen(BACKLOG)
    }
}

fn bind(addr: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    Ok(socket)
}
