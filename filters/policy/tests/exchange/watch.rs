//! The invariants of an exchange, checked after every event.
//!
//! 1. There is at most one answer, and nothing but records with it and nothing at all after it.
//! 2. No region is asked twice, and no region before one that stands earlier in the list.
//! 3. No attempt lasts past the ladder's deadline, nor longer than its region allows, nor no time at all.
//! 4. A request that may not be replayed is not, and none before its end has come.
//! 5. A 4xx is never masked: that of the primary passes, that of a secondary region is the answer.
//! 6. An unanswered exchange with a call in flight holds the primary's answer back.
//! 7. Every region is judged at most once, and the client's answer is counted at most once.
//! 8. Shadow mode changes nothing.
//! 9. A request is held back until it is whole at the longest, and let go exactly once.

use std::collections::BTreeSet;
use std::time::Duration;

use helius_policy::exchange::{Answer, Effect, Event, Exchange, Flow, Record};
use helius_policy::time::Timestamp;
use helius_policy::verdict::ServedBy;

use crate::setup::{ATTEMPT, MAX_BODY, START, Setup, TOTAL};

/// An exchange under watch.
#[derive(Debug)]
pub(crate) struct Watched {
    setup: Setup,
    pub(crate) exchange: Exchange,
    /// Everything that was wanted so far.
    pub(crate) effects: Vec<Effect>,
    body: usize,
    has_trailers: bool,
    is_whole: bool,
    /// The status of the primary's answer; 0 where it has none that can be read.
    primary: Option<u16>,
    calls: Vec<usize>,
    pub(crate) in_flight: Option<usize>,
}

impl Watched {
    pub(crate) fn begin(setup: Setup) -> Self {
        let mut effects = Vec::new();
        let exchange = setup.begin(&mut effects);
        let expected = if setup.shadow { vec![] } else { vec![Effect::LimitPrimary(ATTEMPT)] };
        assert_eq!(effects, expected);
        let is_whole = setup.bodiless;
        Self {
            setup,
            exchange,
            effects: Vec::new(),
            body: 0,
            has_trailers: false,
            is_whole,
            primary: None,
            calls: Vec::new(),
            in_flight: None,
        }
    }

    pub(crate) fn on(&mut self, event: Event<'_>, now: Timestamp) -> Flow {
        let was_over = self.answer().is_some() || self.response().is_some();
        let is_request = matches!(event, Event::RequestBody { .. } | Event::RequestTrailers);
        let mut answered_4xx = None;
        match &event {
            Event::RequestBody { size, end_of_stream, .. } => {
                // Of a request that is held back, all that has come is shown each time.
                self.body = if self.exchange.holds_request() { *size } else { self.body + size };
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
        let flow = self.exchange.on(event, &now, &mut effects);
        assert!(!was_over || effects.is_empty(), "1: {effects:?} after the answer");
        self.check_batch(&effects, now);
        if is_request {
            assert_eq!(flow == Flow::Hold, self.exchange.holds_request(), "9");
            assert!(flow == Flow::Continue || !self.is_whole, "9: a whole request goes on");
        }
        let resumed = effects.contains(&Effect::ResumeRequest);
        assert_eq!(resumed, was_held_in_vain && is_waited, "9");
        self.effects.append(&mut effects);
        self.check_records();

        if let Some(status) = answered_4xx {
            let answer = self.answer().map(|answer| match answer {
                Answer::Replace { response, .. } | Answer::Reply(response) => response.status,
                Answer::Release(_) => 0,
            });
            assert_eq!(answer, Some(status), "5: a secondary region's 4xx is the answer");
        }
        if self.in_flight.is_some() && self.answer().is_none() && self.response().is_none() && !is_request {
            assert_eq!(flow, Flow::Hold, "6");
        }
        flow
    }

    fn check_batch(&mut self, effects: &[Effect], now: Timestamp) {
        let mut is_answered = false;
        for effect in effects {
            assert!(!is_answered || matches!(effect, Effect::Record(_)), "1: {effect:?} after the answer");
            match effect {
                Effect::LimitPrimary(_) => panic!("the primary is limited when the exchange begins"),
                Effect::Call { secondary, timeout } => self.check_call(*secondary, *timeout, now),
                Effect::Answer(_) => is_answered = true,
                Effect::DiscardBody | Effect::Record(_) | Effect::ResumeRequest => {}
            }
            if self.setup.shadow {
                assert!(matches!(effect, Effect::Record(_)), "8: {effect:?}");
            }
            if self.primary.is_some_and(|status| (400..500).contains(&status) && status != 429) {
                assert!(matches!(effect, Effect::Record(_) | Effect::ResumeRequest), "5: {effect:?}");
            }
        }
    }

    fn check_call(&mut self, secondary: usize, timeout: Duration, now: Timestamp) {
        assert!(self.calls.iter().all(|earlier| *earlier < secondary), "2: {:?} then {secondary}", self.calls);
        assert!(self.in_flight.is_none(), "two calls at once");
        assert!(timeout >= Duration::from_millis(1) && timeout <= ATTEMPT, "3: {timeout:?}");
        assert!(now.since(START) + timeout <= TOTAL, "3: {timeout:?} at {:?}", now.since(START));
        assert_ne!(self.setup.method, "PATCH", "4: method");
        assert!(self.body <= MAX_BODY && !self.has_trailers && !self.setup.odd_header, "4: body");
        assert!(self.is_whole, "4: the request has not come to its end");
        self.calls.push(secondary);
        self.in_flight = Some(secondary);
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
                Effect::Record(Record::Response { served_by, .. }) if is_real(*served_by) => responses += 1,
                _ => {}
            }
        }
        assert!(responses <= 1, "7: {responses} responses counted");
        assert!(answers <= responses, "7: an answer that was not counted");
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
            Effect::Record(Record::Response { served_by, .. }) if is_real(*served_by) => Some(*served_by),
            _ => None,
        })
    }
}

fn is_real(served_by: ServedBy) -> bool {
    !matches!(served_by, ServedBy::WouldSecondary | ServedBy::WouldStatic)
}
