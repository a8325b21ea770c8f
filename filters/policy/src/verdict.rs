//! The judgement of one attempt at one region, and who answered in the end.
//!
//! | verdict | when | next |
//! |---|---|---|
//! | [`Verdict::Ok`] | 1xx, 2xx, 3xx | it is the answer |
//! | [`Verdict::Failure`] | a 5xx, or no answer at all | the next rung |
//! | [`Verdict::RateLimited`] | 429 | the next region, else it is the answer |
//! | [`Verdict::ClientError`] | any other 4xx | it is the answer: never masked, never retried |
//! | [`Verdict::Skipped`] | the attempt was not made | the next rung |
//! | [`Verdict::Abandoned`] | the client left before there was a verdict | nothing |

/// How an attempt failed: what the route's `fail_on` lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// No connection could be made.
    Connect,
    /// The connection broke before the answer was whole.
    Reset,
    /// The attempt's time was over before the answer began.
    Timeout,
    /// The region answered with a 5xx.
    ServerError,
    /// Envoy's own limits for the cluster (connections, pending or concurrent requests) were reached.
    Overflow,
    /// The cluster has no host that may be used, or Envoy does not know the cluster.
    NoHealthyUpstream,
    /// A good status, and a body that is not what the route's `output` says.
    InvalidOutput,
}

impl Failure {
    /// Every kind, in the order of the documentation.
    pub const ALL: [Self; 7] = [
        Self::Connect,
        Self::Reset,
        Self::Timeout,
        Self::ServerError,
        Self::Overflow,
        Self::NoHealthyUpstream,
        Self::InvalidOutput,
    ];

    /// The word for it in configuration, headers and metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Reset => "reset",
            Self::Timeout => "timeout",
            Self::ServerError => "5xx",
            Self::Overflow => "overflow",
            Self::NoHealthyUpstream => "no_healthy_upstream",
            Self::InvalidOutput => "invalid_output",
        }
    }
}

/// Why an attempt was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Skip {
    /// The route's replay contract does not let this request be sent again.
    NotReplayable,
    /// The ladder's time was over.
    Deadline,
    /// So many requests were being sent a second time that one more would have harmed the other regions.
    Budget,
    /// The region's circuit breaker rejected the request.
    BreakerOpen,
    /// An operator had said that the region is not to be asked.
    Override,
}

impl Skip {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::NotReplayable, Self::Deadline, Self::Budget, Self::BreakerOpen, Self::Override];

    const fn word(self) -> &'static str {
        match self {
            Self::NotReplayable => "skipped_not_replayable",
            Self::Deadline => "skipped_deadline",
            Self::Budget => "skipped_budget",
            Self::BreakerOpen => "skipped_breaker_open",
            Self::Override => "skipped_override",
        }
    }
}

/// The judgement of one attempt at one region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// A good answer.
    Ok,
    /// The attempt failed.
    Failure(Failure),
    /// The region said 429.
    RateLimited,
    /// The region said another 4xx: the request is at fault, not the region.
    ClientError,
    /// The attempt was not made.
    Skipped(Skip),
    /// The client left first.
    Abandoned,
}

impl Verdict {
    /// Every verdict that can be counted, in a fixed order: what metrics are defined from.
    pub fn all() -> impl Iterator<Item = Self> {
        [Self::Ok]
            .into_iter()
            .chain(Failure::ALL.map(Self::Failure))
            .chain([Self::RateLimited, Self::ClientError])
            .chain(Skip::ALL.map(Self::Skipped))
            .chain([Self::Abandoned])
    }

    /// The judgement of an answer whose status is `status`; `failure` says what kind of failure a 5xx is.
    pub fn of_status(status: u16, failure: impl FnOnce() -> Failure) -> Self {
        match status {
            _ if Self::is_good(status) => Self::Ok,
            429 => Self::RateLimited,
            ..500 => Self::ClientError,
            500.. => Self::Failure(failure()),
        }
    }

    /// Whether the verdict on an answer with this status is [`Verdict::Ok`].
    pub const fn is_good(status: u16) -> bool {
        status < 400
    }

