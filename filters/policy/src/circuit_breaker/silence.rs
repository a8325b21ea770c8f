//! Calls that wait while nobody is answered.
//!
//! A region that hangs shows nothing until the first attempt has timed out, and by then everything that came meanwhile
//! waits as well: 500 requests a second with a timeout of a second are 500 who wait in vain. But a call that has waited
//! for longer than a slow one may take is slow before it ends, and when many wait and not one of them was answered,
//! nothing speaks for the region.
//!
//! A burst on a slow region looks the same for a moment, and so the time counts from the first that waits: the region
//! has had the time of a slow call for it. Who has not sent his whole request yet does not wait for the region, and is
//! not counted.

use std::time::Duration;

use super::deadline::Moment;
use super::record::{Reader, Writer};
use super::settings::Settings;

/// The calls since the last answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Silence {
    waiting: u32,
    /// When the first of them was let in.
    since: Moment,
}

impl Silence {
    /// One more waits, for `timeout` at most. Where it decides nothing it is not noted, and no record has to be written.
    pub(super) fn wait(&mut self, settings: &Settings, now: Moment, timeout: Duration) {
        if !is_of_use(settings) {
            return;
        }
        // Whoever was let in earlier than that is not waiting any more, whatever became of him: his worker may have died
        // and his client may have left, and neither is told to anybody.
        let is_forgotten = self.waiting == 0 || now.since(self.since) > timeout;
        *self = if is_forgotten {
            Self { waiting: 1, since: now }
        } else {
            Self { waiting: self.waiting.saturating_add(1), since: self.since.min(now) }
        };
    }

    /// The region has answered, whatever it was.
    pub(super) fn end(&mut self) {
        *self = Self::default();
    }

    /// Whether so many have waited for so long that one more shall not, who might wait for `timeout`.
    pub(super) fn is_ominous(&self, settings: &Settings, now: Moment, timeout: Duration) -> bool {
        let Some(slow) = settings.slow_call.filter(|_| is_of_use(settings)) else { return false };
        let waited = now.since(self.since);
        self.waiting >= settings.consecutive_failures && waited > slow.duration && waited <= timeout
    }

    pub(super) fn write(self, to: &mut Writer) {
        to.put(self.waiting.to_le_bytes());
        self.since.write(to);
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self { waiting: from.u32()?, since: Moment::read(from)? })
    }
}

const fn is_of_use(settings: &Settings) -> bool {
    settings.slow_call.is_some() && settings.consecutive_failures > 0
}

#[cfg(test)]
mod tests {
    use super::super::settings::SlowCall;
    use super::*;

    const SLOW: Duration = Duration::from_millis(100);
    const TIMEOUT: Duration = Duration::from_millis(1_000);

    fn settings() -> Settings {
        Settings { slow_call: Some(SlowCall::over(SLOW)), consecutive_failures: 3, ..Settings::default() }
    }

    fn after(waits: &[u64]) -> Silence {
        let mut silence = Silence::default();
        for at in waits {
            silence.wait(&settings(), Moment(*at), TIMEOUT);
        }
        silence
    }

    #[test]
    fn it_takes_as_many_as_failures_in_a_row_and_the_time_of_a_slow_call() {
        let ominous = |waits: &[u64], now| after(waits).is_ominous(&settings(), Moment(now), TIMEOUT);
        for (now, expected) in [(5_099, false), (5_100, false), (5_101, true), (6_000, true), (6_001, false)] {
            assert_eq!(ominous(&[5_000, 5_001, 5_002], now), expected, "{now}");
        }
        assert!(!ominous(&[5_000, 5_001], 5_500));
        assert!(!after(&[]).is_ominous(&settings(), Moment(5_500), TIMEOUT));
    }

    #[test]
    fn an_answer_ends_it() {
        let mut silence = after(&[0, 1, 2, 3]);
        silence.end();
        assert!(!silence.is_ominous(&settings(), Moment(500), TIMEOUT));
        for at in [500, 501, 502] {
            silence.wait(&settings(), Moment(at), TIMEOUT);
        }
        assert!(!silence.is_ominous(&settings(), Moment(600), TIMEOUT));
        assert!(silence.is_ominous(&settings(), Moment(601), TIMEOUT));
    }

    #[test]
    fn those_of_whom_nobody_was_told_are_forgotten_after_their_timeout() {
        assert!(!after(&[0, 1, 2, 1_001]).is_ominous(&settings(), Moment(1_300), TIMEOUT), "one waits, not four");
        assert!(after(&[0, 1, 1_000]).is_ominous(&settings(), Moment(1_000), TIMEOUT));
    }

    #[test]
    fn a_clock_that_steps_back_begins_it_anew() {
        let silence = after(&[900_000, 900_001, 5]);
        assert!(!silence.is_ominous(&settings(), Moment(105), TIMEOUT));
        assert!(silence.is_ominous(&settings(), Moment(106), TIMEOUT));
    }

    #[test]
    fn without_a_slow_call_or_a_number_nothing_is_ominous_and_nothing_noted() {
        let patient = Settings { slow_call: None, ..settings() };
        let indifferent = Settings { consecutive_failures: 0, ..settings() };
        for settings in [patient, indifferent] {
            assert!(!after(&[0, 1, 2, 3]).is_ominous(&settings, Moment(500), TIMEOUT));
            let mut silence = Silence::default();
            silence.wait(&settings, Moment(0), TIMEOUT);
            assert_eq!(silence, Silence::default());
        }
    }
}
