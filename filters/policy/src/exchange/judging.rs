//! A good answer of the primary while it is judged by what it says.
//!
//! In enforce mode it is held until it is whole, because a client that has seen the beginning of an invalid answer cannot
//! be helped any more. What comes is copied, and taken out of Envoy's buffer unless it is the last of it: the buffer may be
//! smaller than the answer, and Envoy ends an exchange whose buffer is full. An answer that comes in one piece is looked
//! at and let go, and costs one host call.
//!
//! Where nothing would follow from it (shadow mode, or a route whose `fail_on` does not list it), the answer goes to the
//! client as it comes, and is only counted as what it was.

use std::time::Duration;

use super::{Answer, Effect, Exchange, Held, IN_PLACE_MAX, Stage, record};
use crate::budget::Share;
use crate::config::{Mode, Output, Route};
use crate::host::Host;
use crate::http::{Headers, Response};
use crate::output::Violation;
use crate::verdict::{Degraded, Failure, Verdict};

/// What is wrong with an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It breaks a rule.
    Violation(Violation),
    /// It is longer than the route lets it be.
    TooLong,
}

impl Fault {
    /// The word for the rule in the log.
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Violation(violation) => violation.rule.word(),
            Self::TooLong => "max_body",
        }
    }

    /// The place in the answer, as a JSON pointer.
    pub fn pointer(&self) -> &str {
        match self {
            Self::Violation(violation) => &violation.pointer,
            Self::TooLong => "",
        }
    }
}

/// An answer under judgement.
#[derive(Debug)]
pub(super) struct Judging {
    /// As far as it has come.
    response: Response,
    share: Share,
    /// Why no more of it is kept.
    stopped: Option<Stopped>,
    /// Whether it has been taken out of Envoy's buffer.
    is_taken: bool,
}

#[derive(Clone, Copy, Debug)]
enum Stopped {
    TooLong,
    /// There is no memory for it, or Envoy does not show it: nobody knows what it is.
    Unknown,
}

impl Judging {
    const fn new(status: u16, headers: Headers, share: Share) -> Self {
        Self { response: Response { status, headers, body: Vec::new() }, share, stopped: None, is_taken: false }
    }

    pub(super) const fn is_growing(&self) -> bool {
        self.stopped.is_none()
    }

    /// It goes on with `size` bytes, which should be those of the chunk.
    pub(super) fn add(&mut self, chunk: &[u8], size: usize, most: usize) {
        let length = self.response.body.len().saturating_add(size);
        if length > most {
            self.stopped = Some(Stopped::TooLong);
        } else if chunk.len() != size || !self.share.grow_to(length) {
            self.stopped = Some(Stopped::Unknown);
        } else {
            self.response.body.extend_from_slice(chunk);
        }
    }
}

impl Output {
    fn judge(&self, body: &[u8]) -> Result<(), Fault> {
        if body.len() > self.max_body() {
            return Err(Fault::TooLong);
        }
        self.validator().validate(body).map_err(Fault::Violation)
    }
}

/// Takes out of a request that the client reads compressed answers, if its answer is to be judged: a compressed one cannot
/// be. Says whether there was anything to take out.
pub(super) fn ask_plainly(route: &Route, headers: &mut Headers) -> bool {
    const ACCEPT_ENCODING: &str = "accept-encoding";
    let has_it = route.output.is_some() && headers.first(ACCEPT_ENCODING).is_some();
    if has_it {
        headers.retain(|name| name != ACCEPT_ENCODING);
    }
    has_it
}

/// Whether an answer with these headers is one whose body can be judged.
fn is_legible(status: u16, headers: &Headers) -> bool {
    let is_plain = headers.first("content-encoding").is_none_or(|encoding| encoding.eq_ignore_ascii_case(b"identity"));
    (200..300).contains(&status)
        && !matches!(status, 204 | 205)
        && is_plain
        && !headers.starts_with("content-type", "text/event-stream")
}

impl Exchange {
    /// Whether an answer with this status may have to be judged.
    pub(super) fn may_judge(&self, status: u16) -> bool {
        self.route.output.is_some() && (200..300).contains(&status) && !self.is_head && !self.is_grpc
    }

    /// A good answer of the primary begins.
    pub(super) fn begin_judging(&mut self, status: u16, headers: &Headers) {
        if self.may_judge(status) && is_legible(status, headers) {
            self.judging = Some(Judging::new(status, headers.clone(), Share::of(self.copies.clone())));
        }
    }

