//! Where the filter calls the primary itself.

use super::{Invariant, ensure};
use crate::document::Route;
use crate::host::label;
use crate::record::{Asked, Record};
use crate::scenario::Scenario;

pub(super) const CALLED: Invariant = Invariant {
    name: "called",
    sentence: "on a strict route the primary is called, unless there is a reason why it could not be, which is counted \
               once; elsewhere it never is",
    check: called,
};

const BYPASSED_TOTAL: &str = "helius_strict_bypassed_total";

fn called(_: &Scenario, record: &Record) -> Result<(), String> {
    let counted: Vec<_> = record.counted.iter().filter(|name| name.ends_with(BYPASSED_TOTAL)).collect();
    let reasons: Vec<_> = counted.iter().map(|name| label(name, "reason")).collect();
    let strict = record.route().filter(|route| record.calls_primary_of(route));
    let Some(route) = strict else {
        return ensure(!record.is_primary_called() && reasons.is_empty(), || {
            format!("its primary is called: {}, bypassed: {reasons:?}", record.is_primary_called())
        });
    };
    match (record.primary().filter(|primary| !primary.is_called), &reasons[..]) {
        (None, []) => Ok(()),
        (Some(primary), [reason]) => {
            ensure(is_true(record, route, primary, reason), || format!("it is bypassed for no {reason}"))
        }
        // It may have died between counting and asking, or the other way round; and Envoy lets nothing on that is too large.
        _ if record.lost_its_vm => Ok(()),
        (None, [_]) if record.request_too_large => Ok(()),
        (primary, _) => Err(format!("it is bypassed: {}, and that is counted: {reasons:?}", primary.is_some())),
    }
}

fn is_true(record: &Record, route: &Route, primary: &Asked, reason: &str) -> bool {
    match reason {
        "incomplete" => !primary.was_whole,
        "body" => record.body.len().max(record.announced()) > route.max_body,
        "trailers" => record.shown.trailers,
        "memory" => record.uncopied == Some("memory"),
        "headers" => !record.is_text(),
        _ => false,
    }
}
