//! Ejecting a region whose output is invalid too often.

use super::record::{Reader, Writer};
use super::settings::Eject;
use super::window::Counts;

/// Which of the last 64 calls had invalid output: one bit each, the newest lowest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Recent(u64);

impl Recent {
    pub(super) const fn add(&mut self, is_invalid: bool) {
        self.0 = (self.0 << 1) | is_invalid as u64;
    }

    /// Whether the region is to be ejected; `window` has the calls of the window.
    pub(super) fn ejects(self, eject: &Eject, window: Counts) -> bool {
        self.invalid_of(eject.of) >= eject.invalid.max(1)
            || window.total >= eject.min_requests && reaches(window.invalid, window.total, eject.rate)
    }

    fn invalid_of(self, of: u32) -> u32 {
        let older = u64::BITS.saturating_sub(of);
        self.0.checked_shl(older).unwrap_or_default().count_ones()
    }

    pub(super) fn write(self, to: &mut Writer) {
        to.put(self.0.to_le_bytes());
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self(from.u64()?))
    }
}

/// Whether `part` of `total` is a share of at least `rate`; none at all never is. By division, which gives exactly the
/// number that the operator's "0.1" was read as; 0.1 × 30 is more than 3.
pub(super) fn reaches(part: u32, total: u32, rate: f64) -> bool {
    part > 0 && f64::from(part) / f64::from(total) >= rate
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEVER: Counts = Counts { total: 0, failures: 0, slow: 0, invalid: 0 };

    fn after(calls: &[bool]) -> Recent {
        let mut recent = Recent::default();
        for is_invalid in calls {
            recent.add(*is_invalid);
        }
        recent
    }

    #[test]
    fn five_of_the_last_twenty_eject() {
        let eject = Eject::default();
        for (invalid, ejects) in [(4, false), (5, true), (6, true)] {
            assert_eq!(after(&vec![true; invalid]).ejects(&eject, NEVER), ejects, "{invalid}");
        }
        for (good, ejects) in [(14, true), (15, true), (16, false)] {
            let calls = [vec![true; 5], vec![false; good]].concat();
            assert_eq!(after(&calls).ejects(&eject, NEVER), ejects, "{good} good ones since");
        }
    }

    #[test]
    fn a_tenth_of_the_window_ejects_when_it_has_volume() {
        for (invalid, total, ejects) in
            [(2, 19, false), (2, 20, true), (2, 21, false), (3, 30, true), (3, 31, false), (0, 100, false)]
        {
            let window = Counts { total, failures: invalid, slow: 0, invalid };
            assert_eq!(Recent::default().ejects(&Eject::default(), window), ejects, "{invalid} of {total}");
        }
    }

    #[test]
    fn any_settings_are_survived() {
        let recent = after(&[true; 64]);
        let eject = |invalid, of| Eject { invalid, of, rate: f64::NAN, min_requests: 0 };
        assert!(recent.ejects(&eject(64, 64), NEVER) && recent.ejects(&eject(64, u32::MAX), NEVER));
        assert!(!recent.ejects(&eject(65, u32::MAX), NEVER) && !recent.ejects(&eject(0, 0), NEVER));
        assert!(!Recent::default().ejects(&eject(0, 20), NEVER), "nothing invalid is never too much");
    }
}
