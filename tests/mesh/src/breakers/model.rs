//! When a breaker has to change its state, and when it may: told a second time, from what the filter has heard of and
//! from the wall clock, for a breaker that acts and whose settings stay the same.
//!
//! What it cannot know is chance: the jitter, and who is let in on the ramp. There it knows the bounds.

use super::State;
use crate::document::{Breaker, INVALID_OUTPUT};
use crate::scenario::Millis;
use crate::world::Micros;

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// A good answer, which took so long.
    Success {
        took: Micros,
    },
    Failure,
    /// A good status, and a body that is of no use.
    Invalid,
    /// A 429, and after how many seconds to come back.
    RateLimited {
        wait: Option<u64>,
    },
    /// Another 4xx.
    Ignored,
    /// The client left first.
    Abandoned,
}

/// Where it goes, and the word for why.
pub(crate) type Change = (State, &'static str);

/// A breaker as it has to be.
#[derive(Debug)]
pub(crate) struct Model {
    settings: Breaker,
    slow: Micros,
    /// So many invalid answers of so many open it.
    eject: Option<(u32, u32)>,
    phase: Phase,
    /// How often it has tripped without evidence of success between.
    trips: u32,
    /// How long a region has just asked to be left alone.
    asked_for: Millis,
    /// A change that follows from what was told last.
    due: Option<Change>,
}

#[derive(Debug)]
enum Phase {
    Closed {
        ramp: Option<Millis>,
        in_a_row: u32,
        calls: Vec<Call>,
        /// Which of the last calls were invalid, the newest at the end.
        invalid: Vec<bool>,
        waiting: Waiting,
    },
    /// For at least and at most so long.
    Open {
        since: Millis,
        least: Millis,
        most: Millis,
    },
    HalfOpen {
        successes: u32,
        slow: u32,
        gives_up: Option<Millis>,
    },
}

#[derive(Debug)]
struct Call {
    bucket: u64,
    is_failure: bool,
    is_slow: bool,
}

/// Those who have been waiting since the last answer.
#[derive(Debug, Default)]
struct Waiting {
    count: u32,
    since: Millis,
    /// On the ramp a last resort looks like any other attempt, and is not counted.
    is_unsure: bool,
}

const FRESH: Phase = Phase::Closed {
    ramp: None,
    in_a_row: 0,
    calls: Vec::new(),
    invalid: Vec::new(),
    waiting: Waiting { count: 0, since: 0, is_unsure: false },
};

impl Model {
    /// A closed one, for a region whose attempts may take so long.
    pub(crate) const fn new(settings: Breaker, slow: Micros, eject: Option<(u32, u32)>) -> Self {
        Self { settings, slow, eject, phase: FRESH, trips: 0, asked_for: 0, due: None }
    }

    /// An attempt was let in that may take `timeout`. Says why it should not have been.
    pub(crate) fn let_in(&mut self, now: Millis, timeout: Millis, is_whole: bool) -> Result<(), String> {
        let is_on_ramp = self.is_on_ramp(now);
        let limit = self.settings.max_wait.max(timeout);
        match &mut self.phase {
            Phase::Closed { waiting, .. } => {
                let (most, slow) = (self.settings.consecutive_failures, self.slow);
                if !waiting.is_unsure && waiting.is_ominous(most, slow, now) && now - waiting.since <= timeout {
                    let waited = now - waiting.since;
                    return Err(format!(
                        "{} have been waiting for {waited} ms, and one more joins them",
                        waiting.count
                    ));
                }
                if is_whole {
                    waiting.join(now, timeout, is_on_ramp);
                }
            }
            Phase::Open { since, most, .. } if now > *since + *most => {
                return Err(format!("it has been open for {} ms, and this is no probe", now - *since));
            }
            Phase::HalfOpen { gives_up: Some(at), .. } if now >= *at => {
                return Err(format!("the limit of half-open was over {} ms ago", now - *at));
            }
            Phase::HalfOpen { gives_up, .. } => _ = gives_up.get_or_insert(now + limit),
            Phase::Open { .. } => {}
        }
        Ok(())
    }

    /// An attempt was kept away, while so many probes were under way. Says why it should not have been.
    pub(crate) fn kept_away(&self, now: Millis, probes: usize) -> Result<(), String> {
        match &self.phase {
            Phase::Closed { .. } if !self.is_on_ramp(now) => Err("it is closed".to_owned()),
            Phase::Open { since, most, .. } if now > *since + *most => {
                Err(format!("it has been open for {} ms, and may have been so for {most}", now - *since))
            }
            Phase::HalfOpen { gives_up: Some(at), .. } if now >= *at => {
                Err(format!("the limit of half-open was over {} ms ago", now - *at))
            }
            Phase::HalfOpen { .. } if probes < usize::try_from(self.settings.permits).unwrap_or(0) => {
                Err(format!("it is half-open, and only {probes} probes are under way"))
            }
            _ => Ok(()),
        }
    }

    /// The filter is told what became of an attempt; `is_current` where it was let in to the state that is.
    pub(crate) fn tell(&mut self, now: Millis, told: Told, is_current: bool) {
        if self.has_given_up(now) {
            self.due = Some((State::Open, "probes_timed_out"));
            return;
        }
        if !is_current {
            return;
        }
        if let Phase::Closed { waiting, .. } = &mut self.phase
            && told != Told::Abandoned
        {
            *waiting = Waiting::default();
        }
        self.due = match told {
            Told::Success { .. } | Told::Failure | Told::Invalid => self.count(now, told),
            Told::RateLimited { wait: Some(wait) } => self.obey(wait),
            Told::RateLimited { wait: None } | Told::Ignored | Told::Abandoned => None,
        };
    }

    /// A change was counted. Says what is wrong with it.
    pub(crate) fn change(&mut self, now: Millis, (to, reason): (State, &str)) -> Result<(), String> {
        let due = self.due.take();
        let is_right = match (&self.phase, reason) {
            (Phase::Closed { waiting, .. }, "unanswered") => {
                waiting.is_unsure || waiting.is_ominous(self.settings.consecutive_failures, self.slow, now)
            }
            (Phase::HalfOpen { .. }, "probes_timed_out") => self.has_given_up(now),
            (Phase::Open { since, least, .. }, "backoff_elapsed") => now >= since + least,
            _ => due == Some((to, reason)),
        };
        let before = format!("{:?}", self.phase);
        self.enter(now, to, reason);
        if is_right { Ok(()) } else { Err(format!("it goes to {to:?} by {reason}, due is {due:?}, it was {before}")) }
    }

    /// The event is over. Says what should have been counted.
    pub(crate) fn settle(&mut self) -> Result<(), String> {
        match self.due.take() {
            None => Ok(()),
            Some((to, reason)) => Err(format!("it should go to {to:?} by {reason}, and does not: {:?}", self.phase)),
        }
    }

    /// What has been told counts as a call.
    fn count(&mut self, now: Millis, told: Told) -> Option<Change> {
        let (settings, eject) = (self.settings, self.eject);
        let is_slow = matches!(told, Told::Success { took } if took > self.slow);
        let is_failure = !matches!(told, Told::Success { .. });
        match &mut self.phase {
            Phase::Open { .. } => (!is_failure).then_some((State::HalfOpen, "last_resort_succeeded")),
            Phase::HalfOpen { .. } if is_failure => Some((State::Open, "probe_failed")),
            Phase::HalfOpen { successes, slow, gives_up } => {
                *gives_up = None;
                *successes += 1;
                *slow += u32::from(is_slow);
                if *successes < settings.successes {
                    None
                } else if reaches(*slow, *successes, settings.slow_rate) {
                    Some((State::Open, "slow_calls"))
                } else {
                    Some((State::Closed, "probes_succeeded"))
                }
            }
            Phase::Closed { ramp, in_a_row, calls, invalid, .. } => {
                let bucket = now / (settings.window / 10).max(1);
                calls.retain(|call| call.bucket + 10 > bucket);
                calls.push(Call { bucket, is_failure, is_slow });
                *in_a_row = if is_failure { *in_a_row + 1 } else { 0 };
                invalid.push(told == Told::Invalid);
                let is_ejected = eject.is_some_and(|(most, of)| is_ejected(invalid, most, of));
                let reason = reason_to_trip(&settings, *in_a_row, calls);
                let reason = if is_ejected { Some(INVALID_OUTPUT) } else { reason };
                if reason.is_none() && !is_failure && ramp.is_none_or(|since| is_up(&settings, since, now)) {
                    (*ramp, self.trips) = (None, 0);
                }
                reason.map(|reason| (State::Open, reason))
            }
        }
    }

    fn obey(&mut self, wait: u64) -> Option<Change> {
        self.asked_for = (wait * 1000).min(self.settings.retry_after_max);
        let is_obeyed = self.asked_for > 0 && !matches!(self.phase, Phase::Open { .. });
        is_obeyed.then_some((State::Open, "retry_after"))
    }

    fn enter(&mut self, now: Millis, to: State, reason: &str) {
        self.phase = match to {
            State::Closed => {
                let (calls, invalid) = (Vec::new(), Vec::new());
                Phase::Closed { ramp: Some(now), in_a_row: 0, calls, invalid, waiting: Waiting::default() }
            }
            State::HalfOpen => Phase::HalfOpen { successes: 0, slow: 0, gives_up: None },
            State::Open if reason == "retry_after" => {
                Phase::Open { since: now, least: self.asked_for, most: self.asked_for }
            }
            State::Open => {
                let (base, max, jitter) = self.settings.open;
                let nominal = base.saturating_mul(1 << self.trips.min(30)).min(max);
                let jitter = (nominal * Millis::from(jitter)).div_ceil(100);
                self.trips += 1;
                Phase::Open { since: now, least: nominal - jitter, most: nominal + jitter + 1 }
            }
        };
    }

    /// Whether only a share of the traffic is let through after closing.
    fn is_on_ramp(&self, now: Millis) -> bool {
        match &self.phase {
            Phase::Closed { ramp: Some(since), .. } => now < since + self.settings.ramp_span(),
            _ => false,
        }
    }

    fn has_given_up(&self, now: Millis) -> bool {
        matches!(self.phase, Phase::HalfOpen { gives_up: Some(at), .. } if now >= at)
    }
}

impl Waiting {
    fn join(&mut self, now: Millis, timeout: Millis, is_unsure: bool) {
        if self.count == 0 || now - self.since > timeout {
            (self.count, self.since) = (0, now);
        }
        self.count += 1;
        self.is_unsure |= is_unsure;
    }

    fn is_ominous(&self, most: u32, slow: Micros, now: Millis) -> bool {
        most > 0 && self.count >= most && (now - self.since) * 1000 > slow
    }
}

/// Whether everything has been let through for a whole step.
fn is_up(settings: &Breaker, since: Millis, now: Millis) -> bool {
    now - since >= settings.ramp_span() + settings.ramp.1
}

/// Whether so many of the last ones were invalid.
fn is_ejected(invalid: &[bool], most: u32, of: u32) -> bool {
    let last = invalid.iter().rev().take(usize::try_from(of).unwrap_or(usize::MAX));
    last.filter(|is_invalid| **is_invalid).count() >= usize::try_from(most).unwrap_or(usize::MAX)
}

fn reason_to_trip(settings: &Breaker, in_a_row: u32, calls: &[Call]) -> Option<&'static str> {
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let total = number(calls.len());
    let failed = number(calls.iter().filter(|call| call.is_failure).count());
    let slow = number(calls.iter().filter(|call| call.is_slow).count());
    let has_volume = total >= settings.min_requests;
    if settings.consecutive_failures > 0 && in_a_row >= settings.consecutive_failures {
        Some("consecutive_failures")
    } else if has_volume && reaches(failed, total, settings.failure_rate) {
        Some("failure_rate")
    } else if has_volume && reaches(slow, total, settings.slow_rate) {
        Some("slow_calls")
    } else {
        None
    }
}

