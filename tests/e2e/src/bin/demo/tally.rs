//! What the client saw, phase by phase.

use std::time::Duration;

use crate::answer::Rung;

/// The first few are worth reading, thousands are not.
const COMPLAINTS: usize = 5;

/// What became of one request.
#[derive(Debug)]
pub(crate) enum Outcome {
    Served(Rung),
    ServerError(String),
    /// An answer that is not the one to its request.
    Wrong(String),
    /// No answer, or only a part of one.
    Error(String),
}

/// The counts of one phase, or of several together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub(crate) requests: u64,
    served: [u64; 3],
    pub(crate) server_errors: u64,
    pub(crate) wrong: u64,
    pub(crate) errors: u64,
    pub(crate) complaints: Vec<String>,
    latencies: Vec<Duration>,
}

impl Tally {
    pub(crate) fn record(&mut self, outcome: Outcome, latency: Duration) {
        let complaint = match outcome {
            Outcome::Served(rung) => {
                self.served[rung as usize] += 1;
                None
            }
            Outcome::ServerError(complaint) => {
                self.server_errors += 1;
                Some(complaint)
            }
            Outcome::Wrong(complaint) => {
                self.wrong += 1;
                Some(complaint)
            }
            Outcome::Error(complaint) => {
                self.errors += 1;
                Some(complaint)
            }
        };
        self.latencies.push(latency);
        self.complaints.extend(complaint);
        self.complaints.truncate(COMPLAINTS);
    }

    pub(crate) const fn served_by(&self, rung: Rung) -> u64 {
        self.served[rung as usize]
    }

    /// Whether no client has reason to complain.
    pub(crate) const fn is_clean(&self) -> bool {
        self.server_errors == 0 && self.wrong == 0 && self.errors == 0
    }

    /// The latency that so many in a hundred requests did not exceed.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100);
        sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }

    /// All of them in one.
    pub(crate) fn total<'a>(tallies: impl IntoIterator<Item = &'a Self>) -> Self {
        tallies.into_iter().fold(Self::default(), |mut total, each| {
            total.requests += each.requests;
            for (sum, count) in total.served.iter_mut().zip(each.served) {
                *sum += count;
            }
            total.server_errors += each.server_errors;
            total.wrong += each.wrong;
            total.errors += each.errors;
            total.complaints.extend_from_slice(&each.complaints);
            total.latencies.extend_from_slice(&each.latencies);
            total
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_latency_of_a_real_request() {
        let mut tally = Tally::default();
        assert_eq!(tally.percentile(99), Duration::ZERO);
        for milliseconds in (1..=200).rev() {
            tally.record(Outcome::Served(Rung::Primary), Duration::from_millis(milliseconds));
        }
        assert_eq!(tally.percentile(50), Duration::from_millis(100));
        assert_eq!(tally.percentile(99), Duration::from_millis(198));
    }
}
