//! One connection that is kept alive and carries one request at a time.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::answer::LeanAnswer;
use super::message::length_of_first;

/// More than any answer here has.
const PIECE: usize = 4096;

/// What has come over a lane.
#[derive(Debug)]
pub(super) enum Came {
    /// Not yet all of an answer.
    Nothing,
    /// An answer; whether the lane carries another request.
    Answer(LeanAnswer, bool),
    /// The other side has closed it, or what came is no HTTP.
    End,
}

#[derive(Debug)]
pub(super) struct Lane {
    pub(super) stream: TcpStream,
    received: Vec<u8>,
}

impl Lane {
    pub(super) fn open(addr: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(addr)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, received: Vec::new() })
    }

    /// Whether the other side has closed it since its last answer.
    pub(super) fn is_closed(&self) -> bool {
        !matches!(self.stream.peek(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// A request here is smaller than what a socket takes at once.
    pub(super) fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.stream.write_all(request)
    }

    pub(super) fn receive(&mut self) -> Came {
        let mut piece = [0; PIECE];
        match self.stream.read(&mut piece) {
            Ok(0) => return Came::End,
            Ok(count) => self.received.extend_from_slice(&piece[..count]),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(_) => return Came::End,
        }
        match length_of_first(&self.received) {
            Ok(None) => Came::Nothing,
            Ok(Some(end)) => {
                let answer = LeanAnswer::of(&self.received[..end]);
                // More than one answer for one request: nobody knows any more what belongs to what.
                let goes_on = end == self.received.len() && !answer.closes();
                self.received.clear();
                Came::Answer(answer, goes_on)
            }
            Err(_) => Came::End,
        }
    }
}
