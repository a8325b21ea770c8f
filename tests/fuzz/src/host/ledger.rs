//! What the filter has promised about a stream, checked as it happens.
//!
//! * A request is sent only as it came, only to a region of its own that was not asked yet, and one at a time. (What no
//!   call may carry is in `callout`.)
//! * No call takes longer than is left of the ladder's time.
//! * In shadow mode nothing is changed, called or answered.
//! * There is at most one reply; each region is judged once, and who answered is counted once.
//! * What the client gets from a region that was called is what that region said.

use std::collections::BTreeSet;

use helius_policy::drill::DRILL;
use helius_policy::exchange::SERVED_BY;
use helius_policy::grpc;
use helius_policy::http::{CONTENT_LENGTH, Headers};

/// What the client got so far.
#[derive(Debug, Default)]
pub(crate) struct Client {
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
    pub(crate) has_all: bool,
}

/// What is known of a stream when it begins.
#[derive(Debug, Default)]
pub(crate) struct Terms {
    /// What the client sent.
    pub(crate) request: Headers,
    pub(crate) is_shadow: bool,
    /// When the ladder began by the wall clock and the time that it has, in milliseconds, where that is known.
    pub(crate) ladder: Option<(u64, u64)>,
    /// The clusters that may be called, each once, where they are known.
    pub(crate) clusters: Option<Vec<String>>,
    /// Whether the filter is to call the primary itself. Then the ladder's time does not begin before the first call.
    pub(crate) is_strict: bool,
}

/// The books of one stream.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    terms: Terms,
    /// What the client sent after the headers.
    pub(crate) body: Vec<u8>,
    pub(crate) client: Option<Client>,
    /// Whether a cluster that was asked still is.
    is_asking: bool,
    /// What they said.
    said: Vec<(u16, Vec<u8>)>,
    has_replaced: bool,
    has_replied: bool,
    judged: BTreeSet<String>,
    responses: u32,
    /// Whether it was turned away, where anybody decided about that.
    decision: Option<bool>,
}

impl Ledger {
    pub(crate) fn new(terms: Terms) -> Self {
        Self { terms, ..Self::default() }
    }

    pub(crate) fn is_head(&self) -> bool {
        self.terms.request.first(":method") == Some(b"HEAD")
    }

    pub(crate) fn is_grpc(&self) -> bool {
        grpc::is_request(&self.terms.request)
    }

    /// The filter changes something.
    pub(super) fn is_changed(&self) {
        assert!(!self.terms.is_shadow, "shadow mode changes something");
    }

    /// The filter puts another answer in place of the primary's.
    pub(super) fn replaces(&mut self) {
        assert!(!std::mem::replace(&mut self.has_replaced, true), "an answer is replaced twice");
        assert!(self.client.is_none(), "an answer is replaced that is on its way");
    }

    /// The filter answers by itself.
    pub(super) fn replies(&mut self) {
        self.is_changed();
        assert!(!std::mem::replace(&mut self.has_replied, true), "a second reply");
        assert!(self.client.is_none(), "a reply though an answer is on its way");
    }

    /// The filter asks a region, at a time and with a timeout.
    pub(super) fn calls(
        &mut self,
        cluster: &str,
        headers: &Headers,
        body: &[u8],
        (now, timeout): (u64, u32),
        is_begun: bool,
    ) {
        self.is_changed();
        assert!(!self.is_asking, "two calls at once");
        assert!(self.client.is_none(), "a call though an answer is on its way");
        assert!(!self.is_grpc(), "a call whose answer cannot bring what gRPC waits for");
        if let Some(left) = &mut self.terms.clusters {
            let place = left.iter().position(|it| it == cluster);
            left.swap_remove(place.unwrap_or_else(|| panic!("{cluster} is none to ask, or was asked before")));
        }
        assert_eq!(body, self.body, "another body than the client's");
        for name in [":method", ":path", DRILL] {
            assert_eq!(headers.first(name), self.terms.request.first(name), "another {name} than the client's");
        }
        self.check_time(now, timeout);
        self.is_asking = is_begun;
    }

    fn check_time(&mut self, now: u64, timeout: u32) {
        let Some((began, most)) = &mut self.terms.ladder else { return };
        if std::mem::take(&mut self.terms.is_strict) {
            *began = now;
        }
        let passed = now.saturating_sub(*began);
        assert!(passed.saturating_add(timeout.into()) <= *most, "a call of {timeout} ms after {passed} ms");
    }

    /// The filter is told what came of its call. An answer without the status of one counts as a 500.
    pub(crate) fn is_told(&mut self, status: Option<u16>, body: Vec<u8>) {
        self.is_asking = false;
        let status = status.filter(|status| (200..=599).contains(status));
        self.said.push((status.unwrap_or(500), body));
    }

    /// The filter counts something.
    pub(super) fn counts(&mut self, stat: &str) {
        let label = |name: &str| {
            let value = stat.split(";.;").find_map(|part| part.strip_prefix(name)?.strip_prefix("=.="));
            value.expect("a stat has its labels")
        };
        match stat.rsplit(';').next().unwrap_or_default() {
            "helius_attempts_total" => {
                let region = label("region");
                assert!(self.judged.insert(region.to_owned()), "{region} is judged a second time: {stat}");
            }
            "helius_admission_total" => {
                let is_refused = matches!(label("decision"), "isolated" | "limited" | "duplicate");
                assert!(self.decision.replace(is_refused).is_none(), "let in, or not, a second time: {stat}");
            }
            "helius_responses_total" if !label("served_by").starts_with("would_") => {
                assert_eq!(self.responses, 0, "a second response is counted: {stat}");
                self.responses += 1;
            }
            // It goes by Envoy's route, and its time has run from the start.
            "helius_strict_bypassed_total" => {
                let is_strict = std::mem::take(&mut self.terms.is_strict);
                assert!(is_strict, "a bypass where the filter does not call the primary: {stat}");
            }
            "helius_responses_total"
            | "helius_breaker_transitions_total"
            | "helius_drill_total"
            | "helius_route_timeout_total" => {}
            _ => panic!("counted for a stream: {stat}"),
        }
    }

    /// The client has all of an answer.
    pub(crate) fn check_answer(&self) {
        let Some(Client { headers, body, .. }) = &self.client else { return };
        if self.is_head() || !(self.has_replied || self.has_replaced) {
            return;
        }
        if let Some(length) = headers.first(CONTENT_LENGTH) {
            let length = String::from_utf8_lossy(length);
            assert_eq!(length, body.len().to_string(), "the announced length is not that of the body");
        }
        // Where a region was asked, an answer without a mark is that of a primary that was called.
        let is_of_call = match headers.first(SERVED_BY) {
            Some(rung) => matches!(rung, b"secondary" | b"primary"),
            None => !self.said.is_empty(),
        };
        if is_of_call {
            let is_said = self.said.iter().any(|(status, said)| Some(*status) == headers.status() && said == body);
            assert!(is_said, "{headers:?} with {} bytes is not what a region said", body.len());
        }
    }

    /// The stream is gone.
    pub(crate) fn check_books(&self) {
        let is_judged = !self.judged.is_empty();
        let is_refused = self.decision == Some(true);
        assert!(!(is_judged && is_refused), "what was turned away is judged: {:?}", self.judged);
        assert_eq!(self.responses, u32::from(is_judged), "judged {:?}, answers counted", self.judged);
    }
}
