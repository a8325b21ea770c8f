//! A host that keeps to the rules: what the client gets in the end.

use std::time::Duration;

use helius_policy::dedupe::Claim;
use helius_policy::exchange::{Answer, Event, Flow};
use helius_policy::http::Headers;
use helius_policy::time::Timestamp;
use helius_policy::verdict::{Failure, ServedBy};
use proptest::prelude::*;

use crate::setup::{ATTEMPT, BY_HEADER, REPLAYING, Setup, any_details, any_setup, any_status};
use crate::watch::Watched;

/// What a region does when it is asked.
#[derive(Clone, Debug)]
enum Outcome {
    /// Answers after so many milliseconds.
    Answers(u16, u64, usize),
    /// The connection breaks.
    Resets(u64),
    /// Envoy does not even begin the call.
    Refused,
}

/// How the primary answers.
#[derive(Clone, Debug)]
struct Primary {
    status: u16,
    details: &'static str,
    after: u64,
    /// Sizes of the chunks of its body.
    chunks: Vec<usize>,
    has_trailers: bool,
    /// Whether it answers before the request has come to its end.
    early: bool,
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        6 => (any_status(), 0u64..450, 0usize..40_000).prop_map(|(status, after, size)| Outcome::Answers(status, after, size)),
        1 => (0u64..450).prop_map(Outcome::Resets),
        1 => Just(Outcome::Refused),
    ]
}

fn any_primary() -> impl Strategy<Value = Primary> {
    let chunks = prop::collection::vec(0usize..20_000, 0..3);
    (any_status(), any_details(), 0u64..1_200, chunks, any::<bool>(), any::<bool>()).prop_map(
        |(status, details, after, chunks, has_trailers, early)| Primary {
            status,
            details,
            after,
            has_trailers: has_trailers && !chunks.is_empty(),
            chunks,
            early,
        },
    )
}

/// What the client saw.
#[derive(Debug)]
struct Seen {
    status: u16,
    /// By an answer that the filter gave itself or released.
    answered: bool,
}

/// Plays one exchange to its end.
struct Host {
    watched: Watched,
    now: u64,
    primary: Primary,
    outcomes: Vec<Outcome>,
    /// Whether the primary's headers have gone to the client.
    released: bool,
}

impl Host {
    fn on(&mut self, event: Event<'_>) -> Flow {
        let flow = self.watched.on(event, Timestamp::from_millis(self.now));
        self.refuse_calls().unwrap_or(flow)
    }

    /// What Envoy refuses it refuses at once.
    fn refuse_calls(&mut self) -> Option<Flow> {
        let mut flow = None;
        while let Some(region) = self.watched.in_flight
            && matches!(self.outcomes[region], Outcome::Refused)
        {
            flow = Some(self.watched.on(Event::CallRefused, Timestamp::from_millis(self.now)));
        }
        flow
    }

    /// Sends the request's chunks, the last of which ends it. While it is held back, Envoy shows all of it each time.
    fn send_request(&mut self, chunks: &[usize], is_all: bool) {
        let mut shown = 0;
        for (index, size) in chunks.iter().enumerate() {
            let is_kept = self.watched.exchange.holds_request() && !self.watched.is_taken;
            shown = if is_kept { shown + size } else { *size };
            let chunk = vec![b'x'; shown];
            let end_of_stream = is_all && index + 1 == chunks.len();
            self.on(Event::RequestBody { chunk: &chunk, size: shown, end_of_stream });
        }
    }

    /// The primary's answer, callback by callback; what the filter holds stays in the buffer.
    fn answer_of_primary(&mut self) {
        let Primary { status, details, chunks, has_trailers, .. } = self.primary.clone();
        let length = Some(chunks.iter().sum());
        let flow = self.on(Event::ResponseHeaders {
            status: Some(status),
            details: details.as_bytes(),
            length,
            retry_after: None,
            headers: Headers::new(),
            end_of_stream: chunks.is_empty(),
        });
        self.released |= flow == Flow::Continue;
        for (index, size) in chunks.iter().enumerate() {
            if self.is_replied() {
                return;
            }
            let end_of_stream = index + 1 == chunks.len() && !has_trailers;
            let flow = self.on(Event::ResponseBody { chunk: b"", size: *size, end_of_stream });
            self.released |= flow == Flow::Continue;
        }
        if has_trailers && !self.is_replied() {
            let flow = self.on(Event::ResponseTrailers);
            self.released |= flow == Flow::Continue;
        }
    }

    fn is_replied(&self) -> bool {
        matches!(self.watched.answer(), Some(Answer::Reply(_)))
    }

