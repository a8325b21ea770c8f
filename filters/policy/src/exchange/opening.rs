//! A stream of events before its first one.
//!
//! Until a client has seen an event, another region may still take the stream over; afterwards nobody can. So a good
//! answer of the primary that is a stream is held until its first event is there, and then goes on as it comes. One that
//! ends before, or brings none in the time of an attempt, has failed.

use std::time::Duration;

use super::{Effect, Exchange, HELD_MAX, Held, Stage};
use crate::config::Mode;
use crate::event_stream::{has_event, is_one};
use crate::host::Host;
use crate::http::Headers;
use crate::verdict::{Failure, Verdict};

impl Exchange {
    /// Whether an answer that begins so is a stream that has to bring an event: any other than a 200 ends it at once, as it
    /// is meant to.
    pub(super) fn brings_events(&self, status: u16, headers: &Headers) -> bool {
        status == 200 && self.wants_events && !self.is_head && is_one(headers)
    }

    /// Whether the answer that begins is held until its first event is there.
    pub(super) fn is_opening(&self, verdict: Verdict) -> bool {
        let follows = self.route.upstream.fails_on(Failure::Reset) || self.route.upstream.fails_on(Failure::Timeout);
        verdict == Verdict::Ok && self.is_stream && self.mode == Mode::Enforce && follows
    }

    /// So much of the stream has come, all of which Envoy shows.
    pub(super) fn on_opening(&mut self, held: Held, shown: &[u8], host: &impl Host, effects: &mut Vec<Effect>) {
        if has_event(shown) || shown.len() > HELD_MAX {
            self.pass(Verdict::Ok, None, held.complete, host, effects);
        } else if held.complete {
            self.fall(held, shown.len(), Failure::Reset, None, host, effects);
        } else {
            self.stage = Stage::Opening(held);
        }
    }

    /// No event has come, and nobody promises that one will.
    pub(super) fn wait_for_opening(
        &mut self,
        held: Held,
        impatient_for: Duration,
        host: &impl Host,
        effects: &mut Vec<Effect>,
    ) {
        if impatient_for >= self.route.upstream.primary.timeout {
            self.fall(held, 0, Failure::Timeout, None, host, effects);
        }
    }

    /// Whether a stream that a secondary region sent whole has brought nothing.
    pub(super) fn is_silent_stream(&self, headers: &Headers, body: &[u8]) -> bool {
        headers.status().is_some_and(|status| self.brings_events(status, headers)) && !has_event(body)
    }
}
