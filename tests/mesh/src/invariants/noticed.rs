//! What the simulation notices as it happens, because nothing of it is left to be seen when the event is over.

/// A rule that is broken at the moment of a host call or of an answer.
#[derive(Debug)]
pub struct Noticed {
    /// By which a failure names it.
    pub name: &'static str,
    /// What holds.
    pub sentence: &'static str,
}

/// Every answer that is sent twice, and every effect on a stream that is answered or over.
pub(crate) const ONE_ANSWER: Noticed = Noticed {
    name: "one_answer",
    sentence: "a client gets one answer, and when that has begun or the client has left, nothing is done for it any more",
};

pub(crate) const ONLY_HELD: Noticed =
    Noticed { name: "only_held", sentence: "only what is held is resumed, and only once" };

pub(crate) const LIVING: Noticed =
    Noticed { name: "living", sentence: "the filter acts and counts for streams that are still there" };

pub(crate) const NOT_REFUSED: Noticed =
    Noticed { name: "not_refused", sentence: "Envoy refuses nothing that the filter wants done" };

pub(crate) const VALID: Noticed =
    Noticed { name: "valid", sentence: "what the filter hands to Envoy has every header that Envoy needs" };

pub(crate) const NO_TRAP: Noticed =
    Noticed { name: "no_trap", sentence: "the module traps only where the incident kills it" };

pub(crate) const STARTS: Noticed =
    Noticed { name: "starts", sentence: "whatever document it is given, the filter says yes" };

pub(crate) const LEFT_ALONE: Noticed = Noticed {
    name: "left_alone",
    sentence: "while the breaker of a region is open, nothing reaches the region but one last resort a second, and that \
               only where no other region was asked before; while it is forced open, nothing at all",
};

pub(crate) const PROBES: Noticed = Noticed {
    name: "probes",
    sentence: "while a breaker is half-open, no more attempts at its region than its permits are under way at once: \
               neither answered, nor given up, nor a moment older than their timeout, nor let in before it last closed",
};

pub(crate) const CHAIN: Noticed = Noticed {
    name: "chain",
    sentence: "the changes of a breaker that all workers count are a chain: each is legal from where the one before led",
};

pub(crate) const TRIPS: Noticed = Noticed {
    name: "trips",
    sentence: "a breaker changes as soon as what the filter has heard of, or the time, says so, and never before; the \
               reason that is counted is the true one, and nobody is let in who comes after it",
};

pub(crate) const PASSED_OVER: Noticed = Noticed {
    name: "passed_over",
    sentence: "no region is passed over whose breaker is closed and past the ramp, or has been open for its time, or is \
               half-open with a slot that is free",
};

pub(crate) const BREAKER_GAUGE: Noticed = Noticed {
    name: "breaker_gauge",
    sentence: "a second after a change the gauge of a breaker says what was counted, of one that is forced open or closed \
               where it is forced to, and of one that only watches closed",
};

pub(crate) const WITHIN_BUDGET: Noticed = Noticed {
    name: "within_budget",
    sentence: "in each worker no more is being sent again than the retry budget's share of what is in flight there, or \
               its least number, and nothing is held back that might be",
};

pub(crate) const WITHIN_SHARE: Noticed = Noticed {
    name: "within_share",
    sentence: "in each worker no larger share of a route's answers is made up than its bound allows, and none is refused \
               that might be",
};

pub(crate) const DRILL_IS_ONE: Noticed = Noticed {
    name: "drill_is_one",
    sentence: "a call that no stream has made is one of a drill, says so, and never goes to the primary",
};

pub(crate) const DRILL_LEAVES_ALONE: Noticed =
    Noticed { name: "drill_leaves_alone", sentence: "a drill asks no region whose breaker is not closed" };

pub(crate) const ONCE_ONLY: Noticed = Noticed {
    name: "once_only",
    sentence: "a message goes on once for all workers, while the first is in flight and for a window after it was done, \
               and again where the first has failed",
};

pub(crate) const HEARD_OF: Noticed = Noticed {
    name: "heard_of",
    sentence: "a second after something was switched, or was undone, every worker knows it; where the agent was gone, or \
               the worker that asks it is, or there is another document or another time, a second after that is over; a \
               fresh VM and a new document begin with what is known",
};

pub(crate) const AS_GIVEN: Noticed = Noticed {
    name: "as_given",
    sentence: "what workers hand on of overrides is the good document that the agent gave last, and they read nothing else",
};

pub(crate) const ONE_ASKS: Noticed = Noticed {
    name: "one_asks",
    sentence: "one worker asks the agent, and another one only when there is another document or another time",
};

pub(crate) const ASKS_SELDOM: Noticed = Noticed {
    name: "asks_seldom",
    sentence: "the agent is asked once, and again when something has happened or as much time has passed as the document \
               says",
};

pub(crate) const OVERRIDE_GAUGE: Noticed = Noticed {
    name: "override_gauge",
    sentence: "a second after it has changed how many overrides of a kind are in force on a route the gauge says it, and \
               0 where there are none",
};

/// All of them.
pub const NOTICED: [&Noticed; 23] = [
    &ONE_ANSWER,
    &ONLY_HELD,
    &LIVING,
    &NOT_REFUSED,
    &VALID,
    &NO_TRAP,
    &STARTS,
    &LEFT_ALONE,
    &PROBES,
    &CHAIN,
    &TRIPS,
    &PASSED_OVER,
    &BREAKER_GAUGE,
    &WITHIN_BUDGET,
    &WITHIN_SHARE,
    &DRILL_IS_ONE,
    &DRILL_LEAVES_ALONE,
    &ONCE_ONLY,
    &HEARD_OF,
    &AS_GIVEN,
    &ONE_ASKS,
    &ASKS_SELDOM,
    &OVERRIDE_GAUGE,
];