    /// Whether the answer that begins is held until it has been judged.
    pub(super) fn holds_for_judgement(&self, verdict: Verdict) -> bool {
        let follows = self.mode == Mode::Enforce && self.route.upstream.fails_on(Failure::InvalidOutput);
        verdict == Verdict::Ok && self.judging.is_some() && follows
    }

    /// More of the answer that is held for its judgement.
    pub(super) fn on_judged_body(&mut self, size: usize, host: &impl Host, effects: &mut Vec<Effect>) {
        let (Stage::Judging(held), Some(judging)) = (&self.stage, &mut self.judging) else { return };
        let held = *held;
        match judging.stopped {
            Some(Stopped::TooLong) => {
                self.fall(held, size, Failure::InvalidOutput, Some(Fault::TooLong), host, effects);
            }
            Some(Stopped::Unknown) => self.fall(held, size, Failure::Overflow, None, host, effects),
            None if held.complete => self.finish_judging(held, size, host, effects),
            None if size > 0 => {
                judging.is_taken = true;
                effects.push(Effect::DiscardBody);
            }
            None => {}
        }
    }

    /// The answer is whole.
    pub(super) fn finish_judging(&mut self, held: Held, size: usize, host: &impl Host, effects: &mut Vec<Effect>) {
        let route = self.route.clone();
        let Some((output, judging)) = route.output.as_ref().zip(self.judging.take()) else { return };
        if let Err(fault) = output.judge(&judging.response.body) {
            return self.fall(held, size, Failure::InvalidOutput, Some(fault), host, effects);
        }
        self.keep_good_of_primary(&judging.response, host);
        if judging.is_taken {
            let Response { status, headers, body } = judging.response;
            effects.push(if body.len() <= IN_PLACE_MAX {
                Effect::GiveResponseBodyBack(body)
            } else {
                Effect::Answer(Answer::Reply(Response::from_callout(status, headers, body, false)))
            });
        }
        self.stage = Stage::Passing { verdict: Verdict::Ok, would: None };
        self.finish_passing(None, host, effects);
    }

    /// What is held is not the answer.
    pub(super) fn fall(
        &mut self,
        held: Held,
        size: usize,
        failure: Failure,
        fault: Option<Fault>,
        host: &impl Host,
        effects: &mut Vec<Effect>,
    ) {
        self.judging = None;
        self.is_unfit = true;
        self.answer.give_up();
        if size > 0 {
            effects.push(Effect::DiscardBody);
        }
        effects.extend(fault.map(|fault| Effect::Tell { region: 0, fault }));
        let verdict = Verdict::Failure(failure);
        self.degraded = Degraded::from_verdict(verdict);
        record(0, verdict, effects);
        self.hear(verdict, None, host, effects);
        self.descend(held, host, effects);
    }

    /// The answer that is held for its judgement has not ended, and nobody promises that it will.
    pub(super) fn wait_for_judgement(
        &mut self,
        held: Held,
        impatient_for: Duration,
        host: &impl Host,
        effects: &mut Vec<Effect>,
    ) {
        if impatient_for >= self.route.upstream.primary.timeout {
            self.fall(held, 0, Failure::Timeout, None, host, effects);
        }
    }

    /// The verdict on an answer that went to the client as it came, now that it is whole.
    pub(super) fn judge_what_passed(
        &mut self,
        verdict: Verdict,
        host: &impl Host,
        effects: &mut Vec<Effect>,
    ) -> Verdict {
        let route = self.route.clone();
        let Some((output, judging)) = route.output.as_ref().zip(self.judging.take()) else { return verdict };
        let judged = match judging.stopped {
            Some(Stopped::TooLong) => Err(Fault::TooLong),
            // Nobody knows.
            Some(Stopped::Unknown) => Ok(()),
            None => {
                output.judge(&judging.response.body).inspect(|()| self.keep_good_of_primary(&judging.response, host))
            }
        };
        match judged {
            Err(fault) if verdict == Verdict::Ok => {
                effects.push(Effect::Tell { region: 0, fault });
                Verdict::Failure(Failure::InvalidOutput)
            }
            _ => verdict,
        }
    }

    /// What is wrong with the answer of a secondary region, if its body is one to be judged.
    pub(super) fn fault_of_call(&self, status: u16, headers: &Headers, body: &[u8]) -> Option<Fault> {
        fault_of_call(&self.route, self.is_head, status, headers, body)
    }
}

/// What is wrong with the answer to a call, if its body is one to be judged.
pub(crate) fn fault_of_call(
    route: &Route,
    is_head: bool,
    status: u16,
    headers: &Headers,
    body: &[u8],
) -> Option<Fault> {
    let output = route.output.as_ref()?;
    (!is_head && is_legible(status, headers)).then(|| output.judge(body).err()).flatten()
}
