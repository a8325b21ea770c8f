//! How long exchanges take, as a histogram that is counted in the worker and handed on with each tick.
//!
//! Envoy has histograms of its own, and they cost a host call for each request. Counting here costs none but the clock's,
//! and what is handed on are plain counters, so that nobody who reads them has to know Envoy's buckets.

use std::time::Duration;

/// Upper bounds of the buckets, as they stand in the label `le`, in seconds: those of Prometheus' client libraries, with
/// finer ones below for a service that answers in milliseconds, and 2 s, where a service of this kind is called slow.
pub const BOUNDS: [(&str, Duration); BUCKETS] = [
    ("0.001", Duration::from_millis(1)),
    ("0.0025", Duration::from_micros(2_500)),
    ("0.005", Duration::from_millis(5)),
    ("0.01", Duration::from_millis(10)),
    ("0.025", Duration::from_millis(25)),
    ("0.05", Duration::from_millis(50)),
    ("0.1", Duration::from_millis(100)),
    ("0.25", Duration::from_millis(250)),
    ("0.5", Duration::from_millis(500)),
    ("1", Duration::from_millis(1_000)),
    ("2", Duration::from_millis(2_000)),
    ("5", Duration::from_millis(5_000)),
    ("10", Duration::from_millis(10_000)),
    ("30", Duration::from_millis(30_000)),
    ("+Inf", Duration::MAX),
];

/// How many buckets there are.
pub const BUCKETS: usize = 15;

/// What has been counted since it was handed on last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// Exchanges that took at most the bound of the bucket and more than that of the one before.
    counts: [u32; BUCKETS],
    micros: u64,
}

/// What is added to the counters, which are cumulative as Prometheus wants them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Increase {
    /// Exchanges that took at most the bound of the bucket.
    pub buckets: [u64; BUCKETS],
    /// The time of all of them together, in microseconds.
    pub micros: u64,
}

impl Latency {
    /// Counts an exchange.
    pub fn count(&mut self, took: Duration) {
        let bucket = self.counts.iter_mut().zip(BOUNDS).find(|(_, (_, bound))| took <= *bound);
        if let Some((count, _)) = bucket {
            *count = count.saturating_add(1);
        }
        self.micros = self.micros.saturating_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// What there is to hand on, if anything; then nothing is left.
    pub fn take(&mut self) -> Option<Increase> {
        let Self { counts, micros } = std::mem::take(self);
        let mut increase = Increase { micros, ..Increase::default() };
        let mut sum = 0_u64;
        for (bucket, count) in increase.buckets.iter_mut().zip(counts) {
            sum = sum.saturating_add(count.into());
            *bucket = sum;
        }
        (sum > 0).then_some(increase)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative_and_a_bound_belongs_to_its_bucket() {
        let mut latency = Latency::default();
        for millis in [1, 2, 2_000, 2_001, 60_000] {
            latency.count(Duration::from_millis(millis));
        }
        let increase = latency.take().unwrap();
        let with = |bound| BOUNDS.iter().zip(increase.buckets).find(|((le, _), _)| *le == bound).unwrap().1;
        assert_eq!(["0.001", "0.0025", "1", "2", "5", "30", "+Inf"].map(with), [1, 2, 2, 3, 4, 4, 5]);
        assert_eq!(increase.micros, 64_004_000);
        assert_eq!(latency.take(), None, "handed on once");
    }

    #[test]
    fn labels_say_the_bounds() {
        for (le, bound) in &BOUNDS[..BUCKETS - 1] {
            assert_eq!(Duration::from_secs_f64(le.parse().unwrap()), *bound, "{le}");
        }
        assert!(BOUNDS.is_sorted_by_key(|(_, bound)| *bound));
    }
}
