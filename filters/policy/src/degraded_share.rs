//! How large a share of a route's answers may be made up before the route says honestly that it is down.
//!
//! A 200 that nobody's model has given keeps clients going, and it also keeps an outage out of every error rate. So an
//! operator may set a bound: beyond it clients get a 503 like anywhere else.
//!
//! Each worker counts its own answers, as with the retry budget: the shares of the workers add up to the share of the
//! sidecar, and the healthy path pays for no shared counter. What does not add up is `min_requests`.

use std::cell::RefCell;
use std::time::Duration;

use crate::time::Timestamp;

/// Parts of the window: what falls out of it falls out a tenth at a time.
const BUCKETS: usize = 10;
/// Those of the window besides the newest.
const OLDER: u64 = 9;

/// The bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// The largest share of made-up answers, in [0, 1].
    pub share: f64,
    /// How far back answers are counted.
    pub window: Duration,
    /// Fewest answers in the window for a share to mean anything, in each worker.
    pub min_requests: u32,
}

/// The answers of a route in one worker.
#[derive(Debug, Default)]
pub struct DegradedShare {
    buckets: RefCell<[Bucket; BUCKETS]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    /// Which part of all time it is about.
    number: u64,
    all: u32,
    made_up: u32,
}

impl DegradedShare {
    /// Whether one more answer may be made up.
    pub fn allows(&self, settings: Settings, now: Timestamp) -> bool {
        let newest = number(settings, now);
        let oldest = newest.saturating_sub(OLDER);
        let Ok(buckets) = self.buckets.try_borrow() else { return true };
        let (mut all, mut made_up) = (0_u32, 0_u32);
        for bucket in buckets.iter().filter(|bucket| (oldest..=newest).contains(&bucket.number)) {
            all = all.saturating_add(bucket.all);
            made_up = made_up.saturating_add(bucket.made_up);
        }
        all < settings.min_requests || f64::from(made_up) + 1.0 <= settings.share * (f64::from(all) + 1.0)
    }

    /// Counts an answer.
    pub fn count(&self, settings: Settings, is_made_up: bool, now: Timestamp) {
        let number = number(settings, now);
        let Ok(mut buckets) = self.buckets.try_borrow_mut() else { return };
        let place = usize::try_from(number.checked_rem(BUCKETS as u64).unwrap_or_default()).unwrap_or_default();
        let Some(bucket) = buckets.get_mut(place) else { return };
        // Of another time, be it that the clock has stepped back.
        if bucket.number != number {
            *bucket = Bucket { number, ..Bucket::default() };
        }
        bucket.all = bucket.all.saturating_add(1);
        bucket.made_up = bucket.made_up.saturating_add(is_made_up.into());
    }
}

fn number(settings: Settings, now: Timestamp) -> u64 {
    let length = settings.window.as_nanos().checked_div(BUCKETS as u128).unwrap_or(1).max(1);
    let number = u128::from(now.nanos()).checked_div(length).unwrap_or_default();
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: Settings = Settings { share: 0.5, window: Duration::from_secs(10), min_requests: 4 };

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + seconds * 1000)
    }

    fn answered(real: usize, made_up: usize, seconds: u64) -> DegradedShare {
        let share = DegradedShare::default();
        for index in 0..real + made_up {
            share.count(SETTINGS, index >= real, at(seconds));
        }
        share
    }

    #[test]
    fn one_more_must_not_lift_it_over_the_share() {
        let cases =
            [((0, 3), true), ((0, 4), false), ((2, 2), false), ((3, 2), true), ((3, 3), false), ((100, 0), true)];
        for ((real, made_up), expected) in cases {
            assert_eq!(answered(real, made_up, 0).allows(SETTINGS, at(0)), expected, "{real} and {made_up}");
        }
        let none = Settings { share: 0.0, ..SETTINGS };
        assert!(!answered(100, 0, 0).allows(none, at(0)));
        let any = Settings { share: 1.0, ..SETTINGS };
        assert!(answered(0, 100, 0).allows(any, at(0)));
    }

    #[test]
    fn what_is_older_than_the_window_is_forgotten() {
        let share = answered(0, 10, 0);
        assert!(!share.allows(SETTINGS, at(9)));
        assert!(share.allows(SETTINGS, at(10)));
        share.count(SETTINGS, true, at(10));
        assert!(share.allows(SETTINGS, at(10)), "one is too few");
    }

    #[test]
    fn a_clock_that_steps_forgets_rather_than_fails() {
        let share = answered(0, 10, 500);
        assert!(share.allows(SETTINGS, at(0)));
        share.count(SETTINGS, true, at(0));
        assert!(!answered(0, 10, 0).allows(SETTINGS, at(0)));
    }

    #[test]
    fn where_everything_fails_every_second_answer_is_made_up() {
        let share = DegradedShare::default();
        let mut made_up = 0;
        for _ in 0..1000 {
            let is_made_up = share.allows(SETTINGS, at(0));
            share.count(SETTINGS, is_made_up, at(0));
            made_up += u32::from(is_made_up);
        }
        assert_eq!(made_up, 500);
    }
}
