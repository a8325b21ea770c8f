//! What holds for every exchange of every incident, each in a sentence.
//!
//! A rule is judged as early as it can be:
//!
//! * as it happens, where nothing is left to be seen afterwards: `noticed`;
//! * after each event, on the exchanges that the event touched: `answer`, `attempts`, `judged`, `last_rungs`, `drills`,
//!   `passed_over`, `switched`, `patience`, `replay`, `death`;
//! * when the run is over, because before that something may still come: `ends`, `books`, `shadow`, `strict`,
//!   `drills`, `limits`.
//!
//! `excuse` says when a protected client may see a 5xx all the same. `judge` keeps what was broken.

mod answer;
mod attempts;
mod books;
mod death;
mod drills;
mod ends;
mod excuse;
mod judge;
mod judged;
mod last_rungs;
mod limits;
mod noticed;
mod passed_over;
mod patience;
mod replay;
mod shadow;
mod strict;
mod switched;

pub use excuse::Excuse;
pub use judge::{Violation, judge};
pub use noticed::{NOTICED, Noticed};

pub(crate) use judge::Judge;
pub(crate) use noticed::{
    AS_GIVEN, ASKS_SELDOM, BREAKER_GAUGE, CHAIN, DRILL_IS_ONE, DRILL_LEAVES_ALONE, HEARD_OF, LEFT_ALONE, LIVING,
    NO_TRAP, NOT_REFUSED, ONCE_ONLY, ONE_ANSWER, ONE_ASKS, ONLY_HELD, OVERRIDE_GAUGE, PASSED_OVER, PROBES, STARTS,
    TRIPS, VALID, WITHIN_BUDGET, WITHIN_SHARE,
};

use crate::record::Record;
use crate::scenario::Scenario;

/// A rule about one exchange.
#[derive(Debug, Clone, Copy)]
pub struct Invariant {
    /// By which a failure names it.
    pub name: &'static str,
    /// What holds.
    pub sentence: &'static str,
    /// Says how it is broken, if it is.
    pub(crate) check: fn(&Scenario, &Record) -> Result<(), String>,
}

/// What holds whenever an event is over.
pub const AFTER_EACH_EVENT: [Invariant; 27] = [
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
    judged::NEVER_INVALID,
    judged::HELD,
    judged::KEPT,
    last_rungs::AGAIN,
    last_rungs::KEPT_FIRST,
    drills::DRILLED,
    passed_over::SHUT,
    passed_over::LAST_RESORT,
    passed_over::REFUSED,
    switched::DRAINED,
    switched::FORCED_STATIC,
    patience::HEARD_OUT,
    patience::AT_ONCE,
    patience::IN_TIME,
    replay::NOT_REPLAYABLE,
    death::EXCUSED,
];

/// What holds when the run is over.
pub const AT_THE_END: [Invariant; 8] = [
    ends::ENDS,
    books::ATTEMPTS,
    books::SKIPPED,
    books::RESPONSES,
    shadow::WOULD,
    strict::CALLED,
    drills::REHEARSED,
    limits::TURNED_AWAY,
];

/// Fails a rule with a message where something does not hold.
fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}
