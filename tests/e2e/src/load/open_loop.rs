//! Clients that know nothing of one another: each request is sent when it is due, whatever has become of those before
//! it. A client that waits for its answer before it asks again would hide an outage by asking less.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::task::{JoinHandle, spawn_blocking};

use super::answer::LeanAnswer;
use super::lane::{Came, Lane, PATIENCE, ready};

/// A request and what became of it.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Counted from 0.
    pub number: u32,
    /// When it was due.
    pub due: Instant,
    /// How much later it was sent, because the client itself was late.
    pub late: Duration,
    /// How long after it was due the answer, or its end without one, was there.
    pub took: Duration,
    /// The answer; none where the connection broke, or nobody waited any longer.
    pub answer: Option<LeanAnswer>,
}

/// Connections to a mesh, and as many more as are needed for nobody to queue.
///
/// It is a thread that does nothing else, and not a task: tokio's timers are whole milliseconds, which is longer than
/// most of what is measured.
#[derive(Debug)]
pub struct OpenLoop {
    addr: SocketAddr,
    most: usize,
    begins: Option<Instant>,
    /// The one that has rested longest is used next, so that all of them, and so all workers of Envoy, take part.
    idle: VecDeque<Lane>,
    waiting: Vec<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    lane: Lane,
    number: u32,
    due: Instant,
    sent: Instant,
}

impl OpenLoop {
    /// Connects so often.
    pub fn connect(addr: SocketAddr, lanes: usize) -> io::Result<Self> {
        let idle = (0..lanes).map(|_| Lane::open(addr)).collect::<io::Result<_>>()?;
        Ok(Self { addr, most: usize::MAX, begins: None, idle, waiting: Vec::new() })
    }

    /// Never has more than so many requests under way: what is due beyond them is late. So a rate that nobody can keep
    /// is as much as can be.
    #[must_use]
    pub fn at_once(mut self, most: usize) -> Self {
        self.most = most;
        self
    }

    /// Begins the next load at that moment instead of at once, so that several do not send at the very same moments.
    #[must_use]
    pub fn beginning(mut self, moment: Instant) -> Self {
        self.begins = Some(moment);
        self
    }

    /// Sends `count` requests, evenly, `rate` in a second, and hands over what became of each as soon as it is known.
    /// The request with a number is what `request` says.
    pub fn run(
        &mut self,
        count: u32,
        rate: u32,
        mut request: impl FnMut(u32) -> Vec<u8>,
        mut tell: impl FnMut(Sent),
    ) -> io::Result<()> {
        let began = self.begins.take().unwrap_or_else(Instant::now);
        let due = |number: u32| began + Duration::from_secs(1) * number / rate;
        let mut next = 0;
        while next < count || !self.waiting.is_empty() {
            while next < count && self.waiting.len() < self.most && due(next) <= Instant::now() {
                self.send(next, &request(next), due(next))?;
                next += 1;
            }
            let may_send = next < count && self.waiting.len() < self.most;
            let until = if may_send { due(next) } else { Instant::now() + PATIENCE };
            self.receive(until, |waiting, answer| tell(Sent::of(waiting, answer)))?;
        }
        Ok(())
    }

    /// The same beside whatever else the test does, with everything that became of the requests, in the order in which
    /// they were due.
    pub fn spawn(
        mut self,
        count: u32,
        rate: u32,
        request: impl FnMut(u32) -> Vec<u8> + Send + 'static,
    ) -> JoinHandle<io::Result<(Self, Vec<Sent>)>> {
        spawn_blocking(move || {
            let mut all = Vec::new();
            self.run(count, rate, request, |sent| all.push(sent))?;
            all.sort_unstable_by_key(|sent| sent.number);
            Ok((self, all))
        })
    }

    fn send(&mut self, number: u32, request: &[u8], due: Instant) -> io::Result<()> {
        loop {
            let mut lane = match self.idle.pop_front() {
                None => Lane::open(self.addr)?,
                Some(lane) if lane.is_closed() => continue,
                Some(lane) => lane,
            };
            let sent = Instant::now();
            // It may have been closed since it was looked at.
            if lane.send(request).is_ok() {
                self.waiting.push(Waiting { lane, number, due, sent });
                return Ok(());
            }
        }
    }

    /// Waits until then, or until something has come, and takes what has come.
    fn receive(&mut self, until: Instant, mut over: impl FnMut(&Waiting, Option<LeanAnswer>)) -> io::Result<()> {
        // From the last to the first: what is taken out, or put back at the end, moves none that is still looked at.
        let left = until.saturating_duration_since(Instant::now());
        for index in ready(self.waiting.iter().map(|it| &it.lane), left)?.into_iter().rev() {
            let mut waiting = self.waiting.swap_remove(index);
            match waiting.lane.receive() {
                Came::Nothing => self.waiting.push(waiting),
                Came::End => over(&waiting, None),
                Came::Answer(answer, goes_on) => {
                    over(&waiting, Some(answer));
                    self.idle.extend(goes_on.then_some(waiting.lane));
                }
            }
        }
        let now = Instant::now();
        for given_up in self.waiting.extract_if(.., |waiting| now.duration_since(waiting.sent) >= PATIENCE) {
            over(&given_up, None);
        }
        Ok(())
    }
}

impl Sent {
    fn of(waiting: &Waiting, answer: Option<LeanAnswer>) -> Self {
        let Waiting { number, due, sent, .. } = *waiting;
        Self { number, due, late: sent - due, took: due.elapsed(), answer }
    }

    /// A header of the answer.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.answer.as_ref()?.header(name)
    }

    /// The status of the answer; 0 where there is none.
    pub fn status(&self) -> u16 {
        self.answer.as_ref().map_or(0, LeanAnswer::status)
    }
}
