//! Overrides: what an operator has switched for a while, on top of the document.
//!
//! | override | what it changes |
//! |---|---|
//! | `static` | no region is asked: the answer is the static one |
//! | `breaker` | a circuit breaker is open, closed or off, whatever happens |
//! | `rate_limit` | limits are scaled down |
//! | `isolate` | requests that come from a region are turned away |
//! | `drain` | a region is not asked |
//! | `shadow` | the route judges and counts, and changes nothing |
//!
//! Choices:
//!
//! * **An override is another document.** What is in force is a copy of each route with its overrides applied
//!   ([`InForce`]), made anew when they change or one of them ends. So a request costs the same with and without them.
//! * **Each ends by itself.** Its end stands in it, and is looked at with every request: it is over also where nobody can be
//!   asked any more, and where no tick comes.
//! * What a route has no use for (a limit scaled where there is none) is left out, and is not shown as in force.
//! * `shadow` is the way out of everything else: on a route in shadow nothing is forced. Of two that pull the same knob of
//!   a region's breaker the later one counts, of two scales the smaller.

mod in_force;
mod lease;
mod poll;

use std::time::Duration;

use crate::circuit_breaker;
use crate::config::{ConfigError, Node, read_overrides};
use crate::time::Timestamp;

pub use in_force::{Active, Effective, InForce};
pub use lease::Lease;
pub use poll::{Answered, PATH, Poll, Poller};

/// Overrides that there may be at a time.
pub const MOST: usize = 64;

/// Longest time from now to the end of one: what an operator has switched and forgotten is undone within a day.
pub const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// How long one lasts where nobody says anything else.
pub const DEFAULT_TTL: Duration = Duration::from_secs(15 * 60);

/// Longest reason, in bytes.
pub const LONGEST_REASON: usize = 200;

/// Longest name of an author, in bytes.
pub const LONGEST_AUTHOR: usize = 100;

/// The least that limits can be scaled to. Who wants to let nobody in isolates.
pub const LEAST_SCALE: f64 = 0.001;

/// What an operator has switched.
#[derive(Clone, Debug, PartialEq)]
pub struct Override {
    /// What it changes.
    pub change: Change,
    /// The service whose routes it changes; none is every service.
    pub service: Option<String>,
    /// The route that it changes; none is every route.
    pub route: Option<String>,
    /// When it ends.
    pub until: Timestamp,
    /// Why it was made.
    pub reason: String,
    /// Who made it.
    pub author: String,
}

/// What an override changes.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// No region is asked: the answer is the static one.
    Static,
    /// A circuit breaker stands where it is told to.
    Breaker {
        /// Whose; none is that of every region.
        region: Option<String>,
        /// Where.
        state: Forced,
    },
    /// Limits are scaled.
    RateLimit {
        /// What rate and burst are multiplied by, from [`LEAST_SCALE`] to 1.
        scale: f64,
    },
    /// Requests that come from a region are turned away.
    Isolate {
        /// Where they come from.
        region: String,
    },
    /// A region is not asked.
    Drain {
        /// Which.
        region: String,
    },
    /// The route judges and counts, and changes nothing.
    Shadow,
}

/// Where a circuit breaker is told to stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forced {
    /// Its region is left alone.
    Open,
    /// Its region is asked, and calls are still counted.
    Closed,
    /// It is not there.
    Off,
}

impl Forced {
    /// Each with its word.
    pub const ALL: [(&'static str, Self); 3] = [("open", Self::Open), ("closed", Self::Closed), ("off", Self::Off)];

    /// The mode of a breaker that is told so.
    pub(crate) const fn mode(self) -> circuit_breaker::Mode {
        match self {
            Self::Open => circuit_breaker::Mode::ForcedOpen,
            Self::Closed => circuit_breaker::Mode::ForcedClosed,
            Self::Off => circuit_breaker::Mode::Off,
        }
    }
}

/// The kinds of override, as they stand in metrics: a fixed number, whatever regions operators name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the word for a change")]
pub enum Kind {
    Static,
    BreakerOpen,
    BreakerClosed,
    BreakerOff,
    RateLimit,
    Isolate,
    Drain,
    Shadow,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Static,
        Self::BreakerOpen,
        Self::BreakerClosed,
        Self::BreakerOff,
        Self::RateLimit,
        Self::Isolate,
        Self::Drain,
        Self::Shadow,
    ];

    /// The word for it in metrics and logs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::BreakerOpen => "breaker_open",
            Self::BreakerClosed => "breaker_closed",
            Self::BreakerOff => "breaker_off",
            Self::RateLimit => "rate_limit",
            Self::Isolate => "isolate",
            Self::Drain => "drain",
            Self::Shadow => "shadow",
        }
    }
}

impl Change {
    /// What kind it is of.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Static => Kind::Static,
            Self::Breaker { state: Forced::Open, .. } => Kind::BreakerOpen,
            Self::Breaker { state: Forced::Closed, .. } => Kind::BreakerClosed,
            Self::Breaker { state: Forced::Off, .. } => Kind::BreakerOff,
            Self::RateLimit { .. } => Kind::RateLimit,
            Self::Isolate { .. } => Kind::Isolate,
            Self::Drain { .. } => Kind::Drain,
            Self::Shadow => Kind::Shadow,
        }
    }

    /// The region that it names, if it names one.
    pub fn region(&self) -> Option<&str> {
        match self {
            Self::Breaker { region, .. } => region.as_deref(),
            Self::Isolate { region } | Self::Drain { region } => Some(region),
            Self::Static | Self::RateLimit { .. } | Self::Shadow => None,
        }
    }
}

impl Override {
    /// Whether it has ended.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until <= now
    }

    /// Whether it is meant for a route of this name in a service of this name.
    pub fn is_for(&self, service: &str, route: &str) -> bool {
        let names = |name: &Option<String>, it: &str| name.as_deref().is_none_or(|name| name == it);
        names(&self.service, service) && names(&self.route, route)
    }

    /// Reads the overrides of a document, JSON or YAML: a map whose `overrides` is a list.
    ///
    /// Those that have ended are there too: only their end says so.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, or breaks rules; one that would end more than [`LONGEST`] from now is one of these.
    pub fn parse(text: &[u8], now: Timestamp) -> Result<Vec<Self>, ConfigError> {
        Self::read(&Node::read(text)?, now)
    }

    /// The same from a document that has been read.
    ///
    /// # Errors
    ///
    /// Where it breaks rules.
    pub fn read(document: &Node, now: Timestamp) -> Result<Vec<Self>, ConfigError> {
        read_overrides(document, now)
    }
}