    /// The word for it in headers and metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failure(failure) => failure.word(),
            Self::RateLimited => "rate_limited",
            Self::ClientError => "client_error",
            Self::Skipped(skip) => skip.word(),
            Self::Abandoned => "abandoned",
        }
    }
}

/// Why an answer is not what a healthy primary would have said: the verdict of the first rung that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Degraded {
    /// The attempt failed.
    Failure(Failure),
    /// The region said 429.
    RateLimited,
    /// The primary was not asked, because its circuit breaker rejected the request.
    BreakerOpen,
    /// The primary was not asked, because an operator had said so.
    Override,
}

impl Degraded {
    /// Every reason.
    pub fn all() -> impl Iterator<Item = Self> {
        Failure::ALL.into_iter().map(Self::Failure).chain([Self::RateLimited, Self::BreakerOpen, Self::Override])
    }

    /// The reason, if `verdict` is one.
    pub const fn from_verdict(verdict: Verdict) -> Option<Self> {
        match verdict {
            Verdict::Failure(failure) => Some(Self::Failure(failure)),
            Verdict::RateLimited => Some(Self::RateLimited),
            Verdict::Skipped(Skip::BreakerOpen) => Some(Self::BreakerOpen),
            Verdict::Skipped(Skip::Override) => Some(Self::Override),
            Verdict::Ok | Verdict::ClientError | Verdict::Skipped(_) | Verdict::Abandoned => None,
        }
    }

    /// The word for it in `x-helius-degraded` and in metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Failure(failure) => failure.word(),
            Self::RateLimited => Verdict::RateLimited.word(),
            Self::BreakerOpen => Skip::BreakerOpen.word(),
            Self::Override => Skip::Override.word(),
        }
    }
}

/// Which rung gave the client its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServedBy {
    /// The region that Envoy's own route chose.
    Primary,
    /// A secondary region.
    Secondary,
    /// The newest good answer that was given to the same question.
    LastGood,
    /// The response in the configuration.
    Static,
    /// The filter itself, with a 503: no region could be asked, and there is no static response.
    Refusal,
    /// Nobody: the client left first.
    Nobody,
    /// Shadow mode: a secondary region would have been asked.
    WouldSecondary,
    /// Shadow mode: the newest good answer would have been given again.
    WouldLastGood,
    /// Shadow mode: the static response would have been the answer.
    WouldStatic,
}

impl ServedBy {
    /// Every rung.
    pub const ALL: [Self; 9] = [
        Self::Primary,
        Self::Secondary,
        Self::LastGood,
        Self::Static,
        Self::Refusal,
        Self::Nobody,
        Self::WouldSecondary,
        Self::WouldLastGood,
        Self::WouldStatic,
    ];

    /// The rung of a region: 0 is the primary, 1 the first secondary region.
    pub const fn region(index: usize) -> Self {
        if index == 0 { Self::Primary } else { Self::Secondary }
    }

    /// Whether that is what the client got, and not what he would have got.
    pub const fn is_real(self) -> bool {
        !matches!(self, Self::WouldSecondary | Self::WouldLastGood | Self::WouldStatic)
    }

    /// The word for it in `x-helius-served-by` and in metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
            Self::LastGood => "last-good",
            Self::Static => "static",
            Self::Refusal => "refusal",
            Self::Nobody => "none",
            Self::WouldSecondary => "would_secondary",
            Self::WouldLastGood => "would_last_good",
            Self::WouldStatic => "would_static",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_decides_the_verdict() {
        let cases = [
            (101, Verdict::Ok),
            (200, Verdict::Ok),
            (399, Verdict::Ok),
            (400, Verdict::ClientError),
            (428, Verdict::ClientError),
            (429, Verdict::RateLimited),
            (430, Verdict::ClientError),
            (499, Verdict::ClientError),
            (500, Verdict::Failure(Failure::Reset)),
            (599, Verdict::Failure(Failure::Reset)),
        ];
        for (status, verdict) in cases {
            assert_eq!(Verdict::of_status(status, || Failure::Reset), verdict, "{status}");
        }
    }

    #[test]
    fn every_word_is_used_once() {
        let words: Vec<_> = Verdict::all().map(Verdict::word).collect();
        let mut unique = words.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), words.len());
    }
}
