//! A stand-in region that costs next to nothing, and knows when it was asked.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{fmt, io};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::message::length_of_first;
use crate::port::ReservedPort;
use crate::server::Server;

/// What a lean region does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// It answers 200 at once.
    Serve,
    /// It answers 200 after a while.
    ServeAfter(Duration),
    /// It answers 200 at once, and this is the body.
    Say(&'static str),
    /// It answers 500 at once.
    Fail,
    /// It never answers.
    Hang,
}

/// A request that has come.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// When all of it was there.
    pub at: Instant,
    /// What was done with it.
    pub mood: Mood,
}

/// A region that speaks HTTP/1.1 on a port that stays its own also while it refuses connections.
pub struct LeanRegion {
    port: ReservedPort,
    shared: Arc<Shared>,
    server: Option<Server>,
}

/// Told of the arrivals until now, says what is done with the next one.
type Temper = Box<dyn FnMut(&[Arrival], Instant) -> Mood + Send>;

struct Shared {
    name: String,
    state: Mutex<State>,
}

struct State {
    temper: Temper,
    arrivals: Vec<Arrival>,
    /// Whether arrivals are kept: where nobody asks for them, millions only take memory.
    remembers: bool,
}

impl fmt::Debug for LeanRegion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} at {}", self.shared.name, self.addr())
    }
}

impl LeanRegion {
    /// A region that answers at once. Its name is in its answers, as the header `region`.
    pub async fn start(name: &str) -> io::Result<Self> {
        let state = State { temper: Box::new(|_, _| Mood::Serve), arrivals: Vec::new(), remembers: true };
        let shared = Arc::new(Shared { name: name.to_owned(), state: Mutex::new(state) });
        let mut this = Self { port: ReservedPort::any()?, shared, server: None };
        this.accept().await?;
        Ok(this)
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.port.addr()
    }

    /// What it does with requests from now on.
    pub fn behave(&self, mood: Mood) {
        self.temper(move |_, _| mood);
    }

    /// Keeps no arrivals from now on.
    pub fn forget(&self) {
        self.shared.state().remembers = false;
    }

    /// Decides about each request from now on, with the arrivals before it and the time.
    pub fn temper(&self, temper: impl FnMut(&[Arrival], Instant) -> Mood + Send + 'static) {
        self.shared.state().temper = Box::new(temper);
    }

    /// Refuses connections from now on, and breaks those that are open.
    pub async fn refuse(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
    }

    /// Accepts connections again.
    pub async fn accept(&mut self) -> io::Result<()> {
        self.refuse().await;
        let listener = self.port.listen()?;
        let shared = Arc::clone(&self.shared);
        self.server = Some(Server::start(listener, move |stream| serve_connection(stream, Arc::clone(&shared))));
        Ok(())
    }

    /// Every request that has come, in order.
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.shared.state().arrivals.clone()
    }
}

impl Shared {
    /// A test that failed while it held the lock has its own message; the next one shall not fail for that.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn meet(&self) -> Mood {
        let mut state = self.state();
        let State { temper, arrivals, remembers } = &mut *state;
        let at = Instant::now();
        let mood = temper(arrivals, at);
        if *remembers {
            arrivals.push(Arrival { at, mood });
        }
        mood
    }
}

/// How a connection ends is seen by the proxy at its other end.
async fn serve_connection(mut stream: TcpStream, shared: Arc<Shared>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let body = format!(r#"{{"action":"route_to_expert","confidence":0.93,"region":"{}"}}"#, shared.name);
    let good = answer("200 OK", &shared.name, &body);
    let bad = answer("500 Internal Server Error", &shared.name, &body);
    let mut received = Vec::new();
    while stream.read_buf(&mut received).await? > 0 {
        let Some(end) = length_of_first(&received)? else { continue };
        received.drain(..end);
        match shared.meet() {
            Mood::Serve => stream.write_all(&good).await?,
            Mood::ServeAfter(delay) => {
                tokio::time::sleep(delay).await;
                stream.write_all(&good).await?;
            }
            Mood::Say(body) => stream.write_all(&answer("200 OK", &shared.name, body)).await?,
            Mood::Fail => stream.write_all(&bad).await?,
            // On to the end of the connection, which comes when the proxy has lost its patience.
            Mood::Hang => {}
        }
    }
    Ok(())
}

fn answer(status: &str, region: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nregion: {region}\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}
