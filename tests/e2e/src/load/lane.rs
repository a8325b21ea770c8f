//! One connection that is kept alive and carries one request at a time.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::answer::LeanAnswer;
use super::message::length_of_first;

/// No test wants an answer later than this: it is there so that a lost answer fails the test instead of hanging it.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

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

/// Which of some lanes have something to read; none when the time is over.
pub(super) fn ready<'a>(lanes: impl Iterator<Item = &'a Lane>, patience: Duration) -> io::Result<Vec<usize>> {
    let patience = Timespec::try_from(patience).map_err(io::Error::other)?;
    let mut asked: Vec<_> = lanes.map(|lane| PollFd::new(&lane.stream, PollFlags::IN)).collect();
    match poll(&mut asked, Some(&patience)) {
        Ok(_) => {}
        Err(Errno::INTR) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    }
    let has_news = |(index, lane): (usize, &PollFd<'_>)| (!lane.revents().is_empty()).then_some(index);
    Ok(asked.iter().enumerate().filter_map(has_news).collect())
}
