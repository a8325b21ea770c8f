//! How many requests may be sent a second time at the same moment.
//!
//! When a region fails, everything that was sent to it comes to the next region at once, beside what goes there already;
//! without a bound the survivor gets twice its load and fails as well. So no more than a share of the requests in flight
//! may be second attempts (20 % as in Envoy and Istio), and a few always, so that a quiet route can fail over at all. A
//! request whose primary was not asked is no second attempt: it takes the place of the first.
//!
//! Each worker counts its own. The shares of the workers add up to the share of the sidecar, a worker that dies takes
//! its count along with its requests, and the healthy path pays for no shared counter; the price is that the few which
//! are always allowed are so in each worker.

use std::cell::Cell;
use std::rc::Rc;

/// How much may be sent again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Second attempts for each request in flight, in [0, 1]. 0.2 as in Envoy.
    pub ratio: f64,
    /// So many are allowed in any case, in each worker. 3 as in Envoy.
    pub min_concurrent: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { ratio: 0.2, min_concurrent: 3 }
    }
}

/// What is under way on one route in one worker.
#[derive(Debug, Default)]
pub struct RetryBudget {
    in_flight: Cell<u32>,
    retries: Cell<u32>,
}

/// One of those that are counted, for as long as it lives.
#[derive(Debug)]
pub struct Counted {
    budget: Rc<RetryBudget>,
    which: fn(&RetryBudget) -> &Cell<u32>,
}

impl RetryBudget {
    /// Counts a request for as long as the result lives.
    pub fn begin(self: &Rc<Self>) -> Counted {
        Counted::of(self, |budget| &budget.in_flight)
    }

    /// Counts a second attempt for as long as the result lives, if one more is allowed.
    pub fn retry(self: &Rc<Self>, settings: Settings) -> Option<Counted> {
        let share = f64::from(self.in_flight.get()) * settings.ratio;
        let retries = self.retries.get();
        let is_allowed = retries < settings.min_concurrent || f64::from(retries) + 1.0 <= share;
        is_allowed.then(|| Counted::of(self, |budget| &budget.retries))
    }
}

impl Counted {
    fn of(budget: &Rc<RetryBudget>, which: fn(&RetryBudget) -> &Cell<u32>) -> Self {
        let count = which(budget);
        count.set(count.get().saturating_add(1));
        Self { budget: budget.clone(), which }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let count = (self.which)(&self.budget);
        count.set(count.get().saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(in_flight: usize, settings: Settings) -> usize {
        let budget = Rc::new(RetryBudget::default());
        let _requests: Vec<_> = (0..in_flight).map(|_| budget.begin()).collect();
        let retries: Vec<_> = std::iter::from_fn(|| budget.retry(settings)).take(1_000).collect();
        retries.len()
    }

    #[test]
    fn a_fifth_of_what_is_in_flight_may_be_sent_again_and_three_always() {
        for (in_flight, expected) in [(0, 3), (1, 3), (15, 3), (19, 3), (20, 4), (24, 4), (25, 5), (100, 20)] {
            assert_eq!(allowed(in_flight, Settings::default()), expected, "{in_flight} in flight");
        }
    }

    #[test]
    fn nothing_may_be_where_nothing_is_allowed() {
        assert_eq!(allowed(100, Settings { ratio: 0.0, min_concurrent: 0 }), 0);
        assert_eq!(allowed(100, Settings { ratio: 0.0, min_concurrent: 1 }), 1);
        assert_eq!(allowed(100, Settings { ratio: 1.0, min_concurrent: 0 }), 100);
        assert_eq!(allowed(100, Settings { ratio: f64::NAN, min_concurrent: 2 }), 2);
    }

    #[test]
    fn what_is_over_is_given_back() {
        let budget = Rc::new(RetryBudget::default());
        let settings = Settings { ratio: 0.0, min_concurrent: 1 };
        let retry = budget.retry(settings);
        assert!(retry.is_some() && budget.retry(settings).is_none());
        drop(retry);
        assert!(budget.retry(settings).is_some());
    }
}
