//! A client that writes what it is told, byte for byte.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::process::SOON;

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

pub(crate) fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream
}

pub(crate) fn get(addr: SocketAddr, path: &str) -> Reply {
    ask(connect(addr), "GET", path, "").unwrap()
}

/// Sends a request on a new connection, and reads until it is closed.
pub(crate) fn ask(stream: impl Read + Write, method: &str, path: &str, body: &str) -> io::Result<Reply> {
    ask_with(stream, method, path, "", body)
}

/// The same with further headers, each with the end of its line.
pub(crate) fn ask_with(
    mut stream: impl Read + Write,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> io::Result<Reply> {
    let length = body.len();
    write!(stream, "{method} {path} HTTP/1.1\r\nhost: agent\r\ncontent-length: {length}\r\n{headers}\r\n{body}")?;
    read(stream)
}

pub(crate) fn read(mut stream: impl Read) -> io::Result<Reply> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    Ok(Reply { status, head: head.to_ascii_lowercase(), body: body.to_owned() })
}
