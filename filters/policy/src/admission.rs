//! The first rung of the ladder: whether a request is let in at all.
//!
//! The order is that of what a refusal costs others: an isolated region uses up nobody's limit, and a message that is
//! one too many is not noted as seen, so that it may come again.

use crate::config::Mode;
use crate::dedupe::Dedupe;
use crate::http::{Headers, Response, whole_seconds};
use crate::isolate::Isolation;
use crate::rate_limit::{Limited, Outcome, RateLimit, Subject};
use crate::shared::SharedStore;
use crate::time::Timestamp;

/// What a 429 says to a person who reads it.
const LIMITED: &str = "too many requests\n";

/// Who is let in on a route.
#[derive(Clone, Debug)]
pub struct Admission {
    isolation: Option<Isolation>,
    /// In the order in which they are asked.
    limits: Option<Vec<RateLimit>>,
    dedupe: Option<Dedupe>,
}

/// What became of a request, as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It was let in.
    Allowed,
    /// It was a message that had been seen.
    Duplicate,
    /// It was one too many.
    Limited,
    /// It came from a region that is isolated.
    Isolated,
    /// Shadow mode: it would have been a duplicate.
    WouldDuplicate,
    /// Shadow mode: it would have been one too many.
    WouldLimited,
    /// Shadow mode: it would have been turned away for its region.
    WouldIsolated,
    /// A record could not be read and changed before somebody else changed it, ten times over, or had no place: it was
    /// let in.
    Undecided,
}

impl Decision {
    /// Every decision, the commonest first.
    pub const ALL: [Self; 8] = [
        Self::Allowed,
        Self::Duplicate,
        Self::Limited,
        Self::Isolated,
        Self::WouldDuplicate,
        Self::WouldLimited,
        Self::WouldIsolated,
        Self::Undecided,
    ];

    /// The word for it in metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Duplicate => "duplicate",
            Self::Limited => "limited",
            Self::Isolated => "isolated",
            Self::WouldDuplicate => "would_duplicate",
            Self::WouldLimited => "would_limited",
            Self::WouldIsolated => "would_isolated",
            Self::Undecided => "undecided",
        }
    }
}

impl Admission {
    /// Isolation, limits in the order in which they are asked, and de-duplication, each where there is one.
    pub const fn new(isolation: Option<Isolation>, limits: Option<Vec<RateLimit>>, dedupe: Option<Dedupe>) -> Self {
        Self { isolation, limits, dedupe }
    }

    /// The same, with this region isolated as well, where the document says how a request tells its region.
    #[must_use]
    pub fn isolating(mut self, region: &str) -> Self {
        self.isolation = self.isolation.map(|isolation| isolation.isolating(region));
        self
    }

    /// The same, with every limit scaled.
    #[must_use]
    pub fn scaled(mut self, factor: f64) -> Self {
        let scale = |limits: Vec<RateLimit>| limits.into_iter().map(|limit| limit.scaled(factor)).collect();
        self.limits = self.limits.map(scale);
        self
    }

    /// Whether a request may be turned away for its region.
    pub const fn isolates(&self) -> bool {
        self.isolation.is_some()
    }

    /// Whether a request may be one too many.
    pub const fn limits(&self) -> bool {
        self.limits.is_some()
    }

    /// De-duplication, which is asked last, about a request that [`Admission::judge`] lets in (and would let in): whose
    /// message is noted as in flight has to get an outcome.
    pub const fn dedupe(&self) -> Option<&Dedupe> {
        self.dedupe.as_ref()
    }

    /// Judges a request by its region and by the limits: what is counted, and the answer that refuses it, if one does.
    ///
    /// `salt` is a number that clients do not know, the same for all workers.
    pub fn judge(
        &self,
        mode: Mode,
        subject: &impl Subject,
        store: &impl SharedStore,
        salt: u64,
        now: Timestamp,
    ) -> (Decision, Option<Response>) {
        let refused = self.isolation.as_ref().and_then(|it| it.refusal(subject.headers()));
        if let Some(refusal) = refused {
            return match mode {
                Mode::Enforce => (Decision::Isolated, Some(refusal)),
                Mode::Shadow => (Decision::WouldIsolated, None),
            };
        }
        let mut decision = Decision::Allowed;
        for limit in self.limits.iter().flatten() {
            match limit.admit(subject, store, salt, now) {
                Outcome::Admitted => {}
                Outcome::Unknown => decision = Decision::Undecided,
                Outcome::Limited(_) if mode == Mode::Shadow => return (Decision::WouldLimited, None),
                Outcome::Limited(limited) => return (Decision::Limited, Some(refusal(limit, limited))),
            }
        }
        (decision, None)
    }
}

