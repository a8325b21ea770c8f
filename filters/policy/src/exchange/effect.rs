//! What an exchange wants done, as data.

use std::time::Duration;

use crate::admission::Decision;
use crate::circuit_breaker::Transition;
use crate::drill::Drilled;
use crate::http::{Headers, Response};
use crate::replay::{Kept, NotReplayable};
use crate::verdict::{Degraded, ServedBy, Verdict};

use super::judging::Fault;

/// Something to do, in the order given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Let Envoy's router give up on the primary when no answer has begun after this time.
    LimitPrimary(Duration),
    /// Do not tell the primary that the client reads compressed answers.
    AskPlainly,
    /// Let the request go on to the primary.
    ResumeRequest,
    /// Throw away what Envoy has buffered of the request: it has been copied, and Envoy answers 413 when the buffer is
    /// full.
    TakeRequestBody,
    /// Put the copy in the place of what Envoy has buffered of the request, which goes on after all.
    GiveRequestBodyBack,
    /// Send the kept request to a region; what comes of it is the next event.
    Call {
        /// 0 is the primary, 1 the first secondary region.
        region: usize,
        /// At least a millisecond.
        timeout: Duration,
    },
    /// Throw away what Envoy has buffered of the held answer: it will not be needed.
    DiscardBody,
    /// Put this in the place of what Envoy has buffered of the answer, which is to go on as it came.
    GiveResponseBodyBack(Vec<u8>),
    /// Say what was wrong with a region's answer.
    Tell {
        /// 0 is the primary, 1 the first secondary region.
        region: usize,
        /// The rule and the place.
        fault: Fault,
    },
    /// Walk the drill that the exchange has made ready, when there is time: nobody waits for it.
    Drill,
    /// Answer the client. At most one per exchange, and nothing but records and a drill after it.
    Answer(Answer),
    /// Count this.
    Record(Record),
}

/// A call to a region.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The Envoy cluster that reaches it.
    pub cluster: &'a str,
    /// What it expects as `:authority`, where that is not the client's.
    pub authority: Option<&'a str>,
    /// The request as it was kept.
    pub request: &'a Kept,
}

/// How the client is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The primary's answer goes on as it is, with these headers added.
    Release(Headers),
    /// The held answer becomes this one, and goes on through the rest of the filter chain.
    Replace {
        /// The status and headers to put in place, and the body where there is one to replace.
        response: Response,
        /// What of the held answer has to give way besides its headers.
        over: Over,
    },
    /// A reply of the filter's own. It goes past the other filters, and is used only where nothing can be replaced.
    Reply(Response),
}

/// What a held answer has besides its headers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Over {
    /// A body, to be replaced.
    pub body: bool,
    /// Trailers, to be removed.
    pub trailers: bool,
}

/// Something to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// A request was let in, or not.
    Admission(Decision),
    /// An attempt at a region was judged, or not made.
    Attempt {
        /// 0 is the primary, 1 the first secondary region.
        region: usize,
        /// The judgement.
        verdict: Verdict,
    },
    /// A region's circuit breaker has gone from one state to another.
    Transition {
        /// 0 is the primary, 1 the first secondary region.
        region: usize,
        /// From where to where, and why.
        transition: Transition,
    },
    /// A request went by Envoy's own route, though the filter calls the primary of its route itself.
    StrictBypassed(NotReplayable),
    /// A rung was tried in a drill.
    Drill(Drilled),
    /// Envoy's own route gave up before the ladder's time was over.
    RouteTimeout,
    /// The client was answered, or would have been.
    Response {
        /// By which rung.
        served_by: ServedBy,
        /// The first failed rung's verdict, if any failed.
        degraded: Option<Degraded>,
    },
}

/// What a callback returns to Envoy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Let what was shown go on.
    Continue,
    /// Keep it, and show what follows.
    Hold,
}
