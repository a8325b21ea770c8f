//! The invariants of an exchange, checked after every event.
//!
//! 1. There is at most one answer, and nothing but records with it and nothing at all after it.
//! 2. No region is asked twice, and no region before one that stands earlier in the list.
//! 3. No attempt lasts past the ladder's deadline, nor longer than its region allows, nor no time at all.
//! 4. A request that may not be replayed is sent to one region at most, and none before its end has come.
//! 5. A 4xx is never masked: that of the primary passes, that of a region that was called is the answer.
//! 6. An unanswered exchange with a call in flight holds the primary's answer back.
//! 7. Every region is judged at most once, and the client's answer is counted at most once.
//! 8. Shadow mode changes nothing.
//! 9. A request is held back until it is whole at the longest, and let go exactly once; one that the primary's breaker
//!    rejects is never let go.
//! 10. A region whose breaker is open is asked only where all of them are, or none of the others may be.
//! 11. When the exchange is over, its message is not in flight: done, if a region's good answer went to the client whole,
//!     or unknown.
//! 12. Whether the request is let in is counted once, where anybody decides about it.
//! 13. A region that an operator has drained is not asked, whatever becomes of the others.

use std::collections::BTreeSet;
use std::time::Duration;

use helius_policy::admission::Decision;
use helius_policy::dedupe::Claim;
use helius_policy::exchange::{Answer, Effect, Event, Exchange, Flow, Record};
use helius_policy::time::Timestamp;
use helius_policy::verdict::ServedBy;

use crate::host::Fake;
use crate::setup::{ATTEMPT, MAX_BODY, START, Setup, TOTAL};

/// An exchange under watch.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Debug)]
pub(crate) struct Watched {
    setup: Setup,
    pub(crate) host: Fake,
    pub(crate) exchange: Exchange,
    /// Everything that was wanted so far.
    pub(crate) effects: Vec<Effect>,
    body: usize,
    has_trailers: bool,
    is_whole: bool,
    /// The status of the primary's answer; 0 where it has none that can be read.
    primary: Option<u16>,
    /// Whether the primary is given the request.
    pub(crate) asks_primary: bool,
    /// Whether Envoy keeps what it has shown of the request's body, and shows it again.
    is_kept: bool,
    /// Whether what is shown of the request's body is taken out of Envoy's buffer.
    pub(crate) is_taken: bool,
    /// When the ladder's time began.
    started: Timestamp,
    calls: Vec<usize>,
    pub(crate) in_flight: Option<usize>,
}

impl Watched {
    pub(crate) fn begin(setup: Setup) -> Self {
        let host = setup.host();
        Self::begin_at(setup, host)
    }

    /// Where others have been before.
    pub(crate) fn begin_at(setup: Setup, host: Fake) -> Self {
        let mut effects = Vec::new();
        let exchange = setup.begin(&host, &mut effects);
        let mut this = Self {
            is_whole: setup.bodiless,
            asks_primary: setup.shadow,
            setup,
            host,
            exchange,
            effects: Vec::new(),
            body: 0,
            has_trailers: false,
            primary: None,
            is_kept: false,
            is_taken: false,
            started: START,
            calls: Vec::new(),
            in_flight: None,
        };
        this.check_batch(&effects, START);
        let goes_on = this.setup.shadow || !(this.setup.is_open(0) || this.setup.is_drained(0)) || this.asks_primary;
        let is_called = this.calls.first() == Some(&0);
        assert_eq!(this.asks_primary, goes_on && !is_called && !this.exchange.holds_request(), "9");
        this.is_kept = this.exchange.holds_request();
        this.effects = effects;
        // What every exchange begins with is of no interest to those who look at the rest.
        this.effects.retain(|effect| !matches!(effect, Effect::LimitPrimary(_)));
        this
    }

