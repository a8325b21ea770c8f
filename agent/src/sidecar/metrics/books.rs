//! What is known of the filter's stats: for each series what Envoy says now, and what was counted before.
//!
//! Envoy's counters begin at 0 with every process of it, and a counter of Prometheus that falls is one that began anew.
//! Here they go on: what a process had counted when it was last seen is added to what the next one counts.

use std::collections::BTreeMap;

use super::family::{self, Kind};
use super::stat::{Labels, Stat};

/// Most series of the filter that are kept. 350 routes to 3 regions have about so many.
pub(super) const MAX_SERIES: usize = 50_000;

/// The books.
#[derive(Debug, Default)]
pub(super) struct Books {
    counters: BTreeMap<Box<str>, Family<Count>>,
    gauges: BTreeMap<Box<str>, Family<u64>>,
    series: usize,
}

/// The series of one name, by their labels as the filter writes them.
pub(super) type Family<V> = BTreeMap<Box<str>, V>;

/// A counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// What former processes had counted.
    pub(super) before: u64,
    /// What the present one has.
    pub(super) now: u64,
}

impl Count {
    /// What was counted at all.
    pub(super) const fn total(self) -> u64 {
        self.before.saturating_add(self.now)
    }

    /// The process that counted is gone.
    fn carry(&mut self) {
        *self = Self { before: self.total(), now: 0 };
    }

    /// Another value is seen.
    fn see(&mut self, value: u64) {
        // It was made anew: by an Envoy whose restart went unseen, or by a configuration that had been gone meanwhile.
        if value < self.now {
            self.carry();
        }
        self.now = value;
    }
}

/// What became of a stat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entered {
    /// It was known.
    Known,
    /// It was not, and now is.
    New,
    /// There are too many series.
    LeftOut,
    /// It has the name of something that the agent makes by itself.
    Refused,
}

impl Books {
    /// Enters a stat.
    pub(super) fn enter(&mut self, stat: Stat<'_>) -> Entered {
        if family::is_own(stat.name) {
            return Entered::Refused;
        }
        let has_room = self.series < MAX_SERIES;
        let entered = match family::kind(stat.name) {
            Kind::Counter => with(&mut self.counters, stat, has_room, |count: &mut Count| count.see(stat.value)),
            Kind::Gauge | Kind::Histogram => with(&mut self.gauges, stat, has_room, |gauge| *gauge = stat.value),
        };
        if entered == Entered::New {
            self.series += 1;
        }
        entered
    }

    /// Enters what an agent before this one had in its books.
    pub(super) fn restore(&mut self, name: &str, labels: &str, count: Count) {
        let stat = Stat { name, labels: Labels(labels), value: count.now };
        if self.series < MAX_SERIES && family::kind(name) == Kind::Counter && !family::is_own(name) {
            let entered = with(&mut self.counters, stat, true, |it| *it = count);
            self.series += usize::from(entered == Entered::New);
        }
    }

    /// Envoy has restarted: its counters begin at 0, and nothing is known of its gauges.
    pub(super) fn carry(&mut self) {
        self.counters.values_mut().flat_map(BTreeMap::values_mut).for_each(Count::carry);
        self.forget_gauges();
    }

    /// The gauges are about to be read anew, all of them.
    pub(super) fn forget_gauges(&mut self) {
        self.series -= self.gauges.values().map(BTreeMap::len).sum::<usize>();
        self.gauges.clear();
    }

    /// Whether nothing is known.
    pub(super) const fn is_empty(&self) -> bool {
        self.series == 0
    }

    /// The counters by their names.
    pub(super) fn counters(&self) -> impl Iterator<Item = (&str, &Family<Count>)> {
        self.counters.iter().map(|(name, family)| (&**name, family))
    }

