//! A breaker that is driven as the filter will drive it: from bytes to bytes, with every step checked.

use std::time::Duration;

use helius_policy::circuit_breaker::{
    Admission, Admitted, Attempt, Breaker, Mode, Outcome, Permit, RECORD_LEN, Reason, Settings, State, Transition,
};
use helius_policy::time::Timestamp;

/// When every test begins, in milliseconds: a multiple of every bucket's width.
pub(crate) const START: u64 = 1_800_000_000_000;

/// The time of an attempt.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(2);

pub(crate) const GOOD: Outcome = Outcome::Success { took: Duration::from_millis(50) };
pub(crate) const LIMITED: Outcome = Outcome::RateLimited { retry_after: None };

pub(crate) fn limited_for(seconds: u64) -> Outcome {
    Outcome::RateLimited { retry_after: Some(Duration::from_secs(seconds)) }
}

/// The defaults, enforced.
pub(crate) fn enforced() -> Settings {
    Settings { mode: Mode::Enforce, ..Settings::default() }
}

/// A breaker in shared data. Its clock is milliseconds after [`START`], and its dice show the middle, where the jitter
/// is none.
#[derive(Clone, Debug)]
pub(crate) struct Driven {
    pub(crate) bytes: [u8; RECORD_LEN],
    pub(crate) settings: Settings,
    /// Milliseconds since the epoch.
    pub(crate) now: u64,
    pub(crate) random: f64,
    pub(crate) timeout: Duration,
    /// Everything that it did.
    pub(crate) transitions: Vec<Transition>,
}

impl Driven {
    pub(crate) fn new(settings: Settings) -> Self {
        let bytes = Breaker::default().encode();
        Self { bytes, settings, now: START, random: 0.5, timeout: TIMEOUT, transitions: Vec::new() }
    }

    pub(crate) fn at(&mut self, after_start: u64) -> &mut Self {
        self.now = START + after_start;
        self
    }

    /// Lets time pass.
    pub(crate) fn wait(&mut self, millis: u64) -> &mut Self {
        self.now += millis;
        self
    }

    fn step<T>(&mut self, step: impl FnOnce(&mut Breaker, Timestamp) -> (T, Option<Transition>)) -> (T, bool) {
        let mut breaker = Breaker::decode(&self.bytes);
        let from = breaker.state();
        let (result, transition) = step(&mut breaker, Timestamp::from_millis(self.now));
        if let Some(transition) = transition {
            assert!(Transition::ALL.contains(&transition), "{transition:?} is not listed");
            assert_eq!((transition.from, transition.to), (from, breaker.state()));
            self.transitions.push(transition);
        } else {
            assert_eq!(from, breaker.state(), "a silent change of state");
        }
        let after = breaker.encode();
        assert_eq!(Breaker::decode(&after), breaker, "the bytes are the breaker");
        let has_changed = after != self.bytes;
        self.bytes = after;
        (result, has_changed)
    }

    pub(crate) fn admit(&mut self) -> Admitted {
        let (settings, timeout, random) = (self.settings, self.timeout, self.random);
        self.ask(|breaker, now| breaker.admit(&settings, now, Attempt { timeout, is_whole: true }, random))
    }

    pub(crate) fn admit_last_resort(&mut self) -> Admitted {
        let (settings, timeout, random) = (self.settings, self.timeout, self.random);
        self.ask(|breaker, now| breaker.admit_last_resort(&settings, now, Attempt { timeout, is_whole: true }, random))
    }

    fn ask(&mut self, ask: impl FnOnce(&mut Breaker, Timestamp) -> Admission) -> Admitted {
        let (admission, has_changed) = self.step(|breaker, now| {
            let admission = ask(breaker, now);
            (admission, admission.transition)
        });
        assert_eq!(admission.changed, has_changed, "{admission:?}");
        admission.admitted
    }

    pub(crate) fn record(&mut self, permit: Permit, outcome: Outcome) -> Option<Reason> {
        let (settings, random) = (self.settings, self.random);
        let (transition, _) = self.step(|breaker, now| {
            let transition = breaker.record(&settings, now, permit, outcome, random);
            (transition, transition)
        });
        transition.map(|it| it.reason)
    }

    pub(crate) fn state(&self) -> State {
        Breaker::decode(&self.bytes).state()
    }

    /// Why it is in the state that it is in.
    pub(crate) fn reason(&self) -> Option<Reason> {
        self.transitions.last().map(|it| it.reason)
    }

    /// Admits a call that must be let in, as a probe or not.
    pub(crate) fn permit(&mut self) -> Permit {
        let admitted = self.admit();
        permit_of(admitted).unwrap_or_else(|| panic!("{admitted:?} at {}", self.now - START))
    }

    /// A whole call.
    pub(crate) fn call(&mut self, outcome: Outcome) -> Option<Reason> {
        let permit = self.permit();
        self.record(permit, outcome)
    }

    /// As many calls, until one makes a transition: that one's number from 1, and why.
    pub(crate) fn calls(&mut self, count: u32, outcome: Outcome) -> Option<(u32, Reason)> {
        (1..=count).find_map(|number| Some((number, self.call(outcome)?)))
    }

    pub(crate) fn is_rejected(&mut self) -> bool {
        matches!(self.admit(), Admitted::Reject { .. })
    }

    /// How long it says that a call has to wait.
    pub(crate) fn rejected_for(&mut self) -> Option<u64> {
        match self.admit() {
            Admitted::Reject { retry_after } => u64::try_from(retry_after.as_millis()).ok(),
            Admitted::Allow { .. } | Admitted::Probe(_) => None,
        }
    }
}

pub(crate) fn permit_of(admitted: Admitted) -> Option<Permit> {
    match admitted {
        Admitted::Allow { permit, .. } | Admitted::Probe(permit) => Some(permit),
        Admitted::Reject { .. } => None,
    }
}

/// Tripped at the start by seven failures in a row: open for 5 s.
pub(crate) fn open(settings: Settings) -> Driven {
    let mut driven = Driven::new(settings);
    assert_eq!(driven.calls(7, Outcome::Failure), Some((7, Reason::ConsecutiveFailures)));
    driven
}

/// Half-open since 5 s after the start, with one probe under way.
pub(crate) fn half_open(settings: Settings) -> (Driven, Permit) {
    let mut driven = open(settings);
    let admitted = driven.at(5_000).admit();
    let Admitted::Probe(permit) = admitted else { panic!("{admitted:?}") };
    (driven, permit)
}

/// Closed since 5 s after the start, and in the ramp.
pub(crate) fn ramping(settings: Settings) -> Driven {
    let (mut driven, probe) = half_open(settings);
    assert_eq!(driven.record(probe, GOOD), None);
    assert_eq!(driven.calls(2, GOOD), Some((2, Reason::ProbesSucceeded)));
    driven.random = 0.0;
    driven
}