    pub(crate) fn on(&mut self, event: Event<'_>, now: Timestamp) -> Flow {
        let was_over = self.answer().is_some() || self.response().is_some();
        let is_request = matches!(event, Event::RequestBody { .. } | Event::RequestTrailers);
        let mut answered_4xx = None;
        match &event {
            Event::RequestBody { size, end_of_stream, .. } => {
                // Of a request that was held back at its last callback, all that has come is shown.
                self.body = if self.is_kept && !self.is_taken { *size } else { self.body + size };
                self.is_whole |= end_of_stream;
            }
            Event::RequestTrailers => {
                self.has_trailers = true;
                self.is_whole = true;
            }
            Event::ResponseHeaders { status, .. } if self.primary.is_none() => self.primary = Some(status.unwrap_or(0)),
            Event::CallAnswered { headers, .. } if self.in_flight.is_some() && !was_over => {
                answered_4xx = headers.status().filter(|it| (400..500).contains(it) && *it != 429);
                self.in_flight = None;
            }
            Event::CallReset | Event::CallRefused | Event::CallAnswered { .. } => self.in_flight = None,
            Event::ResponseHeaders { .. }
            | Event::ResponseBody { .. }
            | Event::ResponseTrailers
            | Event::Waited { .. }
            | Event::End { .. } => {}
        }
        let was_held_in_vain = self.exchange.holds_request() && self.body == 0;
        let is_waited = matches!(event, Event::Waited { .. });
        let mut effects = Vec::new();
        self.host.now.set(now);
        let flow = self.exchange.on(event, &self.host, &mut effects);
        assert!(!was_over || effects.is_empty(), "1: {effects:?} after the answer");
        self.check_batch(&effects, now);
        if is_request {
            self.is_kept = flow == Flow::Hold;
            assert_eq!(flow == Flow::Hold, self.exchange.holds_request(), "9");
            assert!(flow == Flow::Continue || !self.is_whole || self.is_left_alone(), "9: a whole request goes on");
        }
        let resumed = effects.contains(&Effect::ResumeRequest);
        self.is_kept &= !resumed;
        assert!(!resumed || was_held_in_vain && is_waited, "9");
        assert!(resumed || !(was_held_in_vain && is_waited) || self.is_left_alone(), "9");
        effects.retain(|effect| !matches!(effect, Effect::LimitPrimary(_)));
        self.effects.append(&mut effects);
        self.check_records();

        if let Some(status) = answered_4xx {
            let answer = self.answer().map(|answer| match answer {
                Answer::Replace { response, .. } | Answer::Reply(response) => response.status,
                Answer::Release(_) => 0,
            });
            assert_eq!(answer, Some(status), "5: the 4xx of a region that was called is the answer");
        }
        let is_held = self.in_flight.is_some() && self.answer().is_none() && self.response().is_none();
        if is_held && !is_request && self.asks_primary {
            assert_eq!(flow, Flow::Hold, "6");
        }
        flow
    }

    fn check_batch(&mut self, effects: &[Effect], now: Timestamp) {
        let mut is_answered = false;
        for effect in effects {
            assert!(
                !is_answered || matches!(effect, Effect::Record(_) | Effect::Drill),
                "1: {effect:?} after the answer"
            );
            match effect {
                Effect::LimitPrimary(timeout) => {
                    assert!(!std::mem::replace(&mut self.asks_primary, true), "2: the primary is asked again");
                    assert!(!self.setup.is_drained(0), "13: the primary");
                    assert_eq!(*timeout, ATTEMPT, "3");
                    assert!(self.calls.is_empty(), "2: {:?} and then the primary", self.calls);
                }
                Effect::Call { region, timeout } => self.check_call(*region, *timeout, now),
                Effect::Answer(_) => is_answered = true,
                Effect::TakeRequestBody => {
                    assert!(!self.asks_primary && !self.is_whole, "9");
                    self.is_taken = true;
                }
                Effect::GiveRequestBodyBack => assert!(self.is_taken && !self.asks_primary, "9"),
                Effect::DiscardBody
                | Effect::GiveResponseBodyBack(_)
                | Effect::Tell { .. }
                | Effect::AskPlainly
                | Effect::Drill
                | Effect::Record(_)
                | Effect::ResumeRequest => {}
            }
            if self.setup.shadow {
                assert!(matches!(effect, Effect::Record(_) | Effect::Tell { .. }), "8: {effect:?}");
            }
            if self.primary.is_some_and(|status| (400..500).contains(&status) && status != 429) {
                let is_harmless = matches!(effect, Effect::Record(_) | Effect::ResumeRequest | Effect::LimitPrimary(_));
                assert!(is_harmless, "5: {effect:?}");
            }
        }
    }

