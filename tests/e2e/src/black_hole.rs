//! An address that answers nothing at all, as a region behind a broken network does.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

/// On the loopback interface a connection that is not made within this time is not made at all.
const CONNECTS: Duration = Duration::from_millis(100);
/// The queue holds two or so; a system with larger queues shall fail the test and not hang it.
const MOST: usize = 64;

/// A port to which no connection can be made and none is refused: the kernel drops what asks for one, because the
/// queue of connections that nobody accepts is full.
#[derive(Debug)]
pub struct BlackHole {
    addr: SocketAddr,
    _listener: TcpListener,
    _queue: Vec<TcpStream>,
}

impl BlackHole {
    /// Opens one.
    pub async fn open() -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let addr = socket.local_addr()?;
        let listener = socket.listen(0)?;
        let mut queue = Vec::new();
        while let Ok(stream) = timeout(CONNECTS, TcpStream::connect(addr)).await {
            queue.push(stream?);
            if queue.len() > MOST {
                return Err(io::Error::other("the queue of an idle listener never fills"));
            }
        }
        Ok(Self { addr, _listener: listener, _queue: queue })
    }

    /// Where it is.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}
