//! Answers that are judged by what they say.

use super::{Invariant, ensure};
use crate::document::{INVALID_OUTPUT, region_named};
use crate::record::{Answer, End, Record};
use crate::scenario::{Behaviour, Ending, Scenario};

pub(super) const NEVER_INVALID: Invariant = Invariant {
    name: "never_invalid",
    sentence: "no client sees anything of an answer that its route's output refuses, of whichever region, unless its \
               fail_on leaves invalid_output out, or the document only watches",
    check: never_invalid,
};

pub(super) const HELD: Invariant = Invariant {
    name: "held",
    sentence: "of an answer that is to be judged first nobody sees anything before it is whole, and nobody else is asked \
               before it is known to be of no use",
    check: held,
};

pub(super) const KEPT: Invariant = Invariant {
    name: "kept",
    sentence: "an answer that was held and is valid comes with all headers that the region gave it, and, where it is \
               short, with its trailers",
    check: kept,
};

/// A longer answer becomes a reply of the filter's own, in bytes.
const IN_PLACE: usize = 32 << 10;

fn never_invalid(_: &Scenario, record: &Record) -> Result<(), String> {
    let follows = |record: &Record| record.route().is_some_and(|route| route.fail_on.contains(&INVALID_OUTPUT));
    let Some(answer) = record.answer.as_ref().filter(|_| !record.is_shadow() && follows(record)) else { return Ok(()) };
    // What is given again has been judged before, or has never been kept.
    let is_new = answer.mark("served-by") != Some("last-good");
    let Some(region) = region_named(answer.headers.text("region")).filter(|_| is_new) else { return Ok(()) };
    let judged = record.asked.iter().find(|asked| asked.region == region).and_then(|asked| asked.judged);
    ensure(!judged.is_some_and(|judged| judged.is_refused), || {
        format!("it is that of region {region}, which says {:?}", String::from_utf8_lossy(&answer.body))
    })
}

fn held(_: &Scenario, record: &Record) -> Result<(), String> {
    if !record.is_undecided() || record.lost_its_vm {
        return Ok(());
    }
    let is_seen = record.answer.is_some() && record.past_the_filter.is_none();
    let is_alone = record.tried() == 1;
    ensure(!is_seen && is_alone, || format!("it is seen: {is_seen}, and {} regions were tried", record.tried()))
}

fn kept(scenario: &Scenario, record: &Record) -> Result<(), String> {
    let Some(answer) = passed(record) else { return Ok(()) };
    let Some(Behaviour::Answer(given)) = scenario.exchanges[record.index].regions.first() else { return Ok(()) };
    // Another reply than the filter's own keeps these too.
    let is_text = |value: &[u8]| std::str::from_utf8(value).is_ok();
    for (name, value) in given.headers.iter().filter(|(_, value)| is_text(value)) {
        let comes = answer.headers.all(name).any(|it| it == value.as_slice());
        ensure(comes, || format!("{name} is missing: {:?}", answer.headers))?;
    }
    let is_short = answer.body.len() <= IN_PLACE;
    let is_due = given.ending == Ending::Trailers && is_short && record.end == Some(End::Whole);
    ensure(!is_due || answer.trailers.is_some(), || "its trailers are missing".into())
}

/// The answer of the primary that was held, and was valid.
fn passed(record: &Record) -> Option<&Answer> {
    let is_held = record.primary().and_then(|asked| asked.judged).is_some_and(|judged| judged.is_held);
    let is_good = record.primary().and_then(|asked| asked.outcome) == Some("ok");
    let is_by_envoy = record.lost_its_vm || record.past_the_filter.is_some();
    record.answer.as_ref().filter(|_| is_held && is_good && !is_by_envoy)
}
