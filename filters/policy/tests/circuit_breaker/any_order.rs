//! Admissions, outcomes, lost clients, dead workers, pushed modes and a clock that steps, in any order.

use std::time::Duration;

use helius_policy::circuit_breaker::{
    Admitted, Attempt, Breaker, Mode, Outcome, Permit, Reason, Settings, SlowCall, State,
};
use helius_policy::time::Timestamp;
use proptest::prelude::*;

use crate::setup::{Driven, GOOD, LIMITED, enforced, open, permit_of, ramping};

#[derive(Clone, Copy, Debug)]
enum Happens {
    Admit,
    LastResort,
    /// The outcome of one of the calls that are under way.
    Ends(prop::sample::Index, Outcome),
    /// A worker dies, and takes a call with it.
    Lost(prop::sample::Index),
    /// Milliseconds.
    Waits(u64),
    StepsForth(u64),
    StepsBack(u64),
    Mode(Mode),
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        6 => (0u64..3_000).prop_map(|millis| Outcome::Success { took: Duration::from_millis(millis) }),
        6 => Just(Outcome::Failure),
        1 => Just(Outcome::InvalidOutput),
        1 => prop::option::of((0u64..400).prop_map(Duration::from_secs))
            .prop_map(|retry_after| Outcome::RateLimited { retry_after }),
        1 => Just(Outcome::Ignored),
        1 => Just(Outcome::Abandoned),
    ]
}

fn any_mode() -> impl Strategy<Value = Mode> {
    prop::sample::select(vec![
        Mode::Enforce,
        Mode::Enforce,
        Mode::Enforce,
        Mode::Shadow,
        Mode::ForcedOpen,
        Mode::ForcedClosed,
        Mode::Off,
    ])
}

fn anything() -> impl Strategy<Value = Happens> {
    let hours = 0u64..10_800_000;
    prop_oneof![
        20 => Just(Happens::Admit),
        2 => Just(Happens::LastResort),
        16 => (any::<prop::sample::Index>(), any_outcome()).prop_map(|(index, outcome)| Happens::Ends(index, outcome)),
        2 => any::<prop::sample::Index>().prop_map(Happens::Lost),
        6 => prop_oneof![0u64..500, 0u64..10_000].prop_map(Happens::Waits),
        1 => hours.clone().prop_map(Happens::StepsForth),
        1 => prop_oneof![0u64..3_000, hours].prop_map(Happens::StepsBack),
        1 => any_mode().prop_map(Happens::Mode),
    ]
}

/// Few calls are enough for everything, so that short runs go everywhere.
fn nervous(permits: u8) -> Settings {
    let mut settings = Settings { min_requests: 4, consecutive_failures: 3, ..enforced() };
    settings.slow_call = Some(SlowCall::over(Duration::from_secs(2)));
    settings.half_open.permits = permits;
    settings.half_open.successes = 2;
    settings
}

struct UnderWay {
    permit: Permit,
    /// When it is over at the latest, if it is a probe. On the clock that steps back never take anything from.
    probe_until: Option<u64>,
}

/// What is known without looking into the breaker.
struct Model {
    driven: Driven,
    under_way: Vec<UnderWay>,
    /// Probes that their worker took with it.
    lost: Vec<u64>,
    /// Milliseconds that have passed. Steps forth are among them: nobody can tell them from a wait.
    elapsed: u64,
    /// When the breaker may ask its probes, and how long it was opened for.
    open: Option<(u64, u64)>,
}

impl Model {
    fn new(settings: Settings, timeout: u64) -> Self {
        let mut driven = Driven::new(settings);
        driven.timeout = Duration::from_millis(timeout);
        Self { driven, under_way: Vec::new(), lost: Vec::new(), elapsed: 0, open: None }
    }

