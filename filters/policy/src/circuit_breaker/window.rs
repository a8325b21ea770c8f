//! The calls of the last while, in buckets.

use std::time::Duration;

use super::deadline::Moment;
use super::record::{Reader, Writer};

/// Ten as in Hystrix: a call is forgotten after nine to ten tenths of the window.
pub(super) const BUCKETS: usize = 10;

/// How many calls there were, and of what kind. The kinds overlap: invalid calls are failures too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) total: u32,
    pub(super) failures: u32,
    pub(super) slow: u32,
    pub(super) invalid: u32,
}

impl Counts {
    const fn add(&mut self, other: Self) {
        self.total = self.total.saturating_add(other.total);
        self.failures = self.failures.saturating_add(other.failures);
        self.slow = self.slow.saturating_add(other.slow);
        self.invalid = self.invalid.saturating_add(other.invalid);
    }
}

/// The calls of the last while. The buckets are aligned to the epoch, so all workers agree on them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Window {
    /// Milliseconds that a bucket is wide; 0 before the first call.
    width: u32,
    /// The number of the newest bucket, counted from the epoch.
    newest: u64,
    /// The newest first.
    buckets: [Counts; BUCKETS],
}

impl Window {
    /// Counts a call that ended `now` in a window that reaches `span` back.
    pub(super) fn add(&mut self, span: Duration, now: Moment, call: Counts) {
        self.advance(span, now);
        if let Some(newest) = self.buckets.first_mut() {
            newest.add(call);
        }
    }

    /// The calls in the window when the last one was added.
    pub(super) fn counts(&self) -> Counts {
        self.buckets.iter().fold(Counts::default(), |mut sum, bucket| {
            sum.add(*bucket);
            sum
        })
    }

    fn advance(&mut self, span: Duration, now: Moment) {
        // Ten buckets, so a tenth; a window of nothing still has buckets of a millisecond.
        let width = u32::try_from(span.as_millis() / 10).unwrap_or(u32::MAX).max(1);
        let number = now.0.checked_div(u64::from(width)).unwrap_or_default();
        if width != self.width {
            // Another window was pushed, or it is the first call: old buckets do not fit into new ones.
            *self = Self { width, newest: number, ..Self::default() };
            return;
        }
        let steps = usize::try_from(number.saturating_sub(self.newest)).unwrap_or(BUCKETS).min(BUCKETS);
        self.buckets.rotate_right(steps);
        self.buckets.iter_mut().take(steps).for_each(|bucket| *bucket = Counts::default());
        // Two workers read one moment a little apart: the later bucket takes both. A clock that has stepped back by
        // more than the window is another matter: the counts stay, and grow old in the new time.
        let behind = usize::try_from(self.newest.saturating_sub(number)).unwrap_or(usize::MAX);
        if number > self.newest || behind >= BUCKETS {
            self.newest = number;
        }
    }

    pub(super) fn write(&self, to: &mut Writer) {
        to.put(self.width.to_le_bytes());
        to.put(self.newest.to_le_bytes());
        for bucket in &self.buckets {
            for count in [bucket.total, bucket.failures, bucket.slow, bucket.invalid] {
                to.put(count.to_le_bytes());
            }
        }
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Option<Self> {
        let (width, newest) = (from.u32()?, from.u64()?);
        let mut buckets = [Counts::default(); BUCKETS];
        for bucket in &mut buckets {
            *bucket = Counts { total: from.u32()?, failures: from.u32()?, slow: from.u32()?, invalid: from.u32()? };
        }
        Some(Self { width, newest, buckets })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SPAN: Duration = Duration::from_secs(30);
    const CALL: Counts = Counts { total: 1, failures: 0, slow: 0, invalid: 0 };

    fn total_after(moments: &[u64]) -> u32 {
        let mut window = Window::default();
        for moment in moments {
            window.add(SPAN, Moment(*moment), CALL);
        }
        window.counts().total
    }

    #[test]
    fn a_call_is_forgotten_with_its_bucket() {
        // The call at 3 000 is in the bucket 3 000..6 000, which the bucket that begins at 33 000 pushes out.
        assert_eq!(total_after(&[3_000, 32_999]), 2);
        assert_eq!(total_after(&[3_000, 33_000]), 1);
        assert_eq!(total_after(&[3_000, 33_001]), 1);
        assert_eq!(total_after(&[5_999, 32_999]), 2);
        assert_eq!(total_after(&[2_999, 32_999]), 1);
    }

    #[test]
    fn a_clock_that_jumps_forth_forgets_everything() {
        assert_eq!(total_after(&[0, 1, u64::MAX]), 1);
    }

    #[test]
    fn a_clock_that_steps_back_forgets_nothing_and_keeps_nothing_for_ever() {
        let hours = 7_200_000;
        assert_eq!(total_after(&[hours, hours - 1_000]), 2);
        assert_eq!(total_after(&[hours, 0]), 2);
        assert_eq!(total_after(&[hours, 0, 29_999]), 3);
        assert_eq!(total_after(&[hours, 0, 30_000]), 1);
    }

    #[test]
    fn a_window_of_another_length_begins_anew() {
        let mut window = Window::default();
        window.add(SPAN, Moment(0), CALL);
        window.add(SPAN * 2, Moment(0), CALL);
        assert_eq!(window.counts().total, 1);
    }

    #[test]
    fn no_window_is_too_short_or_too_long() {
        for span in [Duration::ZERO, Duration::MAX] {
            let mut window = Window::default();
            window.add(span, Moment(u64::MAX), CALL);
            window.add(span, Moment(u64::MAX), CALL);
            assert_eq!(window.counts().total, 2);
        }
    }

    proptest! {
        #[test]
        fn the_counts_are_those_of_a_model_that_keeps_every_call(
            span in 10u64..40_000,
            calls in prop::collection::vec((0u64..9_000, any::<bool>(), any::<bool>()), 1..120),
        ) {
            let width = span / 10;
            let mut window = Window::default();
            let mut kept: Vec<(u64, Counts)> = Vec::new();
            let mut now = 1_000_000;
            for (pause, fails, slow) in calls {
                now += pause;
                let call = Counts { total: 1, failures: fails.into(), slow: slow.into(), invalid: 0 };
                window.add(Duration::from_millis(span), Moment(now), call);
                kept.push((now, call));
                let recent = kept.iter().filter(|(at, _)| at / width + 10 > now / width);
                let expected = recent.fold(Counts::default(), |mut sum, (_, call)| {
                    sum.total += call.total;
                    sum.failures += call.failures;
                    sum.slow += call.slow;
                    sum
                });
                prop_assert_eq!(window.counts(), expected);
            }
        }
    }
}
