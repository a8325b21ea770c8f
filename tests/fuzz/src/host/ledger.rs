//! What the filter has promised about a stream, checked as it happens.
//!
//! * A request is sent again only as it came, only to a region that was not asked yet, one at a time, and never with
//!   what belonged to the client's connection.
//! * No call takes longer than is left of the ladder's time.
//! * In shadow mode nothing is changed, called or answered.
//! * There is at most one reply; each region is judged once, and who answered is counted once.
//! * What the client gets from a secondary region is what that region said.

use std::collections::BTreeSet;

use helius_policy::exchange::SERVED_BY;
use helius_policy::http::{CONTENT_LENGTH, Headers, is_hop_by_hop};

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
}

/// The books of one stream.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    terms: Terms,
    /// What the client sent after the headers.
    pub(crate) body: Vec<u8>,
    pub(crate) client: Option<Client>,
    /// Clusters that were asked, and whether the last one still is.
    asked: Vec<String>,
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

    /// The filter asks a secondary region, at a time and with a timeout.
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
        assert!(!self.asked.iter().any(|it| it == cluster), "{cluster} is asked a second time");
        assert_eq!(body, self.body, "another body than the client's");
        for name in [":method", ":path"] {
            assert_eq!(headers.first(name), self.terms.request.first(name), "another {name} than the client's");
        }
        assert!(headers.first(":authority").is_some(), "Envoy refuses a call without :authority");
        for (name, value) in headers.iter() {
            assert!(!is_hop_by_hop(name), "{name} of the client's connection is sent again");
            assert!(std::str::from_utf8(value).is_ok(), "{name} is not text");
        }
        assert!(timeout > 0, "a call without a timeout");
        if let Some((began, most)) = self.terms.ladder {
            let passed = now.saturating_sub(began);
            assert!(passed.saturating_add(timeout.into()) <= most, "a call of {timeout} ms after {passed} ms");
        }
        self.asked.push(cluster.to_owned());
        self.is_asking = is_begun;
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
        if stat.ends_with("helius_attempts_total") {
            let region = label("region");
            assert!(self.judged.insert(region.to_owned()), "{region} is judged a second time: {stat}");
        } else if stat.ends_with("helius_admission_total") {
            let is_refused = matches!(label("decision"), "isolated" | "limited" | "duplicate");
            assert!(self.decision.replace(is_refused).is_none(), "a request is let in, or not, a second time: {stat}");
        } else if !label("served_by").starts_with("would_") {
            assert_eq!(self.responses, 0, "a second response is counted: {stat}");
            self.responses += 1;
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
        if headers.first(SERVED_BY) == Some(b"secondary") {
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