    fn happens(&mut self, what: Happens) -> Result<(), TestCaseError> {
        let transitions = self.driven.transitions.len();
        match what {
            Happens::Admit => {
                let admitted = self.driven.admit();
                self.begins(admitted)?;
            }
            Happens::LastResort => {
                let admitted = self.driven.admit_last_resort();
                self.begins(admitted)?;
            }
            Happens::Ends(index, outcome) if !self.under_way.is_empty() => {
                let ends = self.under_way.swap_remove(index.index(self.under_way.len()));
                self.driven.record(ends.permit, outcome);
            }
            Happens::Lost(index) if !self.under_way.is_empty() => {
                let lost = self.under_way.swap_remove(index.index(self.under_way.len()));
                self.lost.extend(lost.probe_until);
            }
            Happens::Ends(..) | Happens::Lost(_) => {}
            Happens::Waits(millis) | Happens::StepsForth(millis) => {
                self.driven.now += millis;
                self.elapsed += millis;
            }
            Happens::StepsBack(millis) => self.driven.now = self.driven.now.saturating_sub(millis),
            Happens::Mode(mode) => self.driven.settings.mode = mode,
        }
        for transition in self.driven.transitions.split_off(transitions) {
            match transition.to {
                State::Open => self.open = Some(self.opened()),
                State::HalfOpen if transition.reason == Reason::BackoffElapsed => {
                    let (until, _) = self.open.take().unwrap();
                    prop_assert!(self.elapsed >= until, "{} ms early", until - self.elapsed);
                }
                State::HalfOpen => self.open = None,
                State::Closed => {
                    // A closed breaker lets anybody in; who is still under way is not its concern.
                    self.open = None;
                    self.lost.clear();
                    self.under_way.iter_mut().for_each(|it| it.probe_until = None);
                }
            }
        }
        Ok(())
    }

    fn begins(&mut self, admitted: Admitted) -> Result<(), TestCaseError> {
        if let (Admitted::Reject { retry_after }, Some((_, span)), State::Open, Mode::Enforce) =
            (admitted, self.open, self.driven.state(), self.driven.settings.mode)
        {
            prop_assert!(retry_after.as_millis() <= u128::from(span), "longer than it was opened for");
        }
        let Some(permit) = permit_of(admitted) else { return Ok(()) };
        let is_probe = matches!(admitted, Admitted::Probe(_));
        let until = self.elapsed + u64::try_from(self.driven.timeout.as_millis()).unwrap();
        self.under_way.push(UnderWay { permit, probe_until: is_probe.then_some(until) });
        let probes = self.under_way.iter().filter_map(|it| it.probe_until).chain(self.lost.iter().copied());
        let probes = probes.filter(|until| *until > self.elapsed).count();
        let permits = usize::from(self.driven.settings.half_open.permits);
        prop_assert!(!is_probe || probes <= permits, "{probes} probes at once");
        Ok(())
    }

    /// Until when, and how long, by asking a copy.
    fn opened(&self) -> (u64, u64) {
        let mut copy = self.driven.clone();
        copy.settings.mode = Mode::Enforce;
        // One that was forced open may ask its probes at once.
        let span = copy.rejected_for().filter(|_| copy.state() == State::Open).unwrap_or(0);
        (self.elapsed + span, span)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(800))]

    /// No more probes at once than permitted; open for as long as it was opened for, no shorter and no longer by its
    /// own clock. That the bytes are the breaker and the transitions are listed is asserted with every step.
    #[test]
    fn whatever_happens_probes_are_bounded_and_open_is_open(
        permits in 1u8..5,
        timeout in prop_oneof![0u64..3_000, 0u64..90_000],
        random in 0.0..1.0,
        happenings in prop::collection::vec(anything(), 0..150),
    ) {
        let mut model = Model::new(nervous(permits), timeout);
        model.driven.random = random;
        for what in happenings {
            model.happens(what)?;
        }
    }
}

