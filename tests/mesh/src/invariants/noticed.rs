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

/// All of them.
pub const NOTICED: [&Noticed; 7] = [&ONE_ANSWER, &ONLY_HELD, &LIVING, &NOT_REFUSED, &VALID, &NO_TRAP, &STARTS];
