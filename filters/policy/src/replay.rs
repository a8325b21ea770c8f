//! The contract under which a request may be sent to a second region, and the copy that is kept for it.

use crate::budget::Share;
use crate::http::{Headers, is_hop_by_hop};

/// What a kept request takes besides its body, in bytes: roughly its headers and their bookkeeping.
const OVERHEAD: usize = 2 << 10;

/// What a route lets be sent again: `replay` in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contract {
    /// Methods in upper case.
    methods: Vec<String>,
    /// Bytes of request body that are kept at most.
    max_body: usize,
    /// Bytes of request body up to which a request waits for its end before it goes to the primary.
    hold: usize,
}

/// Why a request may not be sent again: what `x-helius-not-replayable` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotReplayable {
    /// The route does not list the method.
    Method,
    /// The body is longer than the route keeps.
    Body,
    /// The request has trailers, which are not kept.
    Trailers,
    /// The primary failed before the request had come to its end, and Envoy drops what comes of it after that.
    Incomplete,
    /// The copies of this worker's requests take too much memory together, or this one is not needed any more.
    Memory,
    /// A header is not UTF-8, and a callout can carry only text: without it, it would be another request.
    Headers,
    /// It is gRPC, whose status comes in trailers, which the answer to a callout does not bring.
    Grpc,
}

impl NotReplayable {
    /// Every reason.
    pub const ALL: [Self; 7] =
        [Self::Method, Self::Body, Self::Trailers, Self::Incomplete, Self::Memory, Self::Headers, Self::Grpc];

    /// The word for it in the header.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Body => "body",
            Self::Trailers => "trailers",
            Self::Incomplete => "incomplete",
            Self::Memory => "memory",
            Self::Headers => "headers",
            Self::Grpc => "grpc",
        }
    }
}

impl Contract {
    /// A contract for `methods` (upper case) with at most `max_body` bytes of body, which waits for the end of a request
    /// with at most `hold`.
    pub fn new(methods: impl IntoIterator<Item = impl Into<String>>, max_body: usize, hold: usize) -> Self {
        Self { methods: methods.into_iter().map(Into::into).collect(), max_body, hold }
    }

    /// Bytes of request body up to which a request waits for its end.
    pub(crate) const fn hold(&self) -> usize {
        self.hold
    }

    /// Bytes of request body that are kept at most.
    pub(crate) const fn max_body(&self) -> usize {
        self.max_body
    }

    /// Whether a request with this method may be sent twice.
    pub(crate) fn allows(&self, method: &[u8]) -> bool {
        self.methods.iter().any(|allowed| allowed.as_bytes() == method)
    }
}

/// What a copy is for, besides that the request may be sent a second time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Nothing else: what the contract does not let be repeated need not be kept.
    Repeat,
    /// The primary may be passed over, and then the copy is what is sent for the first time.
    PassOver,
    /// Whether the request goes on at all is decided when it has come: so it is held back whatever its method.
    Judge,
    /// It is what the primary gets, from the filter and not by Envoy's route: so it is held back whatever its method, and
    /// also where it announces no length.
    Call,
}

/// A request as it came, kept until its exchange is over, or the reason why it is not kept.
///
/// A request that announces a short body is held back until it is whole: a primary without hosts fails before the
/// first byte of the body has come, and from then on Envoy drops the rest, so there would be nothing to send to another
/// region. One that announces nothing waits for its first bytes only, with which all of it often comes: Envoy answers
/// 413 to a held request that outgrows its buffer, and nobody can tell in time whether it will.
#[derive(Debug)]
pub struct RequestCopy {
    kept: Result<Kept, NotReplayable>,
    /// Whether the contract lets it be sent a second time. Once it has to be sent in any case.
    is_repeatable: bool,
    whole: bool,
    held: Option<Hold>,
}

/// While a request is held back.
#[derive(Clone, Copy, Debug)]
struct Hold {
    /// The size above which it no longer is: the announced length.
    limit: usize,
    /// How much of it has come.
    shown: usize,
}

/// What is sent again.
#[derive(Debug)]
pub struct Kept {
    /// The headers, pseudo-headers included, without what belonged to the client's connection.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
    max_body: usize,
    share: Share,
}

