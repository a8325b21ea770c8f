//! The rung "last good": what is kept of good answers, and given again when no region gives one.
//!
//! The primary's answer is copied as it passes, or is there already where it was judged; a secondary region's is there
//! whole. It is kept without reading what was kept before.
//!
//! What the route lets nobody send twice may change something. The answer to it says that this was done, and given again it
//! would not have been: so such a request is no question.

use super::{Exchange, Limited};
use crate::config::{Mode, Route};
use crate::dedupe::MAX_ANSWER;
use crate::host::Host;
use crate::http::{Headers, Response};
use crate::last_good::{Key, LastGood};
use crate::verdict::Verdict;

/// The question that a request is, where answers to it may be kept or given again. In a box, because most routes keep
/// none, and an exchange is moved about.
#[derive(Debug, Default)]
pub(super) struct Question(Option<Box<Asked>>);

#[derive(Debug)]
struct Asked {
    key: Key,
    salt: u64,
    /// Whether the primary's answer has trailers, which are not kept.
    has_trailers: bool,
    /// A kept answer for which the primary's own has been thrown away.
    found: Option<Response>,
}

/// Numbers that clients do not know.
#[derive(Clone, Copy, Debug)]
pub(super) struct Salts {
    /// For where an answer lies.
    pub(super) place: u64,
    /// For what a body is called.
    pub(super) bodies: u64,
}

impl Question {
    /// The question of a request with these headers.
    pub(super) fn new(route: &Route, headers: &Headers, end_of_stream: bool, salts: Salts) -> Self {
        let replay = &route.upstream.replay;
        let last_good = route.last_good().filter(|_| headers.first(":method").is_some_and(|it| replay.allows(it)));
        let key =
            last_good.and_then(|last_good| last_good.key(headers, end_of_stream, salts.bodies, replay.max_body()));
        Self(key.map(|key| Box::new(Asked { key, salt: salts.place, has_trailers: false, found: None })))
    }

    /// Whether the request's body is of use, and more of it is still to come.
    pub(super) fn is_growing(&self) -> bool {
        self.0.as_ref().is_some_and(|asked| asked.key.is_growing())
    }

    /// More of the request's body has come.
    pub(super) fn extend(&mut self, chunk: &[u8], size: usize, end_of_stream: bool) {
        if let Some(asked) = &mut self.0 {
            asked.key.extend(chunk, size, end_of_stream);
        }
    }

    /// The request has trailers, so its body is not all that it says.
    pub(super) fn give_up(&mut self) {
        if let Some(asked) = &mut self.0 {
            asked.key.give_up();
        }
    }

    /// The primary's answer has trailers.
    pub(super) fn see_trailers(&mut self) {
        if let Some(asked) = &mut self.0 {
            asked.has_trailers = true;
        }
    }

    /// Whether the primary's answer can be kept as far as it has been heard of.
    fn may_keep_primary(&self) -> bool {
        self.0.as_ref().is_some_and(|asked| !asked.has_trailers)
    }

    /// The key, where all of it is known.
    fn whole(&self) -> Option<(Vec<u8>, u64)> {
        let asked = self.0.as_ref()?;
        Some((asked.key.whole()?, asked.salt))
    }
}

impl Exchange {
    /// Whether an answer with this status may be one to keep.
    pub(super) fn may_keep_good(&self, status: u16) -> bool {
        self.mode == Mode::Enforce && self.question.0.is_some() && LastGood::may_keep(status)
    }

    /// Begins a copy of the primary's answer, if it is of use to anybody. One that is judged is copied for that already,
    /// and its duplicates have a copy of their own.
    pub(super) fn begin_copy(&mut self, status: u16, headers: Headers) {
        let for_duplicates = if self.keeps_answer() && Verdict::is_good(status) { MAX_ANSWER } else { 0 };
        let last_good = self.route.last_good().filter(|_| self.may_keep_good(status) && self.judging.is_none());
        let is_fit = |it: &&LastGood| it.may_keep_one_with(status, &headers);
        let for_later = last_good.filter(is_fit).map_or(0, LastGood::most);
        let most = for_duplicates.max(for_later);
        if most > 0 {
            self.answer.begin(status, headers, most);
        }
    }

    /// The primary has answered well, and this is the whole of it.
    pub(super) fn keep_good_of_primary(&self, response: &Response, host: &impl Host) {
        if self.question.may_keep_primary() {
            self.keep_good(response, host);
        }
    }

    /// A region has answered well, and this is the whole of it.
    pub(super) fn keep_good(&self, response: &Response, host: &impl Host) {
        if let Some(last_good) = self.route.last_good().filter(|_| self.may_keep_good(response.status))
            && let Some((key, salt)) = self.question.whole()
        {
            last_good.keep(&key, salt, response, host, host.now());
        }
    }

    /// The newest good answer to the question, if it is not too old.
    pub(super) fn last_good(&self, host: &impl Host) -> Option<Response> {
        let (key, salt) = self.question.whole()?;
        let found = self.route.last_good()?.find(&key, salt, host, host.now());
        found.or_else(|| self.question.0.as_ref()?.found.clone())
    }

    /// Whether a kept answer stands ready, so that the primary's own failure need not be held. A 429 is the answer in any
    /// case.
    pub(super) fn last_good_stands_in(&mut self, host: &impl Host) -> bool {
        if matches!(self.limited, Some(Limited::Primary)) {
            return false;
        }
        let found = self.last_good(host);
        if let Some(asked) = &mut self.question.0 {
            asked.found = found;
        }
        self.has_found_good()
    }

    /// Whether a kept answer has been found before.
    pub(super) fn has_found_good(&self) -> bool {
        self.question.0.as_ref().is_some_and(|asked| asked.found.is_some())
    }
}
