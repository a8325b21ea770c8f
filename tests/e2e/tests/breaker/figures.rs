//! What clients saw, in numbers.

use std::fmt;
use std::io::{Write, stderr};
use std::time::Duration;

use helius_e2e::Sent;

/// Written to the terminal itself: what a test prints is shown only when it fails, and these are wanted in any case.
pub(crate) fn tell(line: &str) {
    let _ = writeln!(stderr().lock(), "{line}");
}

/// How long answers took, from the shortest to the longest.
#[derive(Debug, Clone)]
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    pub(crate) fn of<'a>(sent: impl IntoIterator<Item = &'a Sent>) -> Self {
        let mut all: Vec<_> = sent.into_iter().map(|sent| sent.took).collect();
        all.sort_unstable();
        Self(all)
    }

    /// What so many of a thousand did not exceed.
    pub(crate) fn permille(&self, permille: usize) -> Duration {
        let rank = (self.0.len() * permille).div_ceil(1000);
        self.0.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }

    pub(crate) fn p99(&self) -> Duration {
        self.permille(990)
    }
}

impl fmt::Display for Latencies {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p99, p999, max] = [500, 990, 999, 1000].map(|permille| millis(self.permille(permille)));
        write!(formatter, "p50 {p50:.2} ms, p99 {p99:.2} ms, p99.9 {p999:.2} ms, longest {max:.1} ms")
    }
}

pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// The middle one; of an even number the upper of the two in the middle.
pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