impl Kept {
    fn extend(&mut self, chunk: &[u8]) -> Result<(), NotReplayable> {
        let length = self.body.len().saturating_add(chunk.len());
        if length > self.max_body {
            return Err(NotReplayable::Body);
        }
        if !self.share.grow_to(length.saturating_add(OVERHEAD)) {
            return Err(NotReplayable::Memory);
        }
        self.body.extend_from_slice(chunk);
        Ok(())
    }
}

impl RequestCopy {
    /// Begins a copy, unless the contract, the announced length or the memory of which it gets a `share` forbids it
    /// already.
    ///
    /// A method that the contract does not list is no reason where the copy is of another use.
    pub fn begin(contract: &Contract, mut headers: Headers, end_of_stream: bool, mut share: Share, usage: Use) -> Self {
        let is_repeatable = contract.allows(headers.first(":method").unwrap_or_default());
        let length = headers.length();
        let announced = length.unwrap_or(0);
        let kept = if !is_repeatable && usage == Use::Repeat {
            Err(NotReplayable::Method)
        } else if announced > contract.max_body {
            Err(NotReplayable::Body)
        } else if !share.grow_to(announced.saturating_add(OVERHEAD)) {
            Err(NotReplayable::Memory)
        } else {
            headers.retain(|name| !is_hop_by_hop(name));
            Ok(Kept { headers, body: Vec::with_capacity(announced), max_body: contract.max_body, share })
        };
        let waits = is_repeatable || matches!(usage, Use::Judge | Use::Call);
        let limit = length.or((usage == Use::Call).then_some(contract.hold)).unwrap_or(0);
        let is_worth_it = kept.is_ok() && waits && !end_of_stream && contract.hold > 0 && length != Some(0);
        let held = (is_worth_it && announced <= contract.hold).then_some(Hold { limit, shown: 0 });
        Self { kept, is_repeatable, whole: end_of_stream, held }
    }

    /// Does not hold the request back, because no other region could get it.
    #[must_use]
    pub fn without_hold(self) -> Self {
        Self { held: None, ..self }
    }

    /// Whether the request is held back.
    pub const fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// Whether the request is held back and nothing of its body has come.
    pub fn is_held_in_vain(&self) -> bool {
        self.held.is_some_and(|hold| hold.shown == 0)
    }

    /// Whether the bytes are of use that Envoy shows now, `size` of them: of a request that is held back Envoy shows
    /// all that has come each time, so they are looked at once, when it is let go.
    pub const fn wants_body(&self, size: usize, end_of_stream: bool) -> bool {
        let lets_go = match self.held {
            Some(hold) => end_of_stream || size > hold.limit,
            None => true,
        };
        self.kept.is_ok() && lets_go
    }

    /// More of the body: `chunk` has the `size` bytes that Envoy shows now, if they are wanted.
    pub fn extend(&mut self, chunk: &[u8], size: usize, end_of_stream: bool) {
        self.whole |= end_of_stream;
        if let Some(hold) = &mut self.held
            && size <= hold.limit
            && !end_of_stream
        {
            hold.shown = size;
            return;
        }
        self.let_go();
        if let Ok(kept) = &mut self.kept
            && let Err(reason) = kept.extend(chunk)
        {
            self.kept = Err(reason);
        }
    }

    /// Holds the request back no longer.
    pub const fn let_go(&mut self) {
        self.held = None;
    }

    /// Gives the copy up, for this reason if there was none before.
    pub fn refuse(&mut self, reason: NotReplayable) {
        self.kept = Err(self.kept.as_ref().err().copied().unwrap_or(reason));
    }

    /// A region has been asked: a request that must not be repeated is kept no longer.
    pub fn sent(&mut self) {
        if !self.is_repeatable {
            self.refuse(NotReplayable::Method);
        }
    }

    /// Gives the copy up: nobody will send the request again.
    pub fn forget(&mut self) {
        self.refuse(NotReplayable::Memory);
    }

    /// Hands the copy over, if the request is whole and may be sent again.
    pub fn take(&mut self) -> Result<Kept, NotReplayable> {
        self.kept()?;
        if !self.whole {
            return Err(NotReplayable::Incomplete);
        }
        std::mem::replace(&mut self.kept, Err(NotReplayable::Memory))
    }

