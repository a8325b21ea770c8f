//! A moment, a configuration, and overrides of it.

use std::time::Duration;

use helius_policy::config::Config;
use helius_policy::overrides::Override;
use helius_policy::time::Timestamp;

/// 2026-01-31T12:00:00Z.
pub(crate) const NOON: Timestamp = Timestamp::from_millis(1_769_860_800_000);

/// So many minutes past noon.
pub(crate) fn past_noon(minutes: u64) -> Timestamp {
    NOON.after(Duration::from_secs(60 * minutes))
}

/// A route with everything that can be overridden, and one with nothing.
pub(crate) fn config() -> Config {
    const TEXT: &str = r"
service: router
agent: { cluster: helius_agent }
routes:
  - name: assist
    match: { path: /assist }
    admission:
      isolate: { region_header: x-helius-region, regions: [eu-south-1] }
      rate_limit: [{ rate: 100/s, burst: 100, headers: all }]
    upstream:
      timeout: 2s
      regions: [{ name: us-east-1, via: route }, { name: us-west-2, cluster: west }]
      circuit_breaker: {}
    fail_open: { static: [{ body: {} }] }
  - name: plain
    match: { path: /plain }
    upstream: { timeout: 2s, regions: [{ name: us-east-1, via: route }] }
";
    Config::parse(TEXT.as_bytes()).unwrap()
}

/// Overrides of which each is written as `override: …` and its own keys, and ends a minute later than the one before.
pub(crate) fn overrides(entries: &[&str]) -> Vec<Override> {
    let entry = |(minutes, entry): (usize, &&str)| {
        format!("  - {{ {entry}, until: \"2026-01-31T12:{:02}:00Z\", reason: r, author: a }}\n", minutes + 1)
    };
    if entries.is_empty() {
        return Vec::new();
    }
    let entries: String = entries.iter().enumerate().map(entry).collect();
    Override::parse(format!("overrides:\n{entries}").as_bytes(), NOON).unwrap()
}
