//! Asking the agent: one question at a time, which it answers when there is something new (a long poll).

use std::time::Duration;

use crate::http::Headers;
use crate::time::Timestamp;

/// Where the agent tells which overrides there are.
pub const PATH: &str = "/v1/overrides";

/// How long the agent is asked to wait for something new.
const WAIT: Duration = Duration::from_secs(20);

/// When it is given up: it may answer late.
const TIMEOUT: Duration = Duration::from_secs(25);

/// What to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poll {
    /// Of the request, with pseudo-headers; it has no body.
    pub headers: Headers,
    /// When Envoy gives it up.
    pub timeout: Duration,
}

/// What an answer comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// Another document of overrides than before.
    Document(Vec<u8>),
    /// The same as before.
    Same,
    /// None came, or none that says anything.
    Failed,
}

/// A worker's conversation with the agent.
#[derive(Clone, Debug)]
pub struct Poller {
    interval: Duration,
    /// The question under way, by Envoy's number, and when it was asked.
    asked: Option<(u32, Timestamp)>,
    /// What the agent called the document that it gave last.
    etag: Option<Vec<u8>>,
    /// No question before.
    not_before: Timestamp,
    is_failing: bool,
}

impl Poller {
    /// One that leaves at least `interval` between questions that bring nothing new.
    pub const fn every(interval: Duration) -> Self {
        Self { interval, asked: None, etag: None, not_before: Timestamp::from_millis(0), is_failing: false }
    }

    /// What to ask `now`, if anything.
    pub fn next(&self, now: Timestamp) -> Option<Poll> {
        let wait = self.not_before.since(now);
        // A longer one was set before the clock stepped back.
        let is_due = wait.is_zero() || wait > self.interval;
        (self.asked.is_none() && is_due).then(|| self.question())
    }

    fn question(&self) -> Poll {
        let path = format!("{PATH}?wait={}s", WAIT.as_secs());
        let mut headers = Headers::new();
        for (name, value) in [(":method", "GET"), (":path", &path), (":authority", "helius-agent"), (":scheme", "http")]
        {
            headers.push(name, value);
        }
        if let Some(etag) = &self.etag {
            headers.push("if-none-match", etag.clone());
        }
        Poll { headers, timeout: TIMEOUT }
    }

    /// The question has been asked; `token` is Envoy's number for it, none where Envoy refused.
    pub fn asked(&mut self, token: Option<u32>, now: Timestamp) {
        self.asked = token.map(|token| (token, now));
        if token.is_none() {
            self.not_before = now.after(self.interval);
        }
    }

    /// Whether Envoy's number is that of the question under way.
    pub fn is_asked(&self, token: u32) -> bool {
        self.asked.is_some_and(|(it, _)| it == token)
    }

    /// The question under way has come to something; without headers nobody has answered.
    pub fn answered(&mut self, headers: &Headers, body: Vec<u8>, now: Timestamp) -> Answered {
        let since = self.asked.take().map_or(now, |(_, since)| since);
        match headers.status() {
            Some(200) => {
                self.etag = headers.first("etag").map(<[u8]>::to_vec);
                // The next change may be there already. Without a name for this one, the agent could not wait for it.
                self.not_before = if self.etag.is_some() { now } else { now.after(self.interval) };
                Answered::Document(body)
            }
            Some(304) => {
                self.not_before = since.after(self.interval);
                Answered::Same
            }
            _ => {
                self.not_before = now.after(self.interval);
                Answered::Failed
            }
        }
    }

    /// What was answered last is of no use: it is asked for again.
    pub fn refuse(&mut self, now: Timestamp) {
        self.etag = None;
        self.not_before = now.after(self.interval);
    }

    /// Notes whether the agent is of use, and says whether that is news.
    pub fn is_news(&mut self, is_failing: bool) -> bool {
        std::mem::replace(&mut self.is_failing, is_failing) != is_failing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn at(millis: u64) -> Timestamp {
        START.after(Duration::from_millis(millis))
    }

    fn answer(status: &str, etag: Option<&str>) -> Headers {
        [(":status", status)].into_iter().chain(etag.map(|etag| ("etag", etag))).collect()
    }

    /// Asked at once, and answered at this moment.
    fn answered(millis: u64, headers: &Headers) -> (Poller, Answered) {
        let mut poller = Poller::every(Duration::from_secs(1));
        assert!(poller.next(at(0)).is_some());
        poller.asked(Some(7), at(0));
        assert_eq!(poller.next(at(60_000)), None, "one question at a time");
        assert!(poller.is_asked(7) && !poller.is_asked(8));
        let answered = poller.answered(headers, b"{}".to_vec(), at(millis));
        (poller, answered)
    }

    #[test]
    fn after_something_new_it_asks_at_once_for_what_is_newer() {
        let (poller, answered) = answered(10, &answer("200", Some("\"1\"")));
        assert_eq!(answered, Answered::Document(b"{}".to_vec()));
        let poll = poller.next(at(10)).unwrap();
        assert_eq!(poll.headers.first("if-none-match"), Some(b"\"1\"".as_slice()));
        assert_eq!(poll.headers.first(":path"), Some(b"/v1/overrides?wait=20s".as_slice()));
    }

    #[test]
    fn an_agent_that_does_not_wait_is_not_asked_more_often_for_that() {
        let unchanged = answer("304", None);
        let nameless = answer("200", None);
        for headers in [&unchanged, &nameless, &answer("500", None), &Headers::new()] {
            let (poller, _) = answered(0, headers);
            assert_eq!(poller.next(at(999)), None, "{headers:?}");
            assert!(poller.next(at(1_000)).is_some(), "{headers:?}");
        }
    }

    #[test]
    fn one_that_has_waited_is_asked_again_at_once() {
        let (poller, answered) = answered(20_000, &answer("304", None));
        assert_eq!(answered, Answered::Same);
        assert!(poller.next(at(20_000)).is_some());
    }

    #[test]
    fn what_envoy_refuses_to_ask_is_asked_later() {
        let mut poller = Poller::every(Duration::from_secs(1));
        poller.asked(None, at(0));
        assert_eq!(poller.next(at(999)), None);
        assert!(poller.next(at(1_000)).is_some());
    }

    #[test]
    fn a_clock_that_steps_back_an_hour_does_not_silence_it() {
        let mut poller = Poller::every(Duration::from_secs(1));
        poller.asked(None, at(3_600_000));
        assert!(poller.next(at(0)).is_some());
    }

    #[test]
    fn a_document_that_is_of_no_use_is_asked_for_again() {
        let (mut poller, _) = answered(0, &answer("200", Some("\"1\"")));
        poller.refuse(at(0));
        assert_eq!(poller.next(at(999)), None);
        assert_eq!(poller.next(at(1_000)).unwrap().headers.first("if-none-match"), None);
    }

    #[test]
    fn that_the_agent_is_gone_is_news_once() {
        let mut poller = Poller::every(Duration::from_secs(1));
        let told: Vec<bool> = [false, true, true, false].map(|failing| poller.is_news(failing)).into();
        assert_eq!(told, [false, true, false, true]);
    }
}
