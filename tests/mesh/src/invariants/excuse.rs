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
    /// Too much is made up already, and the route bounds it: the filter's own 503.
    Capped,
    /// Nobody of that region is let in: the filter's own 503.
    Isolated,
    /// The VM died: Envoy's own 503.
    VmDied,
}

impl Excuse {
    /// Whether it is one for this exchange: of a primary that the filter called nothing goes past the filter.
    pub(super) fn holds_for(self, record: &Record) -> bool {
        let is_by_filter = matches!(self, Self::Configured | Self::Capped | Self::Isolated | Self::VmDied);
        is_by_filter || !record.is_primary_called()
    }

    /// The excuse for this exchange, if it has one.
    pub fn of(record: &Record) -> Option<Self> {
        if record.lost_its_vm {
            return Some(Self::VmDied);
        }
        if record.is_turned_away() {
            return Some(Self::Isolated);
        }
        match record.past_the_filter.as_deref() {
            Some("response_payload_too_large") => return Some(Self::OutgrewTheBuffer),
            Some("response_timeout") => return Some(Self::RouteTimeout),
            Some(details) if details.starts_with("upstream_reset_after_response_started") => {
                return Some(Self::BrokeOffWhileHeld);
            }
            _ => {}
        }
        match record.answer.as_ref().and_then(|answer| answer.mark("served-by"))? {
            "static" => Some(Self::Configured),
            // That it was needed is another rule's.
            "refusal" if record.route()?.max_share.is_some() => Some(Self::Capped),
            _ => None,
        }
    }
}