const fn reaches(part: u32, total: u32, rate: u32) -> bool {
    part > 0 && part * 100 >= rate * total
}

#[cfg(test)]
mod tests {
    use super::{Model, Told};
    use crate::breakers::State;
    use crate::document::Breaker;

    const OK: Told = Told::Success { took: 1000 };

    fn model() -> Model {
        let settings = Breaker { consecutive_failures: 2, open: (100, 200, 0), ramp: (50, 100), ..Breaker::default() };
        Model::new(settings, 50_000, None)
    }

    fn opened() -> Model {
        let mut model = model();
        for at in [0, 1] {
            model.let_in(at, 500, true).unwrap();
            model.tell(at, Told::Failure, true);
        }
        model.change(1, (State::Open, "consecutive_failures")).unwrap();
        model
    }

    #[test]
    fn what_is_due_has_to_be_counted() {
        let mut model = model();
        model.tell(0, Told::Failure, true);
        model.settle().unwrap();
        model.tell(1, Told::Failure, true);
        assert!(model.settle().is_err());
    }

    #[test]
    fn so_many_invalid_ones_of_so_many_open_it() {
        for (told, is_due) in [([Told::Invalid, OK, Told::Invalid], true), ([Told::Invalid, OK, OK], false)] {
            let mut model = Model { eject: Some((2, 3)), ..model() };
            for told in told {
                model.tell(0, told, true);
            }
            assert_eq!(model.settle().is_err(), is_due, "{told:?}");
        }
        let mut late = Model { eject: Some((2, 3)), ..model() };
        for told in [Told::Invalid, OK, OK, Told::Invalid] {
            late.tell(0, told, true);
        }
        late.settle().unwrap();
    }

