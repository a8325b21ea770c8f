//! An incident as pure data: what the clients ask, what each region does, what the operator does meanwhile.
//!
//! Nothing here knows the simulator, so that the same scenario can be played to a real Envoy.

use crate::document::{Document, Override};
use crate::says::Says;

/// Milliseconds since the scenario began.
pub type Millis = u64;

/// A whole incident.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// How Envoy is set up.
    pub envoy: Envoy,
    /// The filter's document at the start.
    pub document: Document,
    /// What clients ask, and what becomes of it at each region.
    pub exchanges: Vec<Exchange>,
    /// Documents that are pushed while it runs.
    pub pushes: Vec<(Millis, Document)>,
    /// The wall clock steps by so many milliseconds.
    pub clock_steps: Vec<(Millis, i64)>,
    /// Workers whose VM dies, as if it ran out of memory.
    pub deaths: Vec<Death>,
    /// What becomes of the pod's agent, and of what it knows.
    pub agent: Vec<(Millis, AgentEvent)>,
}

/// Something that happens to the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentEvent {
    /// An operator switches something.
    Set(Override),
    /// An operator undoes the override that was set by the event at this place.
    Clear(usize),
    /// It is gone.
    Dies,
    /// It is there again.
    Returns {
        /// Whether it still knows what was set.
        remembers: bool,
    },
    /// From now on it answers, and what it says is of no use.
    Lies(Lie),
    /// From now on it answers as it should.
    Recovers,
}

/// What an agent says that is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// A 500.
    Error,
    /// Something that cannot be read, by a new name each time.
    Garbage,
    /// A list in which one entry is none, by the right name.
    Mistake,
    /// The truth, but at once, whether there is something new or not.
    Hurry,
}

/// The end of a VM. The real module does not trap, so somebody has to kill it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Death {
    /// From when on its instructions are counted.
    pub at: Millis,
    /// Whose VM it is.
    pub worker: usize,
    /// How many more instructions it carries out before it traps: in the middle of whatever that is.
    pub after: u64,
}

/// What of Envoy's own configuration matters.
#[derive(Debug, Clone)]
pub struct Envoy {
    /// Worker threads.
    pub workers: usize,
    /// `allow_on_headers_stop_iteration` of the plugin.
    pub allow_on_headers_stop_iteration: bool,
    /// `per_connection_buffer_limit_bytes`.
    pub buffer_limit: usize,
    /// The route's `timeout`.
    pub route_timeout: Millis,
    /// The `connect_timeout` of every cluster.
    pub connect_timeout: Millis,
    /// Whether another filter stands before ours in the list, and adds `x-outer` to answers.
    pub outer_filter: bool,
}

impl Default for Envoy {
    /// As `envoy/bootstrap.yaml` has it.
    fn default() -> Self {
        Self {
            workers: 2,
            allow_on_headers_stop_iteration: true,
            buffer_limit: 1 << 20,
            route_timeout: 15_000,
            connect_timeout: 250,
            outer_filter: false,
        }
    }
}

/// One request, and what each region does with it.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// When its headers come.
    pub at: Millis,
    /// Which worker has the client's connection.
    pub worker: usize,
    /// What is asked.
    pub request: Request,
    /// The primary, and then each secondary region of the route; one that is not listed serves.
    pub regions: Vec<Behaviour>,
    /// When the client goes away, counted from `at`.
    pub leaves_after: Option<Millis>,
}

/// What a client sends.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Request {
    /// `GET`, `POST`…
    pub method: String,
    /// With the query string.
    pub path: String,
    /// Besides those that every request has.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Bytes of body; `None` ends the request with its headers.
    pub body: Option<usize>,
    /// Whether the length is announced.
    pub announces_length: bool,
    /// Into how many pieces the body is cut.
    pub pieces: usize,
    /// Time before each piece.
    pub interval: Millis,
    /// Whether the last piece comes before it is known to be the last.
    pub ends_separately: bool,
    /// Whether it ends with trailers.
    pub trailers: bool,
    /// Whether nothing of the body ever comes: the client announces it, and stays silent.
    pub is_silent: bool,
}