/// RFC 6585, section 4; the `x-ratelimit` fields as in draft-polli-ratelimit-headers-03, which Envoy has too.
fn refusal(limit: &RateLimit, limited: Limited) -> Response {
    let seconds = whole_seconds(limited.retry_after);
    let mut headers = Headers::new();
    headers.push("retry-after", seconds.to_string());
    if limit.tells_all() {
        let rate = limit.rate();
        headers.push("x-ratelimit-limit", format!("{count}, {count};w={}", rate.per.as_secs(), count = rate.count));
        headers.push("x-ratelimit-remaining", "0");
        headers.push("x-ratelimit-reset", seconds.to_string());
    }
    headers.push("content-type", "text/plain; charset=utf-8");
    Response { status: 429, headers, body: LIMITED.into() }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::isolate::IsolatedRegions;
    use crate::rate_limit::{Quota, Rate};
    use crate::shared::Stored;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    /// Shared data of a single worker.
    #[derive(Default)]
    struct Memory(RefCell<BTreeMap<String, Vec<u8>>>);

    impl SharedStore for Memory {
        fn read(&self, key: &str) -> Option<Stored> {
            self.0.borrow().get(key).map(|record| Stored { record: record.clone(), version: 1 })
        }

        fn write(&self, key: &str, record: &[u8], _: Option<u32>) -> bool {
            self.put(key, record);
            true
        }

        fn put(&self, key: &str, record: &[u8]) {
            self.0.borrow_mut().insert(key.to_owned(), record.to_vec());
        }
    }

    impl Subject for Headers {
        fn headers(&self) -> &Headers {
            self
        }

        fn source(&self) -> Vec<u8> {
            Vec::new()
        }
    }

    /// One request an hour, and none from `eu-south-1`.
    fn admission() -> Admission {
        let regions = IsolatedRegions::from_iter(["eu-south-1".to_owned()]);
        let quota = Quota::new(Rate { count: 1, per: Duration::from_secs(3_600) }, 1);
        let isolation = Isolation::new("x-helius-region".to_owned(), regions);
        Admission::new(Some(isolation), Some(vec![RateLimit::new("assist/0", vec![], quota, 1)]), None)
    }

    /// Decisions about one request after the other, each from one of `regions`, with the status of their answer.
    fn judged(mode: Mode, regions: &[&str]) -> Vec<(Decision, Option<u16>)> {
        let (admission, memory) = (admission(), Memory::default());
        let ask = |region: &&str| {
            let headers = Headers::from_iter([("x-helius-region", *region)]);
            let (decision, refusal) = admission.judge(mode, &headers, &memory, 7, NOW);
            (decision, refusal.map(|it| it.status))
        };
        regions.iter().map(ask).collect()
    }

    #[test]
    fn an_isolated_region_uses_up_nobodys_limit() {
        let expected = [
            (Decision::Isolated, Some(503)),
            (Decision::Isolated, Some(503)),
            (Decision::Allowed, None),
            (Decision::Limited, Some(429)),
            (Decision::Isolated, Some(503)),
        ];
        assert_eq!(
            judged(Mode::Enforce, &["eu-south-1", "eu-south-1", "us-east-1", "us-east-1", "eu-south-1"]),
            expected
        );
    }

    #[test]
    fn in_shadow_mode_everybody_is_let_in_and_counted_as_it_would_be() {
        let expected = [(Decision::WouldIsolated, None), (Decision::Allowed, None), (Decision::WouldLimited, None)];
        assert_eq!(judged(Mode::Shadow, &["eu-south-1", "us-east-1", "us-east-1"]), expected);
    }

    #[test]
    fn without_any_rule_everybody_is_let_in() {
        let admission = Admission::new(None, None, None);
        let judged = admission.judge(Mode::Enforce, &Headers::new(), &Memory::default(), 7, NOW);
        assert_eq!(judged, (Decision::Allowed, None));
    }

    #[test]
    fn each_decision_has_a_word_of_its_own() {
        let words: std::collections::BTreeSet<_> = Decision::ALL.into_iter().map(Decision::word).collect();
        assert_eq!(words.len(), Decision::ALL.len());
    }
}
