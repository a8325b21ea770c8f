//! What holds for every exchange of every incident, each in a sentence.
//!
//! What can be seen at the moment when it goes wrong (a trap, a second answer, an answer to a stream that is over, a
//! stream resumed that was not held, a complaint in the filter's log) is noted by the simulation as it happens. The
//! rules here look at an exchange when it is over.
//!
//! * `answer`: what the client got. * `attempts`: what the regions got. * `books`: what the filter counted.
//! * `excuse`: when a protected client may see a 5xx all the same.

mod answer;
mod attempts;
mod books;
mod excuse;

pub use excuse::Excuse;

use crate::mesh::Outcome;
use crate::record::Record;

/// A rule about one exchange.
#[derive(Debug, Clone, Copy)]
pub struct Invariant {
    /// By which a failure names it.
    pub name: &'static str,
    /// What holds.
    pub sentence: &'static str,
    /// Says how it is broken, if it is.
    pub(crate) check: fn(&Outcome, &Record) -> Result<(), String>,
}

/// Every rule.
pub const INVARIANTS: [Invariant; 14] = [
    answer::ENDS,
    answer::FRAMED,
    answer::BELONGS,
    answer::NO_5XX,
    answer::CLIENT_ERRORS,
    answer::FIRST_GOOD,
    answer::MARKS,
    answer::UNTOUCHED,
    attempts::ONCE,
    attempts::DEADLINE,
    attempts::REPLAYABLE,
    attempts::IDENTICAL,
    books::ATTEMPTS,
    books::RESPONSES,
];

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The rule, or `step` for what was noticed as it happened.
    pub invariant: &'static str,
    /// How it was broken, and by which exchange.
    pub what: String,
}

/// Everything that a run broke.
pub fn judge(outcome: &Outcome) -> Vec<Violation> {
    let steps = outcome.wrong.iter().map(|what| Violation { invariant: "step", what: what.clone() });
    let mut violations: Vec<_> = steps.collect();
    for record in &outcome.records {
        for invariant in INVARIANTS {
            if let Err(what) = (invariant.check)(outcome, record) {
                let what = format!("{}: {what}\n    rule: {}", record.id, invariant.sentence);
                violations.push(Violation { invariant: invariant.name, what });
            }
        }
    }
    violations.extend(books::gauge(outcome));
    violations
}

/// Fails a rule with a message where something does not hold.
fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}