    #[test]
    fn nothing_changes_without_a_reason() {
        assert!(model().change(0, (State::Open, "consecutive_failures")).is_err());
        assert!(model().change(0, (State::Open, "unanswered")).is_err());
        assert!(opened().change(100, (State::HalfOpen, "backoff_elapsed")).is_err());
        opened().change(101, (State::HalfOpen, "backoff_elapsed")).unwrap();
    }

    #[test]
    fn who_is_kept_away_has_a_breaker_that_is_not_closed_and_not_due() {
        assert!(model().kept_away(0, 0).is_err());
        opened().kept_away(101, 0).unwrap();
        assert!(opened().kept_away(103, 0).is_err());
    }

    #[test]
    fn nobody_joins_those_who_wait_in_vain() {
        let mut model = model();
        for at in [0, 10, 50] {
            model.let_in(at, 500, true).unwrap();
        }
        assert!(model.let_in(51, 500, true).is_err());
        model.tell(51, OK, true);
        model.let_in(51, 500, true).unwrap();
    }

    #[test]
    fn a_slot_that_is_free_is_given_to_the_next() {
        let mut model = opened();
        model.change(200, (State::HalfOpen, "backoff_elapsed")).unwrap();
        model.kept_away(200, 3).unwrap();
        assert!(model.kept_away(200, 2).is_err());
    }

    #[test]
    fn the_back_off_doubles_until_all_of_the_traffic_goes_well() {
        let mut model = opened();
        model.change(200, (State::HalfOpen, "backoff_elapsed")).unwrap();
        for _ in 0..3 {
            model.let_in(200, 500, true).unwrap();
            model.tell(200, OK, true);
        }
        model.change(200, (State::Closed, "probes_succeeded")).unwrap();
        model.kept_away(299, 0).unwrap();
        assert!(model.kept_away(300, 0).is_err(), "the ramp is over");
        model.tell(399, OK, true);
        assert_eq!(model.trips, 1);
        model.tell(400, OK, true);
        assert_eq!(model.trips, 0);
    }
}
