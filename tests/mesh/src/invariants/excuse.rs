//! The failures that ARCHITECTURE.md calls "not covered".

use crate::record::Record;

/// Why a protected client sees a 5xx although a static response stands ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excuse {
    /// A failed answer that outgrew Envoy's buffer while it was held: Envoy's own 500, past every filter.
    OutgrewTheBuffer,
    /// A failed answer that broke off while it was held: Envoy's own 503, past every filter.
    BrokeOffWhileHeld,
    /// The route's timeout, which must be longer than the ladder and was not: Envoy's own 504, past every filter.
    RouteTimeout,
    /// The static response itself says so.
    Configured,
    /// The VM died: Envoy's own 503.
    VmDied,
}

impl Excuse {
    /// The excuse for this exchange, if it has one.
    pub fn of(record: &Record) -> Option<Self> {
        if record.lost_its_vm {
            return Some(Self::VmDied);
        }
        match record.past_the_filter.as_deref() {
            Some("response_payload_too_large") => return Some(Self::OutgrewTheBuffer),
            Some("response_timeout") => return Some(Self::RouteTimeout),
            Some(details) if details.starts_with("upstream_reset_after_response_started") => {
                return Some(Self::BrokeOffWhileHeld);
            }
            _ => {}
        }
        let is_static = record.answer.as_ref().and_then(|answer| answer.mark("served-by")) == Some("static");
        is_static.then_some(Self::Configured)
    }
}
