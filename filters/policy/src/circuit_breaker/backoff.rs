//! How long a breaker stays open.

use std::time::Duration;

use super::settings::{Backoff, Settings};

/// The open time after `attempt` earlier ones without evidence of success between them, for a `random` in [0, 1).
///
/// The jitter is around the nominal time also at its longest: a fleet that has reached the cap must not come back as
/// one either. Never zero, so that open is always seen as open.
pub(super) fn open_time(backoff: &Backoff, attempt: u8, random: f64) -> Duration {
    let doubled = 2_u32.checked_pow(u32::from(attempt)).unwrap_or(u32::MAX);
    let nominal = backoff.base.saturating_mul(doubled).min(backoff.max);
    let random = if (0.0..=1.0).contains(&random) { random } else { 0.5 };
    let jitter = jitter(backoff);
    scaled(nominal, 1.0 - jitter + 2.0 * jitter * random).max(Duration::from_millis(1))
}

/// The longest time that a breaker can legally be open under these settings.
pub(super) fn longest_open_time(settings: &Settings) -> Duration {
    scaled(settings.open.max, 1.0 + jitter(&settings.open)).max(settings.retry_after_max)
}

fn jitter(backoff: &Backoff) -> f64 {
    if backoff.jitter.is_nan() { 0.0 } else { backoff.jitter.clamp(0.0, 1.0) }
}

fn scaled(span: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(span.as_secs_f64() * factor).unwrap_or(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nominal(attempt: u8) -> Duration {
        open_time(&Backoff { jitter: 0.0, ..Backoff::default() }, attempt, 0.9)
    }

    #[test]
    fn it_doubles_to_the_cap() {
        let seconds: Vec<_> = [0, 1, 2, 3, 4, 5, 254, 255].map(|attempt| nominal(attempt).as_secs()).to_vec();
        assert_eq!(seconds, [5, 10, 20, 40, 60, 60, 60, 60]);
    }

    #[test]
    fn the_jitter_is_a_fifth_either_way_also_at_the_cap() {
        let backoff = Backoff::default();
        for (attempt, least, middle, most) in
            [(0, 4_000, 5_000, 6_000), (1, 8_000, 10_000, 12_000), (9, 48_000, 60_000, 72_000)]
        {
            assert_eq!(open_time(&backoff, attempt, 0.0).as_millis(), least);
            assert_eq!(open_time(&backoff, attempt, 0.5).as_millis(), middle);
            let longest = open_time(&backoff, attempt, 0.999_999);
            assert!(longest.as_millis() < most && longest.as_millis() > most - 10, "{longest:?}");
        }
    }

    #[test]
    fn senseless_settings_and_randoms_are_survived() {
        for jitter in [f64::NAN, f64::INFINITY, -3.0, 7.0] {
            for random in [f64::NAN, -1.0, 2.0, 1e300] {
                for base in [Duration::ZERO, Duration::MAX] {
                    let backoff = Backoff { base, max: Duration::MAX, jitter };
                    assert!(open_time(&backoff, 255, random) > Duration::ZERO);
                }
            }
        }
        let backoff = Backoff { base: Duration::from_secs(9), max: Duration::from_secs(1), jitter: 0.0 };
        assert_eq!(open_time(&backoff, 0, 0.5), Duration::from_secs(1), "the cap is the cap");
    }
}
