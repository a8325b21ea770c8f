//! The circuit breaker of one region of one route: a pure state machine, and its record.
//!
//! All worker threads share it through Envoy's shared data: read the bytes, [`Breaker::decode`], [`Breaker::admit`] or
//! [`Breaker::record`], [`Breaker::encode`], compare and set; when another worker was faster, from the beginning. So the
//! state survives a configuration push and a VM that died, and nothing here waits for a timer.
//!
//! | state | event | state after | effect |
//! |---|---|---|---|
//! | closed | admit | closed | allowed; in the ramp a share, the rest is rejected |
//! | closed | success, failure, invalid output | closed | counted; a success after the ramp sets the back-off back |
//! | closed | the same, and too many failed in a row, or too large a share failed or was slow | open | back-off grows |
//! | closed | the same, and too many were invalid | open | the region is ejected; back-off grows |
//! | closed | admit, and many wait while nobody has been answered for long | open | back-off grows; rejected |
//! | closed | 429 with `Retry-After` | open | for as long as it says, at most 300 s |
//! | closed | 429 without, other 4xx, client left | closed | nothing |
//! | open | admit, open time not over | open | rejected |
//! | open | admit, open time over | half-open | decided as half-open: a probe |
//! | open | last resort | open | one a second is allowed |
//! | open | success of a last resort | half-open | |
//! | open | any other outcome | open | nothing |
//! | half-open | admit, a slot is free | half-open | a probe; it has the slot until its outcome or its deadline |
//! | half-open | admit or last resort, no slot is free | half-open | rejected |
//! | half-open | a probe succeeds, not yet enough | half-open | slot freed, the limit begins anew with the next probe |
//! | half-open | a probe succeeds, enough have | closed | the ramp begins, with a window of its own |
//! | half-open | the same, but as many were slow as trip a closed one | open | back-off grows |
//! | half-open | a probe fails or is invalid | open | back-off grows |
//! | half-open | a probe is answered 429 with `Retry-After` | open | for as long as it says |
//! | half-open | 429 without, other 4xx, client left | half-open | slot freed |
//! | half-open | any event after the limit | open | back-off grows |
//! | any | an outcome that was admitted to an earlier state | the same | nothing |
//! | any | mode is `forced_open` | open | everything is rejected, the last resort too; outcomes are not counted |
//! | any | mode is `forced_closed` | closed | everything is allowed; outcomes are counted, and trip when the mode ends |
//! | any | mode is `off` | the same | everything is allowed, nothing is touched |
//!
//! Choices that the table does not show:
//!
//! * **Stragglers.** Each change of state begins a generation, which permits carry. So what was admitted before the
//!   breaker opened says nothing while it is open or half-open, nor after it has closed again.
//! * **Retry-After** is no failure: the back-off stays what it was, and the time has no jitter. While open it is not
//!   listened to: the first of a burst of 429s opens, the others are stragglers.
//! * **The limit of half-open** runs from a probe that was let in to the next success. While nobody asks nothing is
//!   given up, and a route with one request a minute can close. It is never shorter than the attempt's timeout.
//! * **The bound on probes** holds from one half-open state to the next: a probe that is still under way when the
//!   breaker opens again keeps its slot.
//! * **A slot** lapses a moment after the attempt's time is over, because that is when its timeout is reported. A probe
//!   that is later still counts as what it was.
//! * **Slow probes** reopen by the rate that trips a closed breaker, not one by one.
//! * **Shadow** mode is the same machine. Calls that it would have rejected go to the region, but their outcomes are not
//!   recorded: an enforcing breaker would not have them.
//! * **After a force** an open breaker asks probes as soon as its own open time is over, which for one that was forced
//!   open is at once; a closed one is in the ramp if it was not closed before.
//! * **All regions open.** A last resort is a request that would else get a static answer. It takes no slot, so those
//!   of a region that hangs are as many as the attempt's timeout has seconds. Its success shows that waiting on harms
//!   the clients more than the region, also where the region asked for more time.
//!
//! The clock is the host's wall clock. A step forth is believed: what is due is due, so an open breaker asks its probes
//! early, and a ramp may be over. A step back finds stored times in the future, and pulls each one near at the next
//! event, which writes the record:
//!
//! * the end of the open time, a slot's deadline, the limit, the next last resort: to their own span from now at most,
//!   and to the longest that today's settings know. Never early, because what is left of a span is never more than
//!   the span; never longer open than once more the time of this opening;
//! * the beginning of a ramp: to now, so it begins anew;
//! * the window: up to its length back, the newest bucket takes what comes, which is also what happens when two
//!   workers read one moment a little apart; farther back, the counts stay and grow old in the new time.
//!
//! A record that is lost or of another version is a fresh, closed breaker. The state changes with events, not with
//! time: without traffic the gauge shows open until the next request.

mod admission;
mod backoff;
mod deadline;
mod ejection;
mod outcome;
mod probes;
mod ramp;
mod record;
mod settings;
mod shared;
mod silence;
mod slots;
mod tally;
mod transition;
mod window;