    fn answers_of_calls(&mut self) {
        while let Some(region) = self.watched.in_flight {
            if self.watched.answer().is_some() {
                return;
            }
            let limit = u64::try_from(ATTEMPT.as_millis()).unwrap();
            match self.outcomes[region].clone() {
                Outcome::Answers(status, after, size) if after < limit => {
                    self.now += after;
                    let headers = [(":status", status.to_string()), ("x-envoy-upstream-service-time", "1".to_owned())];
                    let headers = headers.iter().map(|(name, value)| (*name, value.as_str()));
                    self.on(Event::CallAnswered { headers: headers.collect(), body: vec![b'y'; size] });
                }
                Outcome::Answers(..) => {
                    self.now += limit;
                    let headers = Headers::from_iter([(":status", "504")]);
                    self.on(Event::CallAnswered { headers, body: b"upstream request timeout".to_vec() });
                }
                Outcome::Resets(after) => {
                    self.now += after.min(limit);
                    self.on(Event::CallReset);
                }
                Outcome::Refused => unreachable!("refused calls are never in flight"),
            }
        }
    }

    fn seen(&self) -> Seen {
        match self.watched.answer() {
            Some(Answer::Replace { response, .. } | Answer::Reply(response)) => {
                Seen { status: response.status, answered: true }
            }
            Some(Answer::Release(_)) => Seen { status: self.primary.status, answered: true },
            None => Seen { status: self.primary.status, answered: false },
        }
    }
}

fn play(setup: Setup, body: &[usize], primary: Primary, outcomes: Vec<Outcome>) -> Host {
    let body = if setup.bodiless { &[] } else { body };
    let setup = Setup { announced: setup.announced.map(|_| body.iter().sum()), ..setup };
    let watched = Watched::begin(setup);
    let mut host = Host { watched, now: 1_000_000, primary, outcomes, released: false };
    host.refuse_calls();
    // A primary cannot answer a request that is held back; where it answers early, Envoy reads no further.
    if host.primary.early && !body.is_empty() && !host.watched.exchange.holds_request() {
        host.send_request(&body[..body.len() - 1], false);
    } else {
        host.send_request(body, true);
    }
    if host.watched.asks_primary {
        host.now += host.primary.after;
        host.answer_of_primary();
    }
    host.answers_of_calls();
    host
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6_000))]

    #[test]
    fn a_client_who_waits_gets_exactly_one_answer(
        setup in any_setup(),
        body in prop::collection::vec(1usize..6, 1..4),
        primary in any_primary(),
        outcomes in prop::collection::vec(any_outcome(), 4),
    ) {
        let host = play(setup.clone(), &body, primary.clone(), outcomes);
        let seen = host.seen();
        prop_assert!(seen.answered || host.released, "nothing reached the client");
        prop_assert!(host.watched.response().is_some(), "the answer was not counted");
        prop_assert_ne!(host.watched.response(), Some(ServedBy::Nobody));

        let covers_everything = setup.fail_on.len() == Failure::ALL.len();
        if setup.has_static && covers_everything && !setup.shadow {
            prop_assert!(seen.status < 500, "a client saw {}", seen.status);
        }
        if (400..500).contains(&primary.status) && primary.status != 429 && host.watched.asks_primary {
            prop_assert_eq!(seen.status, primary.status, "a 4xx was masked");
        }
        if setup.shadow {
            prop_assert!(!seen.answered);
        }
        host.watched.check_books();
        // Neither a stream of events nor gRPC is a message.
        if matches!(setup.dedupe, Some(BY_HEADER | REPLAYING)) && setup.extra.is_none() {
            let of_a_region = matches!(host.watched.response(), Some(ServedBy::Primary | ServedBy::Secondary));
            let is_done = host.watched.fate() == Some(Claim::Duplicate { is_in_flight: false });
            // An answer that was invalid, and went to the client all the same, is not one that a duplicate may count on.
            let may_be_invalid = setup.output.is_some();
            let is_good = of_a_region && seen.status < 400;
            prop_assert!(is_done == is_good || (may_be_invalid && !is_done), "{:?}", host.watched.response());
        }
    }

    #[test]
    fn what_breaks_off_is_counted_once_and_ends_the_exchange(
        setup in any_setup(),
        primary in any_primary(),
        details in prop::sample::select(vec!["downstream_remote_disconnect", "upstream_reset_after_response_started{x}"]),
        begins in any::<bool>(),
    ) {
        let mut watched = Watched::begin(setup);
        let now = Timestamp::from_millis(1_000_000);
        if begins {
            let status = Some(primary.status);
            let details = primary.details.as_bytes();
            watched.on(Event::ResponseHeaders { status, details, length: None, retry_after: None, headers: Headers::new(), end_of_stream: false }, now);
        }
        watched.on(Event::End { details: details.as_bytes() }, now);
        watched.check_books();
        // A callout that nobody waits for any more may still bring its answer.
        watched.on(Event::CallReset, Timestamp::from_epoch(Duration::from_secs(2_000)));
    }
}
