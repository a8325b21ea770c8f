//! The fire drill: now and then the lower rungs are tried while the primary is well, so that nobody finds out in an
//! outage that they do not hold.
//!
//! A drill costs the client nothing: it begins when the answer has ended, and is walked from the worker's tick. It asks
//! each secondary region once, one after the other, with a copy of the request that says that it is a drill. What comes
//! is judged as an answer would be, counted, and thrown away. No breaker, budget or kept answer hears of it.

use std::sync::Arc;
use std::time::Duration;

use crate::budget::Share;
use crate::circuit_breaker::State;
use crate::config::{Route, Secondary};
use crate::envoy_words::failure_of_callout;
use crate::exchange::{Event, Record, fault_of_call, given_up_from};
use crate::host::Host;
use crate::replay::Kept;
use crate::time::Timestamp;
use crate::verdict::{Failure, Skip, Verdict};

/// The header by which a region can tell a drill from a client's request.
pub const DRILL: &str = "x-helius-drill";

/// Drills that may be under way at once in a worker: a region that hangs must not gather them.
pub const MOST: usize = 16;

/// What a rung came to in a drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drilled {
    /// A region was asked, or not.
    Region {
        /// 1 is the first secondary region.
        region: usize,
        /// What came of it.
        result: Asked,
    },
    /// Whether a good answer was kept from before.
    LastGood {
        /// It was.
        is_there: bool,
    },
    /// The static response stands ready: that was seen to when the document was read.
    Static,
}

/// What came of asking a region in a drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The judgement of its answer, or why it was not asked.
    Verdict(Verdict),
    /// So many drills were under way that this one was not begun.
    Overflow,
}

impl Drilled {
    /// The word for what came of it in metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Region { result: Asked::Verdict(verdict), .. } => verdict.word(),
            Self::Region { result: Asked::Overflow, .. } => "skipped_overflow",
            Self::LastGood { is_there: true } => "hit",
            Self::LastGood { is_there: false } => "miss",
            Self::Static => "ok",
        }
    }
}

/// A drill on its way through the secondary regions.
#[derive(Debug)]
pub struct Rehearsal {
    route: Arc<Route>,
    request: Kept,
    is_head: bool,
    /// The next secondary region to ask.
    next: usize,
    /// The region that is asked, and from when on it is Envoy that gives it up.
    in_flight: Option<(usize, Timestamp)>,
    /// Its place among those under way, given back when it is dropped.
    _place: Share,
}

impl Rehearsal {
    /// A drill with this request, which is whole.
    pub(crate) fn new(route: Arc<Route>, mut request: Kept, is_head: bool, place: Share) -> Self {
        request.headers.push(DRILL, "true");
        Self { route, request, is_head, next: 0, in_flight: None, _place: place }
    }

    /// The next region to call and how long it has; `None` when the drill is over. One whose breaker is not closed is left
    /// alone: a drill is no probe.
    pub fn step(&mut self, host: &impl Host, records: &mut Vec<Record>) -> Option<(usize, Duration)> {
        while let Some(secondary) = self.route.upstream.secondaries.get(self.next) {
            let index = self.next;
            self.next = self.next.saturating_add(1);
            if secondary.region.is_drained {
                records.push(record(index, Asked::Verdict(Verdict::Skipped(Skip::Override))));
                continue;
            }
            let is_open = secondary.region.breaker().is_some_and(|breaker| breaker.state(host) != State::Closed);
            if !is_open {
                self.in_flight = Some((index, given_up_from(host.now(), secondary.region.timeout)));
                return Some((index, secondary.region.timeout));
            }
            records.push(record(index, Asked::Verdict(Verdict::Skipped(Skip::BreakerOpen))));
        }
        None
    }

    /// The route whose rungs are tried.
    pub fn route(&self) -> &Route {
        &self.route
    }

    /// What a call needs: the region, and the request.
    pub fn call(&self, secondary: usize) -> Option<(&Secondary, &Kept)> {
        Some((self.route.upstream.secondaries.get(secondary)?, &self.request))
    }

    /// The call in flight has come to something.
    pub fn on(&mut self, event: &Event<'_>, now: Timestamp, records: &mut Vec<Record>) {
        let Some((secondary, until)) = self.in_flight.take() else { return };
        let verdict = match event {
            Event::CallAnswered { headers, body } => {
                let status = headers.status().filter(|status| (200..=599).contains(status)).unwrap_or(500);
                match fault_of_call(&self.route, self.is_head, status, headers, body) {
                    Some(_) => Verdict::Failure(Failure::InvalidOutput),
                    None => Verdict::of_status(status, || failure_of_callout(headers, body)),
                }
            }
            Event::CallRefused => Verdict::Failure(Failure::NoHealthyUpstream),
            _ => Verdict::Failure(if now >= until { Failure::Timeout } else { Failure::Reset }),
        };
        records.push(record(secondary, Asked::Verdict(verdict)));
    }
}

/// Counts what came of asking a secondary region.
pub(crate) const fn record(secondary: usize, result: Asked) -> Record {
    Record::Drill(Drilled::Region { region: secondary.saturating_add(1), result })
}
