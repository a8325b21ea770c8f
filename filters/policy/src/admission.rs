//! The first rung of the ladder: whether a request is let in at all.

use crate::config::Mode;
use crate::http::{Headers, Response, whole_seconds};
use crate::rate_limit::{Limited, Outcome, RateLimit, Subject};
use crate::shared::SharedStore;
use crate::time::Timestamp;

/// What a 429 says to a person who reads it.
const LIMITED: &str = "too many requests\n";

/// Who is let in on a route.
#[derive(Clone, Debug)]
pub struct Admission {
    /// In the order in which they are asked.
    limits: Vec<RateLimit>,
}

/// What became of a request, as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It was let in.
    Allowed,
    /// It was one too many.
    Limited,
    /// Shadow mode: it would have been one too many.
    WouldLimited,
    /// A record could not be read and changed before somebody else changed it, ten times over: it was let in.
    Undecided,
}

impl Decision {
    /// Every decision, the commonest first.
    pub const ALL: [Self; 4] = [Self::Allowed, Self::Limited, Self::WouldLimited, Self::Undecided];

    /// The word for it in metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Limited => "limited",
            Self::WouldLimited => "would_limited",
            Self::Undecided => "undecided",
        }
    }
}

impl Admission {
    /// Limits in the order in which they are asked.
    pub const fn new(limits: Vec<RateLimit>) -> Self {
        Self { limits }
    }

    /// Judges a request: what is counted, and the answer that refuses it, if one does.
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
        let mut decision = Decision::Allowed;
        for limit in &self.limits {
            match limit.admit(subject, store, salt, now, 1.0) {
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