    /// The request ends with trailers, which no copy carries.
    pub fn end_with_trailers(&mut self) {
        self.whole = true;
        self.held = None;
        if self.kept.is_ok() {
            self.kept = Err(NotReplayable::Trailers);
        }
    }

    /// The copy, if it is one of the whole request.
    pub fn whole(&self) -> Option<&Kept> {
        self.kept.as_ref().ok().filter(|_| self.whole)
    }

    /// Whether more of the request is still to come, and kept.
    pub const fn is_growing(&self) -> bool {
        self.kept.is_ok() && !self.whole
    }

    /// Whether the request has come to its end.
    pub const fn is_whole(&self) -> bool {
        self.whole
    }

    /// What may be sent again, as far as it has come, or why nothing may.
    pub fn kept(&self) -> Result<&Kept, NotReplayable> {
        let kept = self.kept.as_ref().map_err(|reason| *reason)?;
        // Looked at only when a replay is wanted: most requests never need one.
        if kept.headers.iter().all(|(_, value)| std::str::from_utf8(value).is_ok()) {
            Ok(kept)
        } else {
            Err(NotReplayable::Headers)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::budget::Budget;

    fn post(extra: &[(&str, &str)]) -> Headers {
        [(":method", "POST"), (":path", "/assist")].into_iter().chain(extra.iter().copied()).collect()
    }

    fn begin(headers: Headers, end_of_stream: bool) -> RequestCopy {
        RequestCopy::begin(&contract(), headers, end_of_stream, share(usize::MAX), Use::Repeat)
    }

    fn share(limit: usize) -> Share {
        Share::of(Rc::new(Budget::new(limit)))
    }

    fn contract() -> Contract {
        Contract::new(["GET", "POST"], 8, 4)
    }

    #[test]
    fn a_method_that_is_not_listed_is_not_kept() {
        let headers = Headers::from_iter([(":method", "PATCH")]);
        let copy = begin(headers, true);
        assert_eq!(copy.kept().unwrap_err(), NotReplayable::Method);
        assert!(!copy.wants_body(1, true));
    }

    #[test]
    fn what_must_not_be_repeated_is_kept_for_the_first_time_that_it_is_sent() {
        let headers = Headers::from_iter([(":method", "PATCH"), ("content-length", "2")]);
        let mut copy = RequestCopy::begin(&contract(), headers, false, share(usize::MAX), Use::PassOver);
        assert!(!copy.is_held(), "it goes on as it comes");
        copy.extend(b"12", 2, true);
        assert_eq!(copy.kept().unwrap().body, b"12");
        copy.sent();
        assert_eq!(copy.kept().unwrap_err(), NotReplayable::Method);

        let mut copy = RequestCopy::begin(&contract(), post(&[]), true, share(usize::MAX), Use::PassOver);
        copy.sent();
        assert!(copy.kept().is_ok(), "what may be repeated is kept on");
    }

    #[test]
    fn what_its_body_is_to_judge_waits_whatever_its_method() {
        let headers = Headers::from_iter([(":method", "PATCH"), ("content-length", "2")]);
        let mut copy = RequestCopy::begin(&contract(), headers, false, share(usize::MAX), Use::Judge);
        assert!(copy.is_held() && copy.whole().is_none());
        copy.extend(b"12", 2, true);
        assert_eq!(copy.whole().unwrap().body, b"12");
        copy.sent();
        assert_eq!(copy.kept().unwrap_err(), NotReplayable::Method, "it still is not sent again");
    }

    #[test]
    fn a_body_of_exactly_the_cap_is_kept_and_one_byte_more_is_not() {
        let mut copy = begin(post(&[]), false);
        copy.extend(b"1234", 4, false);
        copy.extend(b"5678", 4, true);
        assert!(copy.is_whole());
        assert_eq!(copy.kept().unwrap().body, b"12345678");

        let mut copy = begin(post(&[]), false);
        copy.extend(b"12345678", 8, false);
        copy.extend(b"9", 1, true);
        assert_eq!(copy.kept().unwrap_err(), NotReplayable::Body);
        assert!(copy.is_whole(), "the end counts also when nothing is kept");
    }

    #[test]
    fn an_announced_length_over_the_cap_is_refused_before_a_byte_is_copied() {
        let copy = begin(post(&[("content-length", "9")]), false);
        assert_eq!(copy.kept().unwrap_err(), NotReplayable::Body);
        let copy = begin(post(&[("content-length", "8")]), false);
        assert!(copy.kept().is_ok());
    }

    #[test]
    fn a_short_request_is_held_back_until_it_is_whole() {
        let announced = |length: &str| begin(post(&[("content-length", length)]), false);
        let mut copy = announced("4");
        assert!(copy.is_held() && !copy.wants_body(3, false));
        assert!(copy.is_held_in_vain());
        copy.extend(b"", 3, false);
        assert!(copy.is_held() && !copy.is_held_in_vain() && copy.wants_body(4, true));
        copy.extend(b"1234", 4, true);
        assert!(!copy.is_held());
        assert_eq!(copy.kept().unwrap().body, b"1234");

        assert!(!announced("5").is_held(), "one that is announced as longer than the hold does not wait");
        assert!(!announced("0").is_held());
        assert!(!announced("4").without_hold().is_held());
        let never = Contract::new(["POST"], 8, 0);
        assert!(!RequestCopy::begin(&never, post(&[]), false, share(usize::MAX), Use::Repeat).is_held());
    }

    #[test]
    fn one_that_announces_nothing_waits_for_its_first_bytes_only() {
        let mut copy = begin(post(&[]), false);
        assert!(copy.is_held() && copy.wants_body(1, false));
        copy.extend(b"1", 1, false);
        assert!(!copy.is_held());
        assert_eq!(copy.kept().unwrap().body, b"1");
    }

    #[test]
    fn a_body_that_is_longer_than_announced_is_let_go() {
        let mut copy = begin(post(&[("content-length", "4")]), false);
        assert!(copy.wants_body(5, false));
        copy.extend(b"12345", 5, false);
        assert!(!copy.is_held());
        copy.extend(b"678", 3, true);
        assert_eq!(copy.kept().unwrap().body, b"12345678");
    }

    #[test]
    fn what_is_kept_is_bounded_by_the_memory_of_all() {
        let budget = Rc::new(Budget::new(OVERHEAD + 4));
        let begin = |extra: &[(&str, &str)]| {
            RequestCopy::begin(&contract(), post(extra), false, Share::of(budget.clone()), Use::Repeat)
        };
        assert_eq!(begin(&[("content-length", "5")]).kept().unwrap_err(), NotReplayable::Memory);
        let mut copy = begin(&[]);
        assert_eq!(begin(&[]).kept().unwrap_err(), NotReplayable::Memory);
        copy.extend(b"1234", 4, false);
        assert!(copy.kept().is_ok());
        copy.extend(b"5", 1, true);
        assert_eq!(copy.kept().unwrap_err(), NotReplayable::Memory);
        assert_eq!(budget.used(), 0, "what is not kept takes nothing");

        let mut copy = begin(&[("content-length", "4")]);
        copy.forget();
        assert_eq!(budget.used(), 0);
        assert!(!copy.wants_body(4, true));
    }

    #[test]
    fn trailers_forbid_a_replay() {
        let mut copy = begin(post(&[]), false);
        copy.end_with_trailers();
        assert_eq!(copy.kept().unwrap_err(), NotReplayable::Trailers);
    }

    #[test]
    fn a_header_that_is_not_text_forbids_a_replay() {
        let mut headers = post(&[]);
        headers.push("x-odd", vec![b'a', 0xff]);
        let copy = begin(headers, true);
        assert_eq!(copy.kept().unwrap_err(), NotReplayable::Headers);
    }

    #[test]
    fn headers_of_the_clients_connection_are_not_copied() {
        let headers = post(&[
            ("content-length", "2"),
            ("te", "trailers"),
            ("x-envoy-upstream-rq-timeout-ms", "1"),
            ("x-request-id", "r1"),
        ]);
        let copy = begin(headers, true);
        let names: Vec<_> = copy.kept().unwrap().headers.iter().map(|(name, _)| name).collect();
        assert_eq!(names, [":method", ":path", "x-request-id"]);
    }
}
