//! One quota: how much it admits, and what it promises.

use std::time::Duration;

use helius_policy::rate_limit::{Arrival, Decision, Quota, Rate};
use helius_policy::time::Timestamp;
use proptest::prelude::*;

const NANO: Duration = Duration::from_nanos(1);
/// More than any quota here admits at once.
const MANY: usize = 1_000;
const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// A quota in use.
struct Bucket {
    quota: Quota,
    due: Arrival,
}

impl Bucket {
    fn new(quota: Quota) -> Self {
        Self { quota, due: Arrival::default() }
    }

    /// `Ok` where it admits, else the promised wait.
    fn ask(&mut self, now: Timestamp) -> Result<(), Duration> {
        let (decision, due) = self.quota.judge(self.due, now);
        self.due = due;
        match decision {
            Decision::Allow => Ok(()),
            Decision::Deny { retry_after } => Err(retry_after),
        }
    }

    fn admitted(&mut self, now: Timestamp) -> usize {
        (0..MANY).take_while(|_| self.ask(now).is_ok()).count()
    }
}

fn per_second(count: u32, burst: u32) -> Quota {
    Quota::new(Rate { count, per: Duration::from_secs(1) }, burst)
}

#[test]
fn it_refills() {
    let mut bucket = Bucket::new(per_second(2, 2));
    assert_eq!(bucket.admitted(START), 2);
    assert_eq!(bucket.ask(START.after(Duration::from_millis(500))), Ok(()));
    assert_eq!(bucket.admitted(START.after(Duration::from_secs(60))), 2);
}

#[test]
fn the_wait_ends_to_the_nanosecond() {
    let mut bucket = Bucket::new(Quota::new(Rate { count: 20, per: Duration::from_secs(60) }, 1));
    assert_eq!(bucket.ask(START), Ok(()));
    let wait = Duration::from_secs(3);
    assert_eq!(bucket.ask(START), Err(wait));
    assert_eq!(bucket.ask(START.after(wait.saturating_sub(NANO))), Err(NANO));
    assert_eq!(bucket.ask(START.after(wait)), Ok(()));
    assert_eq!(bucket.ask(START.after(wait + NANO)), Err(wait.saturating_sub(NANO)));
}

#[test]
fn a_clock_that_steps_back_admits_nobody_early_and_locks_nobody_out() {
    let mut bucket = Bucket::new(per_second(10, 5));
    assert_eq!(bucket.admitted(START), 5);
    let before = Timestamp::from_millis(1_600_000_000_000);
    assert_eq!(bucket.ask(before), Err(Duration::from_millis(100)));
    assert_eq!(bucket.ask(before.after(Duration::from_millis(100))), Ok(()));
    assert_eq!(bucket.ask(before.after(Duration::from_millis(100))), Err(Duration::from_millis(100)));
}

#[test]
fn a_factor_applies_to_rate_and_burst_at_once() {
    let quota = per_second(100, 50);
    let mut bucket = Bucket::new(quota.scaled(0.1));
    assert_eq!(bucket.admitted(START), 5);
    assert_eq!(bucket.admitted(START.after(Duration::from_secs(10))), 5);
    bucket.quota = quota;
    assert_eq!(bucket.admitted(START.after(Duration::from_secs(20))), 50);
    bucket.quota = quota.scaled(0.001);
    assert_eq!(bucket.admitted(START.after(Duration::from_secs(40))), 1, "never less than one request");
}

#[test]
fn the_largest_numbers_are_survived() {
    for (count, burst) in [(1, u32::MAX), (u32::MAX, u32::MAX), (u32::MAX, 1), (0, 0)] {
        let mut bucket = Bucket::new(Quota::new(Rate { count, per: Duration::from_secs(86_400) }, burst));
        assert_eq!(bucket.ask(START), Ok(()));
        let _ = bucket.ask(Timestamp::from_nanos(u64::MAX));
        bucket.quota = bucket.quota.scaled(f64::MIN_POSITIVE);
        let _ = bucket.ask(Timestamp::default());
    }
}

proptest! {
    /// However requests come, no span of time sees more than the burst and what the rate adds in it; and a wait that
    /// was promised is neither too short nor too long.
    #[test]
    fn never_more_than_the_burst_and_the_rate(
        count in 1_u32..2_000,
        burst in 1_u32..50,
        pauses in prop::collection::vec(0_u64..50_000_000, 1..200),
    ) {
        let quota = per_second(count, burst);
        let mut bucket = Bucket::new(quota);
        let mut now = START;
        let mut admitted = Vec::new();
        for pause in pauses {
            now = now.after(Duration::from_nanos(pause));
            match bucket.ask(now) {
                Ok(()) => admitted.push(now),
                Err(wait) => {
                    prop_assert!(wait > Duration::ZERO);
                    let judged = |at| quota.judge(bucket.due, at).0;
                    prop_assert_eq!(judged(now.after(wait)), Decision::Allow, "denied after the promised wait");
                    prop_assert_eq!(judged(now.after(wait.saturating_sub(NANO))), Decision::Deny { retry_after: NANO });
                }
            }
        }
        for (first, from) in admitted.iter().enumerate() {
            for (last, to) in admitted.iter().enumerate().skip(first) {
                let span = to.since(*from).as_secs_f64();
                let most = f64::from(burst) + span * f64::from(count);
                let came = f64::from(u32::try_from(last - first + 1)?);
                prop_assert!(came <= most + 1e-6, "{came} in {span} s");
            }
        }
    }

    /// Who comes steadily at the rate is never denied, but for one wait where the clock has stepped back.
    #[test]
    fn who_keeps_to_the_rate_is_admitted(count in 1_u32..5_000, step in -10_000_i64..10_000) {
        let mut bucket = Bucket::new(per_second(count, 1));
        let _ = bucket.ask(START);
        let begin = 1_700_000_000_000_u64.saturating_add_signed(step);
        let interval = Duration::from_nanos(1_000_000_000_u64.div_ceil(u64::from(count)));
        let mut now = Timestamp::from_millis(begin).after(interval);
        if let Err(wait) = bucket.ask(now) {
            prop_assert!(step < 0 && wait <= interval, "{wait:?}");
            now = now.after(wait);
            prop_assert_eq!(bucket.ask(now), Ok(()));
        }
        for _ in 0..100 {
            now = now.after(interval);
            prop_assert_eq!(bucket.ask(now), Ok(()));
        }
    }
}
