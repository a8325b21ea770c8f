//! How many of a route's answers were made up lately, in each worker, reckoned from what was counted.

use std::collections::BTreeMap;

use crate::document::MaxShare;
use crate::flights::Owner;
use crate::kept::DECIDED_WITHIN;
use crate::world::Micros;

/// Parts of a window.
const PARTS: Micros = 10;

/// When each answer was counted, and whether it was made up.
#[derive(Debug, Default)]
pub(crate) struct MadeUp(BTreeMap<Owner, Vec<(Micros, bool)>>);

impl MadeUp {
    /// Counts an answer.
    pub(crate) fn count(&mut self, owner: Owner, wall: Micros, is_made_up: bool) {
        self.0.entry(owner).or_default().push((wall, is_made_up));
    }

    /// Whether at some moment since an answer may have been decided that is counted now, one more might have been made up,
    /// and whether at some moment it might not.
    pub(crate) fn might(&self, owner: &Owner, settings: MaxShare, wall: Micros) -> (bool, bool) {
        let all = self.0.get(owner).map_or(&[][..], Vec::as_slice);
        let since = wall.saturating_sub(DECIDED_WITHIN);
        let first = all.partition_point(|(at, _)| *at < since);
        let moments = (first..=all.len()).flat_map(|count| {
            // From the last of them on until the next one.
            let begin = all[..count].last().map_or(since, |(at, _)| (*at).max(since));
            let end = all.get(count).map_or(wall, |(at, _)| *at);
            [(count, begin), (count, end)]
        });
        let found: Vec<_> = moments.map(|(count, at)| allows(&all[..count], settings, at)).collect();
        (found.contains(&true), found.contains(&false))
    }
}

fn allows(before: &[(Micros, bool)], settings: MaxShare, wall: Micros) -> bool {
    let part = settings.window * 1000 / PARTS;
    let (newest, is_new) = (wall / part, |at: &Micros| wall / part - at / part < PARTS);
    let counted: Vec<_> = before.iter().filter(|(at, _)| at / part <= newest && is_new(at)).collect();
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let (all, made_up) = (number(counted.len()), number(counted.iter().filter(|(_, is_made_up)| *is_made_up).count()));
    all < u64::from(settings.min_requests) || (made_up + 1) * 100 <= u64::from(settings.share) * (all + 1)
}

#[cfg(test)]
mod tests {
    use super::MadeUp;
    use crate::document::MaxShare;

    #[test]
    fn a_share_is_one_of_the_answers_of_a_window_and_a_few_are_always_allowed() {
        let settings = MaxShare { share: 50, window: 1000, min_requests: 4 };
        let owner = (0, 2, "assist".to_owned());
        let counted = |real: usize, made_up: usize| {
            let mut share = MadeUp::default();
            (0..real + made_up).for_each(|index| share.count(owner.clone(), 5_000_000, index >= real));
            move |wall| share.might(&(0, 2, "assist".to_owned()), settings, wall).0
        };
        let later = 5_400_000;
        assert!(counted(0, 3)(later));
        assert!(!counted(0, 4)(later));
        assert!(!counted(2, 2)(later));
        assert!(counted(3, 2)(later));
        assert!(counted(0, 4)(6_000_000), "the window is over");
    }
}
