//! Bytes on a connection, for requests that no proper client sends.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::bail;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(10);

/// A TCP connection to the mesh and what has been read from it.
#[derive(Debug)]
pub struct RawConnection {
    stream: TcpStream,
    received: Vec<u8>,
}

impl RawConnection {
    /// Connects.
    pub async fn connect(addr: SocketAddr) -> io::Result<Self> {
        Ok(Self { stream: TcpStream::connect(addr).await?, received: Vec::new() })
    }

    /// Sends these bytes.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref()).await
    }

    /// Reads until `end` has come, and takes everything up to and including it.
    pub async fn read_until(&mut self, end: &str) -> anyhow::Result<Vec<u8>> {
        loop {
            let found = self.received.windows(end.len()).position(|window| window == end.as_bytes());
            if let Some(at) = found {
                return Ok(self.received.drain(..at + end.len()).collect());
            }
            if !self.read_more().await? {
                bail!("{end:?} never came, only {:?}", String::from_utf8_lossy(&self.received));
            }
        }
    }

    /// Reads until the other side closes.
    pub async fn read_to_end(&mut self) -> anyhow::Result<Vec<u8>> {
        while self.read_more().await? {}
        Ok(std::mem::take(&mut self.received))
    }

    /// Goes away at once, with a TCP reset.
    pub fn reset(self) -> io::Result<()> {
        self.stream.set_zero_linger()
    }

    async fn read_more(&mut self) -> anyhow::Result<bool> {
        match timeout(PATIENCE, self.stream.read_buf(&mut self.received)).await {
            Ok(count) => Ok(count? > 0),
            Err(_) => bail!("nothing more than {:?} came", String::from_utf8_lossy(&self.received)),
        }
    }
}
