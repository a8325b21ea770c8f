//! Clients that ask again as soon as they are answered: as much load as there can be, to see what a request costs. What
//! becomes of clients while something fails, an [`OpenLoop`](super::OpenLoop) tells.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::answer::LeanAnswer;
use super::lane::{Came, Lane, PATIENCE, ready};

/// Connections, each with one request under way.
#[derive(Debug)]
pub struct ClosedLoop {
    addr: SocketAddr,
    lanes: Vec<Lane>,
}

/// How many answers there were of each sort, by whatever the caller told them apart.
pub type Tally<K> = BTreeMap<K, u32>;

impl ClosedLoop {
    /// Opens so many connections.
    pub fn connect(addr: SocketAddr, lanes: usize) -> io::Result<Self> {
        let lanes = (0..lanes).map(|_| Lane::open(addr)).collect::<io::Result<_>>()?;
        Ok(Self { addr, lanes })
    }

    /// Asks for so long, over and over, and waits for the last answers. The request with a number is what `request` says;
    /// answers are counted by what `sort` makes of them.
    ///
    /// # Errors
    ///
    /// Where a connection breaks and cannot be opened anew, or an answer does not come.
    pub fn run<K: Ord>(
        &mut self,
        span: Duration,
        mut request: impl FnMut(u32) -> Vec<u8>,
        mut sort: impl FnMut(&LeanAnswer) -> K,
    ) -> io::Result<Tally<K>> {
        let (mut tally, mut number) = (Tally::new(), 0);
        let mut ask = |lane: &mut Lane| {
            number += 1;
            lane.send(&request(number))
        };
        self.lanes.iter_mut().try_for_each(&mut ask)?;
        let until = Instant::now() + span;
        let mut waiting: Vec<Lane> = std::mem::take(&mut self.lanes);
        while !waiting.is_empty() {
            // A signal wakes it too, and then nothing has come.
            let asked = Instant::now();
            let with_news = ready(waiting.iter(), PATIENCE)?;
            if with_news.is_empty() && asked.elapsed() >= PATIENCE {
                return Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {PATIENCE:?}")));
            }
            for index in with_news.into_iter().rev() {
                let goes_on = match waiting[index].receive() {
                    Came::Nothing => continue,
                    Came::End => return Err(io::Error::other("a connection broke before its answer")),
                    Came::Answer(answer, goes_on) => {
                        *tally.entry(sort(&answer)).or_default() += 1;
                        goes_on
                    }
                };
                if !goes_on {
                    waiting[index] = Lane::open(self.addr)?;
                }
                if Instant::now() < until {
                    ask(&mut waiting[index])?;
                } else {
                    self.lanes.push(waiting.swap_remove(index));
                }
            }
        }
        Ok(tally)
    }
}