    /// The series of a counter.
    pub(super) fn counter(&self, name: &str) -> impl Iterator<Item = (Labels<'_>, Count)> {
        let family = self.counters.get(name);
        family.into_iter().flatten().map(|(labels, count)| (Labels(labels), *count))
    }

    /// The gauges by their names.
    pub(super) fn gauges(&self) -> impl Iterator<Item = (&str, &Family<u64>)> {
        self.gauges.iter().map(|(name, family)| (&**name, family))
    }
}

/// Changes a series. What is not there yet is made where there is room.
fn with<V: Default>(
    families: &mut BTreeMap<Box<str>, Family<V>>,
    stat: Stat<'_>,
    has_room: bool,
    change: impl FnOnce(&mut V),
) -> Entered {
    // Looked up before it is made, because nearly always it is there and a key would be allocated for nothing.
    if let Some(value) = families.get_mut(stat.name).and_then(|family| family.get_mut(stat.labels.0)) {
        change(value);
        return Entered::Known;
    }
    if !has_room {
        return Entered::LeftOut;
    }
    change(families.entry(stat.name.into()).or_default().entry(stat.labels.0.into()).or_default());
    Entered::New
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enter(books: &mut Books, line: &str) -> Entered {
        books.enter(Stat::read(line.as_bytes()).unwrap().unwrap())
    }

    fn total(books: &Books) -> Vec<u64> {
        books.counter("a_total").map(|(_, count)| count.total()).collect()
    }

    #[test]
    fn a_counter_goes_on_after_a_restart() {
        let mut books = Books::default();
        enter(&mut books, "wasmcustom.service=.=s;.;a_total: 7");
        books.carry();
        assert_eq!(total(&books), [7], "nothing of the new process is known yet");
        enter(&mut books, "wasmcustom.service=.=s;.;a_total: 9");
        assert_eq!(total(&books), [16], "although 9 is more than 7");
        books.carry();
        books.carry();
        assert_eq!(total(&books), [16], "what was carried is carried once");
    }

    #[test]
    fn a_value_below_the_last_one_began_anew() {
        let mut books = Books::default();
        for (value, expected) in [(5, 5), (5, 5), (6, 6), (2, 8), (3, 9), (0, 9)] {
            enter(&mut books, &format!("wasmcustom.service=.=s;.;a_total: {value}"));
            assert_eq!(total(&books), [expected]);
        }
    }

    #[test]
    fn a_gauge_is_forgotten_with_the_process_that_said_it() {
        let mut books = Books::default();
        assert_eq!(enter(&mut books, "wasmcustom.service=.=s;.;g: 7"), Entered::New);
        assert_eq!(enter(&mut books, "wasmcustom.service=.=s;.;g: 3"), Entered::Known);
        books.carry();
        assert_eq!(books.gauges().count(), 0);
        assert!(books.is_empty());
    }

    #[test]
    fn there_are_at_most_so_many_series_and_those_that_are_known_go_on() {
        let mut books = Books::default();
        for number in 0..MAX_SERIES {
            assert_eq!(enter(&mut books, &format!("wasmcustom.service=.=s;.;n=.={number};.;a_total: 1")), Entered::New);
        }
        assert_eq!(enter(&mut books, "wasmcustom.service=.=s;.;n=.=x;.;a_total: 1"), Entered::LeftOut);
        assert_eq!(enter(&mut books, "wasmcustom.service=.=s;.;g: 1"), Entered::LeftOut);
        assert_eq!(enter(&mut books, "wasmcustom.service=.=s;.;n=.=1;.;a_total: 2"), Entered::Known);
    }

    #[test]
    fn what_the_agent_makes_by_itself_is_not_taken_from_envoy() {
        let mut books = Books::default();
        assert_eq!(enter(&mut books, "wasmcustom.service=.=s;.;model_requests_total: 7"), Entered::Refused);
        assert_eq!(enter(&mut books, "wasmcustom.service=.=s;.;helius_envoy_up: 7"), Entered::Refused);
    }
}
