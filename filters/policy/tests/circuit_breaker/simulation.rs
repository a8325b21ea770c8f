//! Minutes of traffic, to regions that behave as regions do.

use helius_policy::circuit_breaker::{Outcome, Permit, Ramp, Reason, Settings, State};

use crate::any_order::dice;
use crate::setup::{Driven, GOOD, enforced, permit_of};

/// What clients send in a second.
const LOAD: u32 = 200;

/// What a second of traffic came to.
#[derive(Clone, Copy, Debug, Default)]
struct Second {
    admitted: u32,
    failed: u32,
}

/// A region that can serve `capacity` calls a second, and fails all that come over it.
struct Region {
    capacity: f64,
    /// A cold region can do more with every second that it copes, and begins anew when it does not.
    growth: f64,
    cold: f64,
    full: f64,
}

impl Region {
    const fn of(capacity: f64) -> Self {
        Self { capacity, growth: 1.0, cold: capacity, full: capacity }
    }

    fn second_ends(&mut self, second: Second) {
        let grown = self.capacity * if second.admitted > 0 { self.growth } else { 1.0 };
        self.capacity = if second.failed > 0 { self.cold } else { grown.min(self.full) };
    }
}

fn simulate(settings: Settings, mut region: Region, seconds: u32) -> (Vec<Second>, Driven) {
    let mut breaker = Driven::new(settings);
    let mut dice = dice(42);
    let mut story = Vec::new();
    for _ in 0..seconds {
        let mut second = Second::default();
        for _ in 0..LOAD {
            breaker.wait(1_000 / u64::from(LOAD)).random = dice();
            let Some(permit) = permit_of(breaker.admit()) else { continue };
            second.admitted += 1;
            let fails = f64::from(second.admitted) > region.capacity;
            second.failed += u32::from(fails);
            breaker.record(permit, if fails { Outcome::Failure } else { GOOD });
        }
        region.second_ends(second);
        story.push(second);
    }
    (story, breaker)
}

fn without_ramp() -> Settings {
    Settings { ramp: Ramp { start: 1.0, ..Ramp::default() }, ..enforced() }
}

fn sum(story: &[Second], of: impl Fn(&Second) -> u32) -> u32 {
    story.iter().map(of).sum()
}

#[test]
fn a_region_that_fails_above_half_of_its_load_is_not_flooded() {
    let minutes = 20 * 60;
    let (with, breaker) = simulate(enforced(), Region::of(f64::from(LOAD) / 2.0), minutes);
    let (without, _) = simulate(without_ramp(), Region::of(f64::from(LOAD) / 2.0), minutes);

    // Each time that it comes back it serves the ramp's tenth, fifth and two fifths well, and fails with four fifths.
    let over = with.iter().filter(|second| second.failed > 0).count();
    assert!(over * 40 < with.len(), "{over} bad seconds");
    // No ramp is ever complete, so the open time stays at its cap: 48 s at least, and a quarter of a minute of ramp.
    let openings = breaker.transitions.iter().filter(|it| it.to == State::Open).count();
    assert!(openings <= 4 + 20 * 60 / 63, "{openings} openings");
    assert!(with.iter().all(|second| second.failed <= 7), "no more fail than it takes to see it");
    let served = |story: &[Second]| sum(story, |it| it.admitted - it.failed);
    assert!(sum(&with, |it| it.failed) * 100 < served(&with), "under one percent fails");
    assert!(served(&with) > 4 * served(&without), "and the region serves what it can much longer");
}

/// It begins with 30 calls a second, and can do a seventh more with each second that it copes.
fn cold() -> Region {
    Region { capacity: 30.0, growth: 1.15, cold: 30.0, full: 1_000.0 }
}

#[test]
fn a_cold_region_is_warmed_by_the_ramp_and_killed_again_without_it() {
    let minutes = 10 * 60;
    let (with, breaker) = simulate(enforced(), cold(), minutes);
    let openings = breaker.transitions.iter().filter(|it| it.to == State::Open).count();
    assert_eq!(openings, 1, "the flood of the beginning, and then never again");
    assert!(with[60..].iter().all(|second| second.admitted == LOAD && second.failed == 0));

    let (without, breaker) = simulate(without_ramp(), cold(), minutes);
    let openings = breaker.transitions.iter().filter(|it| it.to == State::Open).count();
    assert!(openings > 10, "{openings}: it comes back, is flooded, and fails again");
    assert!(without[60..].iter().any(|second| second.failed > 0));
}

/// Half an hour of a region that answers nothing: 50 calls a second, and each hangs until its timeout.
fn dead(has_last_resort: bool) -> (Vec<(u64, bool)>, Driven) {
    let mut breaker = Driven::new(enforced());
    let mut dice = dice(3);
    let mut under_way: Vec<(u64, Permit)> = Vec::new();
    let mut asked = Vec::new();
    for _ in 0..50 * 1_800 {
        breaker.wait(20).random = dice();
        while under_way.first().is_some_and(|(until, _)| *until <= breaker.now) {
            let (_, permit) = under_way.remove(0);
            breaker.record(permit, Outcome::Failure);
        }
        let mut admitted = breaker.admit();
        let mut is_last_resort = false;
        if has_last_resort && permit_of(admitted).is_none() {
            admitted = breaker.admit_last_resort();
            is_last_resort = true;
        }
        if let Some(permit) = permit_of(admitted) {
            asked.push((breaker.now, is_last_resort));
            under_way.push((breaker.now + 2_000, permit));
        }
    }
    (asked, breaker)
}

#[test]
fn a_dead_region_is_asked_three_times_after_each_open_time() {
    let (asked, breaker) = dead(false);
    let openings: Vec<_> = breaker.transitions.iter().filter(|it| it.to == State::Open).collect();
    assert!(openings[1..].iter().all(|it| it.reason == Reason::ProbeFailed));
    // Nobody knows for as long as it takes the first seven calls to time out.
    let probes = asked.len() - asked.iter().take_while(|(at, _)| *at < asked[0].0 + 2_120).count();
    let half_opens = breaker.transitions.iter().filter(|it| it.to == State::HalfOpen).count();
    assert_eq!(probes, 3 * half_opens);
    // 4 + 8 + 16 + 32 s at least, and from then on 48 s at least, each with the two seconds of the probes.
    let most = 4 + (1_800 - 60) / 50 + 1;
    assert!((1_800 / 76..=most).contains(&half_opens), "{half_opens} of at most {most}");
}

#[test]
fn a_dead_region_is_asked_once_a_second_where_there_is_no_other() {
    let (asked, _) = dead(true);
    let resorts: Vec<_> = asked.iter().filter(|(_, is_last_resort)| *is_last_resort).map(|(at, _)| *at).collect();
    assert!(resorts.windows(2).all(|pair| pair[1] - pair[0] >= 1_000));
    assert!((1_600..1_800).contains(&resorts.len()), "{}", resorts.len());
}