use std::time::Duration;

use deadline::{Deadline, Moment};
use probes::Probes;
use ramp::Ramping;
use slots::Slots;
use tally::Tally;

pub use admission::{Admission, Admitted, Attempt, Permit};
pub use outcome::Outcome;
pub use record::RECORD_LEN;
pub use settings::{Backoff, Eject, HalfOpen, MAX_PERMITS, Mode, Ramp, Settings, SlowCall};
pub use shared::SharedBreaker;
pub use transition::{Reason, State, Transition};

/// The circuit breaker of one region of one route. A fresh one is closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breaker {
    /// Changes with each transition, so that an outcome finds the state that it was admitted to.
    generation: u32,
    /// How often it opened without evidence of success since; the exponent of the back-off.
    attempt: u8,
    /// The ticket of the newest probe; 0 before the first.
    last_ticket: u32,
    /// When the next last resort is due.
    last_resort: Deadline,
    phase: Phase,
}

/// A state with what it needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Closed { ramp: Option<Ramping>, tally: Tally },
    Open { until: Deadline, slots: Slots },
    HalfOpen(Probes),
}

impl Default for Phase {
    fn default() -> Self {
        Self::Closed { ramp: None, tally: Tally::default() }
    }
}

impl Breaker {
    /// The state.
    pub const fn state(&self) -> State {
        match self.phase {
            Phase::Closed { .. } => State::Closed,
            Phase::Open { .. } => State::Open,
            Phase::HalfOpen(_) => State::HalfOpen,
        }
    }

    /// The value of the gauge: 0 closed, 1 half-open, 2 open. With mode `off` it is what it last was.
    pub const fn state_code(&self) -> u8 {
        self.state().code()
    }

    /// What has happened since the last event without anybody noticing: the clock has stepped, the mode has changed,
    /// or the limit of half-open is over.
    fn catch_up(&mut self, settings: &Settings, now: Moment, random: f64) -> Option<Transition> {
        self.settle(settings, now);
        match (settings.mode, &self.phase) {
            // Open with no time to wait: it may ask its probes when the mode changes back.
            (Mode::ForcedOpen, Phase::Closed { .. } | Phase::HalfOpen(_)) => {
                Some(self.open(Reason::Forced, now, Duration::ZERO))
            }
            (Mode::ForcedClosed, Phase::Open { .. } | Phase::HalfOpen(_)) => Some(self.recover(Reason::Forced, now)),
            // Half-open -> open once the limit is over
            (_, Phase::HalfOpen(probes)) if probes.has_timed_out(now) => {
                Some(self.trip(settings, Reason::ProbesTimedOut, now, random))
            }
            _ => None,
        }
    }

    /// Closed -> open when too many wait for an answer and nobody gets one.
    fn trip_if_silent(
        &mut self,
        settings: &Settings,
        now: Moment,
        timeout: Duration,
        random: f64,
    ) -> Option<Transition> {
        match &self.phase {
            Phase::Closed { tally, .. }
                if tally.silence.is_ominous(settings, now, timeout) && settings.mode != Mode::ForcedClosed =>
            {
                Some(self.trip(settings, Reason::Unanswered, now, random))
            }
            _ => None,
        }
    }

    /// Open -> half-open once the open time is over.
    fn probe_if_due(&mut self, settings: &Settings, now: Moment) -> Option<Transition> {
        match &self.phase {
            Phase::Open { until, .. } if until.is_over(now) && settings.mode != Mode::ForcedOpen => {
                Some(self.probe(Reason::BackoffElapsed))
            }
            _ => None,
        }
    }

    fn trip(&mut self, settings: &Settings, reason: Reason, now: Moment, random: f64) -> Transition {
        let span = backoff::open_time(&settings.open, self.attempt, random);
        self.attempt = self.attempt.saturating_add(1);
        self.open(reason, now, span)
    }

    fn open(&mut self, reason: Reason, now: Moment, span: Duration) -> Transition {
        let slots = self.slots().copied().unwrap_or_default();
        self.enter(Phase::Open { until: Deadline::after(now, span), slots }, reason)
    }

    fn probe(&mut self, reason: Reason) -> Transition {
        let slots = self.slots().copied().unwrap_or_default();
        self.enter(Phase::HalfOpen(Probes::begin(slots)), reason)
    }

    fn recover(&mut self, reason: Reason, now: Moment) -> Transition {
        self.enter(Phase::Closed { ramp: Some(Ramping::begin(now)), tally: Tally::default() }, reason)
    }

    /// The slots of probes, which a closed breaker has no use for.
    const fn slots(&mut self) -> Option<&mut Slots> {
        match &mut self.phase {
            Phase::Closed { .. } => None,
            Phase::Open { slots, .. } => Some(slots),
            Phase::HalfOpen(probes) => Some(&mut probes.slots),
        }
    }

    fn enter(&mut self, phase: Phase, reason: Reason) -> Transition {
        let from = self.state();
        self.phase = phase;
        self.generation = self.generation.wrapping_add(1);
        Transition::new(from, self.state(), reason)
    }
}