    fn check_call(&mut self, region: usize, timeout: Duration, now: Timestamp) {
        assert!(self.calls.iter().all(|earlier| *earlier < region), "2: {:?} then {region}", self.calls);
        assert!(region > 0 || (self.setup.is_strict && !self.asks_primary), "2: the primary is called");
        assert!(self.in_flight.is_none(), "two calls at once");
        assert!(timeout >= Duration::from_millis(1) && timeout <= ATTEMPT, "3: {timeout:?}");
        if self.setup.is_strict && self.calls.is_empty() {
            self.started = now;
        }
        let since = now.since(self.started);
        assert!(since + timeout <= TOTAL, "3: {timeout:?} at {since:?}");
        assert!(self.setup.method != "PATCH" || (self.calls.is_empty() && !self.asks_primary), "4: method");
        let is_last_resort = self.setup.is_open(region);
        assert!(!is_last_resort || (!self.asks_primary && self.calls.is_empty()), "10: {region}");
        assert!(!self.setup.is_drained(region), "13: {region}");
        assert!(!self.setup.covers_grpc, "4: gRPC");
        assert!(self.body <= MAX_BODY && !self.has_trailers && !self.setup.odd_header, "4: body");
        assert!(self.is_whole, "4: the request has not come to its end");
        self.calls.push(region);
        self.in_flight = Some(region);
    }

    fn check_records(&self) {
        let answers = self.effects.iter().filter(|it| matches!(it, Effect::Answer(_))).count();
        assert!(answers <= 1, "1: {answers} answers");
        let mut regions = BTreeSet::new();
        let mut responses = 0;
        for effect in &self.effects {
            match effect {
                Effect::Record(Record::Attempt { region, verdict }) => {
                    assert!(regions.insert(*region), "7: region {region} judged again: {verdict:?}");
                }
                Effect::Record(Record::Response { served_by, .. }) if served_by.is_real() => responses += 1,
                _ => {}
            }
        }
        let decisions = self.decisions().count();
        assert!(decisions <= usize::from(self.setup.dedupe.is_some()), "12: {decisions} decisions counted");
        assert!(responses <= 1, "7: {responses} responses counted");
        assert!(answers <= responses, "7: an answer that was not counted");
    }

    fn is_left_alone(&self) -> bool {
        let is_shut = self.setup.breaker.is_some() || self.setup.is_strict || self.setup.is_drained(0);
        !self.asks_primary && is_shut
    }

    /// What was counted about letting the request in.
    pub(crate) fn decisions(&self) -> impl Iterator<Item = Decision> {
        self.effects.iter().filter_map(|effect| match effect {
            Effect::Record(Record::Admission(decision)) => Some(*decision),
            _ => None,
        })
    }

    /// The exchange is over.
    pub(crate) fn check_books(&self) {
        assert!(self.response().is_some(), "7: the answer was not counted");
        assert!(!self.exchange.is_open());
        assert_eq!(self.decisions().count(), usize::from(self.setup.dedupe.is_some()), "12");
        assert_ne!(self.fate(), Some(Claim::Duplicate { is_in_flight: true }), "11");
    }

    /// What has become of the message.
    pub(crate) fn fate(&self) -> Option<Claim> {
        self.setup.fate(&vec![b'x'; self.body], &self.host)
    }

    /// The answer that the filter gave or released, if it did not simply let the primary's pass.
    pub(crate) fn answer(&self) -> Option<&Answer> {
        self.effects.iter().find_map(|effect| match effect {
            Effect::Answer(answer) => Some(answer),
            _ => None,
        })
    }

    /// Who was counted as having answered the client.
    pub(crate) fn response(&self) -> Option<ServedBy> {
        self.effects.iter().find_map(|effect| match effect {
            Effect::Record(Record::Response { served_by, .. }) if served_by.is_real() => Some(*served_by),
            _ => None,
        })
    }
}