impl Request {
    /// A request without a body.
    pub fn new(method: &str, path: &str) -> Self {
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: None,
            announces_length: true,
            pieces: 1,
            interval: 0,
            ends_separately: false,
            trailers: false,
            is_silent: false,
        }
    }

    /// Whether nothing follows its headers, as the codec sees it: an announced length of 0 is no body.
    pub fn ends_with_headers(&self) -> bool {
        !self.trailers && (self.body.is_none() || (self.body == Some(0) && self.announces_length))
    }

    /// A POST with a body of this length.
    pub fn post(path: &str, body: usize) -> Self {
        Self { body: Some(body), ..Self::new("POST", path) }
    }
}

/// What a region does with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behaviour {
    /// Gives this answer.
    Answer(Answer),
    /// Refuses the connection.
    Refuse,
    /// Does not answer the attempt to connect.
    Unreachable,
    /// Its cluster has no host.
    NoHosts,
    /// Its cluster's circuit breaker is full, and Envoy knows it at once (`max_pending_requests`).
    Overflow,
    /// Its cluster's circuit breaker is full, which Envoy finds out when it has connected (`max_requests`).
    OverflowLate,
    /// Envoy does not know its cluster. A primary's cluster is always known.
    UnknownCluster,
    /// Breaks the connection after so long, before any header.
    Break(Millis),
    /// Takes the request and never answers.
    Hang,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self::Answer(Answer::status(200))
    }
}

/// An answer of a region. Its body names the region and repeats the request's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Besides those that frame the body.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Time before the headers.
    pub after: Millis,
    /// Whether it answers before it has read the request.
    pub is_early: bool,
    /// Bytes of body, the region's name and the id included; `None` is an answer without a body.
    pub body: Option<usize>,
    /// What the body says.
    pub says: Says,
    /// Whether the length is announced.
    pub announces_length: bool,
    /// Into how many pieces the body is cut.
    pub pieces: usize,
    /// Time before each piece.
    pub interval: Millis,
    /// How it ends.
    pub ending: Ending,
}

/// How a region's answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// As HTTP wants it.
    Complete,
    /// With trailers.
    Trailers,
    /// The connection breaks before the last piece.
    Break,
    /// The last piece never comes.
    Stall,
}

impl Answer {
    /// An answer with a short body.
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            after: 2,
            is_early: false,
            body: Some(0),
            says: Says::Noise,
            announces_length: true,
            pieces: 1,
            interval: 0,
            ending: Ending::Complete,
        }
    }

    /// A good answer in JSON, or one with something wrong.
    pub fn saying(says: Says) -> Self {
        Self { says, ..Self::status(200) }
    }

    /// The same without a body.
    pub fn empty(status: u16) -> Self {
        Self { body: None, ..Self::status(status) }
    }
}

impl Scenario {
    /// Nothing but Envoy with this document.
    pub fn new(document: Document) -> Self {
        Self {
            envoy: Envoy::default(),
            document,
            exchanges: Vec::new(),
            pushes: Vec::new(),
            clock_steps: Vec::new(),
            deaths: Vec::new(),
            agent: Vec::new(),
        }
    }

    /// Every document, whether it is good or not.
    pub(crate) fn documents(&self) -> impl Iterator<Item = &Document> {
        std::iter::once(&self.document).chain(self.pushes.iter().map(|(_, document)| document))
    }

    /// How long each of them wants to be left between two questions to the agent.
    pub(crate) fn poll_intervals(&self) -> impl Iterator<Item = Millis> {
        self.documents().filter_map(|document| Some(document.agent?.interval()))
    }

    /// One more event of the agent.
    #[must_use]
    pub fn when(mut self, at: Millis, event: AgentEvent) -> Self {
        self.agent.push((at, event));
        self
    }

    /// One more exchange.
    #[must_use]
    pub fn with(mut self, exchange: Exchange) -> Self {
        self.exchanges.push(exchange);
        self
    }
}

impl Exchange {
    /// A request to regions that serve, at the start, on the first worker.
    pub fn new(request: Request) -> Self {
        Self { at: 0, worker: 0, request, regions: Vec::new(), leaves_after: None }
    }

    /// What the primary, then each secondary region does.
    #[must_use]
    pub fn regions(mut self, regions: impl IntoIterator<Item = Behaviour>) -> Self {
        self.regions = regions.into_iter().collect();
        self
    }
}