proptest! {
    #[test]
    fn a_time_from_anywhere_is_survived(
        moments in prop::collection::vec((any::<u64>(), 0u32..1_000_000_000, any_outcome()), 1..60),
        random in any::<f64>(),
    ) {
        let settings = nervous(3);
        let mut breaker = Breaker::default();
        for (seconds, nanos, outcome) in moments {
            let now = Timestamp::from_epoch(Duration::new(seconds, nanos));
            let admission = breaker.admit(&settings, now, Attempt { timeout: Duration::MAX, is_whole: true }, random);
            if let Some(permit) = permit_of(admission.admitted) {
                breaker.record(&settings, now, permit, outcome, random);
            }
            prop_assert_eq!(Breaker::decode(&breaker.encode()), breaker);
        }
    }

    #[test]
    fn the_back_off_grows_to_its_cap_with_jitter_of_a_fifth(randoms in prop::collection::vec(0.0f64..1.0, 8)) {
        let mut breaker = Driven::new(enforced());
        let mut last = 0;
        for (random, nominal) in randoms.into_iter().zip([5_000, 10_000, 20_000, 40_000, 60_000, 60_000, 60_000, 60_000]) {
            breaker.random = random;
            prop_assert!(breaker.calls(7, Outcome::Failure).is_some());
            let left = breaker.rejected_for().unwrap();
            prop_assert!((nominal * 8 / 10..=nominal * 12 / 10).contains(&left), "{left} of {nominal}");
            prop_assert!(left >= last || nominal == 60_000, "{left} after {last}");
            last = left;
            breaker.wait(left);
        }
    }

    /// A model that keeps every call says when it trips.
    #[test]
    fn it_trips_when_a_model_that_keeps_every_call_does(
        calls in prop::collection::vec((0u64..4_000, prop::sample::select(vec![GOOD, Outcome::Failure, LIMITED])), 1..150),
    ) {
        let settings = Settings { consecutive_failures: 0, min_requests: 10, ..enforced() };
        let mut breaker = Driven::new(settings);
        let mut kept = Vec::new();
        for (pause, outcome) in calls {
            breaker.wait(pause);
            if outcome != LIMITED {
                kept.push((breaker.now / 3_000, outcome == Outcome::Failure));
            }
            let recent: Vec<_> = kept.iter().filter(|(bucket, _)| bucket + 10 > breaker.now / 3_000).collect();
            let failures = recent.iter().filter(|(_, failed)| *failed).count();
            let trips = outcome != LIMITED && recent.len() >= 10 && failures * 2 >= recent.len();
            prop_assert_eq!(breaker.call(outcome), trips.then_some(Reason::FailureRate));
            if trips {
                break;
            }
        }
    }

    #[test]
    fn the_admission_of_a_closed_breaker_writes_nothing(
        calls in prop::collection::vec((0u64..60_000, 0.0f64..1.0), 1..30),
        is_ramping in any::<bool>(),
    ) {
        let mut breaker = if is_ramping { ramping(enforced()) } else { Driven::new(enforced()) };
        let bytes = breaker.bytes;
        for (pause, random) in calls {
            breaker.random = random;
            breaker.wait(pause).admit();
            prop_assert_eq!(breaker.bytes, bytes);
        }
    }
}

#[test]
fn the_ramp_lets_its_share_through() {
    let mut seeds = dice(7);
    for (at, share) in [(5_000, 0.1), (10_000, 0.2), (15_000, 0.4), (20_000, 0.8), (25_000, 1.0)] {
        let mut breaker = ramping(enforced());
        breaker.at(at);
        let admitted = (0..20_000)
            .filter(|_| {
                breaker.random = seeds();
                !breaker.is_rejected()
            })
            .count();
        let measured = f64::from(u32::try_from(admitted).unwrap()) / 20_000.0;
        assert!((measured - share).abs() < 0.01, "{measured} instead of {share}");
    }
}

#[test]
fn a_thousand_openings_are_survived() {
    let mut breaker = open(enforced());
    for _ in 0..1_000 {
        breaker.wait(60_000);
        assert_eq!(breaker.call(Outcome::Failure), Some(Reason::ProbeFailed));
    }
    assert_eq!(breaker.rejected_for(), Some(60_000));
}

/// Numbers in [0, 1) that are the same in every run.
pub(crate) fn dice(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        // Knuth's MMIX; the high bits are the good ones.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(state >> 32).unwrap()) / (f64::from(u32::MAX) + 1.0)
    }
}
