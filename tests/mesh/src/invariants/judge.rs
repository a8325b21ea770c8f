//! Who judges, and what was broken.

use std::collections::BTreeSet;

use super::{AFTER_EACH_EVENT, AT_THE_END, Invariant, NOTICED, books, drills, limits};
use crate::mesh::Outcome;
use crate::record::Record;
use crate::scenario::Scenario;
use crate::world::{Micros, World};

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The rule.
    pub invariant: &'static str,
    /// When it was broken: the virtual time and the event, or the end of the run.
    pub when: String,
    /// How it was broken, and by which exchange.
    pub what: String,
}

/// Judges while an incident runs. What an exchange has broken once it is not told again.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    known: BTreeSet<(usize, &'static str)>,
    pub(crate) violations: Vec<Violation>,
}

impl Judge {
    /// What was noticed as it happened.
    pub(crate) fn noticed(&self) -> impl Iterator<Item = &Violation> {
        self.violations.iter().filter(|it| NOTICED.iter().any(|noticed| noticed.name == it.invariant))
    }

    /// Judges what `event` has done to these exchanges.
    pub(crate) fn after(&mut self, world: &World, event: &str, touched: &BTreeSet<usize>) {
        let when = || moment(world.now.get(), event);
        for (rule, what) in world.take_wrong() {
            let what = format!("{what}\n    rule: {}", rule.sentence);
            self.violations.push(Violation { invariant: rule.name, when: when(), what });
        }
        for index in touched {
            let record = &world.records.borrow()[*index];
            for (rule, what) in broken(&AFTER_EACH_EVENT, &world.scenario, record) {
                if self.known.insert((*index, rule.name)) {
                    world.trace("BROKEN", || format!("{}: {what}", rule.name));
                    self.violations.push(Violation { invariant: rule.name, when: when(), what });
                }
            }
        }
    }
}

/// Everything that a run broke.
pub fn judge(outcome: &Outcome) -> Vec<Violation> {
    let mut violations = outcome.violations.clone();
    let when = || "at the end".to_owned();
    for record in &outcome.records {
        let broken = broken(&AT_THE_END, &outcome.scenario, record);
        violations.extend(broken.map(|(rule, what)| Violation { invariant: rule.name, when: when(), what }));
    }
    for (invariant, judged) in [
        (books::REJECTED_GAUGE, books::gauge(outcome)),
        (books::TIMES, books::times(outcome)),
        (limits::LET_IN, limits::let_in(outcome)),
        (drills::DRILLS_COUNTED, drills::counted(outcome)),
    ] {
        violations.extend(judged.err().map(|what| Violation { invariant, when: when(), what }));
    }
    violations
}

fn broken<'a>(
    rules: &'a [Invariant],
    scenario: &'a Scenario,
    record: &'a Record,
) -> impl Iterator<Item = (&'a Invariant, String)> {
    rules.iter().filter_map(|rule| {
        let what = (rule.check)(scenario, record).err()?;
        Some((rule, format!("{}: {what}\n    rule: {}", record.id, rule.sentence)))
    })
}

fn moment(now: Micros, event: &str) -> String {
    format!("at {}.{:03} ms, after {event}", now / 1000, now % 1000)
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::Judge;
    use crate::document::Document;
    use crate::invariants::ONE_ANSWER;
    use crate::record::Record;
    use crate::scenario::{Exchange, Request, Scenario};
    use crate::world::World;

    fn world() -> World {
        let exchange = Exchange::new(Request::new("GET", "/"));
        let world = World::new(Rc::new(Scenario::new(Document::new(vec![])).with(exchange)), false);
        world.records.borrow_mut().push(Record { id: "id0".to_owned(), ..Record::default() });
        world.now.set(12_345);
        world
    }

    #[test]
    fn what_is_broken_is_named_with_its_moment_and_once() {
        let (world, mut judge) = (world(), Judge::default());
        world.record(0, |record| record.lost_its_vm = true);
        let touched = world.take_touched();
        judge.after(&world, "a tick", &touched);
        judge.after(&world, "a client left", &touched);
        let [violation] = &judge.violations[..] else { panic!("{:?}", judge.violations) };
        assert_eq!((violation.invariant, &*violation.when), ("excused", "at 12.345 ms, after a tick"));
        assert!(
            violation.what.starts_with("id0: it has lost its VM on w0, where none has died\n    rule: only the death")
        );
    }

    #[test]
    fn what_is_noticed_belongs_to_the_event_under_way() {
        let (world, mut judge) = (world(), Judge::default());
        world.wrong(&ONE_ANSWER, "a client gets a second answer");
        judge.after(&world, "a tick", &world.take_touched());
        judge.after(&world, "a tick", &world.take_touched());
        assert_eq!(judge.noticed().count(), 1);
        assert_eq!(judge.violations[0].invariant, "one_answer");
    }
}
