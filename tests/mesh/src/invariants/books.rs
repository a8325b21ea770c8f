//! What the filter counted, against what the world knows.

use super::passed_over::{OVERRIDE, Passed};
use super::{Invariant, ensure};
use crate::document::{FAILURES, INVALID_OUTPUT, region_name, region_named};
use crate::host::label;
use crate::mesh::Outcome;
use crate::record::{End, Record};
use crate::scenario::Scenario;

pub(super) const ATTEMPTS: Invariant = Invariant {
    name: "attempts_counted",
    sentence: "each attempt at a region is counted once, with the verdict that the world knows",
    check: attempts,
};

pub(super) const SKIPPED: Invariant = Invariant {
    name: "skipped_counted",
    sentence: "where an answer says that the request could not be sent again, that is counted for each other region, \
               that comes after those that were asked, and nowhere else",
    check: skipped_as_said,
};

pub(super) const RESPONSES: Invariant = Invariant {
    name: "responses_counted",
    sentence: "each exchange is counted once, by the rung that the client saw answer and the failure that it saw named",
    check: responses,
};

pub(super) const TIMES: &str = "timed_once";
pub(super) const REJECTED_GAUGE: &str = "rejected_gauge";

const ATTEMPTS_TOTAL: &str = "helius_attempts_total";
const RESPONSES_TOTAL: &str = "helius_responses_total";

/// Two labels of each stat that was counted.
pub(super) type Pairs = Vec<(String, String)>;

fn counted(record: &Record, stat: &str, labels: [&str; 2]) -> Pairs {
    let of_stat = record.counted.iter().filter(|name| name.ends_with(stat));
    let mut pairs: Pairs = of_stat.map(|name| labels.map(|it| label(name, it).to_owned()).into()).collect();
    pairs.sort();
    pairs
}

/// The attempts that were counted, made or not.
fn tried(record: &Record) -> (Pairs, Pairs) {
    let tried = counted(record, ATTEMPTS_TOTAL, ["region", "verdict"]);
    tried.into_iter().partition(|(_, verdict)| verdict.starts_with("skipped_"))
}

/// The attempts that were counted as not made.
pub(super) fn skipped(record: &Record) -> Pairs {
    tried(record).0
}

/// The rungs that shadow mode counted.
pub(super) fn would(record: &Record) -> Pairs {
    let responses = counted(record, RESPONSES_TOTAL, ["served_by", "degraded"]);
    responses.into_iter().filter(|(served_by, _)| served_by.starts_with("would_")).collect()
}

fn attempts(_: &Scenario, record: &Record) -> Result<(), String> {
    if record.route().is_none() {
        let counted: Vec<_> = record.counted_by_the_ladder().collect();
        return ensure(counted.is_empty(), || format!("an exchange that is not protected counts {counted:?}"));
    }
    if record.is_turned_away() {
        let counted: Vec<_> = record.counted_by_the_ladder().collect();
        return ensure(counted.is_empty(), || format!("an exchange that was turned away counts {counted:?}"));
    }
    let (skipped, made) = tried(record);
    let is_passed_over = skipped.contains(&(region_name(0), record.why_passed_over().to_owned()));
    let is_true = match record.passed_over() {
        Passed::No => !is_passed_over,
        Passed::Yes => is_passed_over || record.lost_its_vm,
        Passed::Maybe => true,
    };
    ensure(is_true, || format!("{skipped:?} is counted, but the primary was passed over: {is_passed_over}"))?;
    let primary = (region_name(0), record.primary_verdict().to_owned());
    let is_by_route = !is_passed_over && !record.is_primary_called();
    let mut expected: Pairs = if is_by_route { vec![primary] } else { Pairs::new() };
    let told = record.asked.iter().filter(|asked| asked.is_called).map(|asked| {
        let outcome = asked.outcome.filter(|_| asked.was_told).unwrap_or("abandoned");
        (region_name(asked.region), outcome.to_owned())
    });
    expected.extend(told);
    expected.extend(record.refused.iter().map(|(region, verdict)| (region_name(*region), (*verdict).to_owned())));
    expected.sort();
    // A VM that died has not counted everything, but nothing that was not.
    let is_counted = if record.lost_its_vm { is_among(&made, &expected) } else { made == expected };
    ensure(is_counted, || format!("{made:?} is counted, but {expected:?} happened"))?;
    // Whoever was not needed was not passed over.
    let is_well = !record.is_shadow() && record.ended_well && record.tried() == 1;
    ensure(!is_well || skipped.is_empty(), || format!("the primary has answered well, and {skipped:?} is counted"))?;
    // For this reason and no other, and for no other region.
    let is_true = |(region, why): &(String, String)| {
        let is_drained = region_named(region).is_some_and(|region| record.is_drained(region));
        (why == OVERRIDE) == is_drained
    };
    ensure(skipped.iter().all(is_true), || format!("{skipped:?} is counted"))?;
    let is_once = skipped.windows(2).all(|pair| pair[0].0 != pair[1].0);
    let is_other = skipped.iter().all(|(region, _)| expected.iter().all(|(made, _)| made != region));
    ensure(is_once && is_other, || format!("{skipped:?} is counted beside {expected:?}"))
}

/// Whether each of `some` is one of `all`, both in order.
fn is_among(some: &Pairs, all: &Pairs) -> bool {
    let mut rest = all.iter();
    some.iter().all(|it| rest.any(|other| other == it))
}

fn skipped_as_said(_: &Scenario, record: &Record) -> Result<(), String> {
    let Some(route) = record.route().filter(|_| !record.is_shadow() && !record.lost_its_vm) else { return Ok(()) };
    // One who has left, and one whom Envoy answered past the filter, may have been told by nobody.
    let Some(answer) = record.answer.as_ref().filter(|_| record.past_the_filter.is_none()) else { return Ok(()) };
    let mut found = skipped(record);
    found.retain(|(_, verdict)| verdict == "skipped_not_replayable");
    let refused = record.refused.iter().map(|(region, _)| *region);
    let last = record.asked.iter().map(|asked| asked.region).chain(refused).max().unwrap_or(0);
    let is_said = answer.mark("not-replayable").is_some();
    let others = route.others().filter(|region| is_said && *region > last);
    let expected: Pairs = others.map(|region| (region_name(region), "skipped_not_replayable".to_owned())).collect();
    ensure(found == expected, || format!("{found:?} is counted, but the answer says {expected:?}"))
}

fn responses(_: &Scenario, record: &Record) -> Result<(), String> {
    if record.route().is_none() || record.end.is_none() || record.is_turned_away() {
        return Ok(());
    }
    let mut given = counted(record, RESPONSES_TOTAL, ["served_by", "degraded"]);
    let all = given.len();
    given.retain(|(served_by, _)| !served_by.starts_with("would_"));
    ensure(all == given.len() || record.is_shadow(), || "enforce mode counts what it would have done".into())?;
    if record.lost_its_vm {
        // It may have died between counting and answering.
        return ensure(given.len() < 2, || format!("{given:?} is counted"));
    }
    let mark = record.answer.as_ref().and_then(|answer| answer.mark("served-by"));
    let served_by = match (mark, record.end) {
        (Some(mark), _) => mark,
        (None, Some(End::Left)) => "none",
        (None, _) => "primary",
    };
    let broke_off = record.broke_off.filter(|_| record.answer.is_some());
    let degraded = record.degraded().or(broke_off).or(record.turned_out());
    let expected = [(served_by.to_owned(), degraded.unwrap_or("none").to_owned())];
    let is_passed_over =
        record.passed_over() == Passed::Maybe && given == [(served_by.to_owned(), record.why_passed_over().to_owned())];
    ensure(given == expected || is_passed_over, || format!("{given:?} is counted, but {expected:?} happened"))
}

/// Each exchange that was counted has a time, and nothing else has; what a VM had not handed on dies with it.
pub(super) fn times(outcome: &Outcome) -> Result<(), String> {
    let sum = |names: &dyn Fn(&str) -> bool| -> u64 {
        outcome.stats.iter().filter(|(name, _)| names(name)).map(|(_, value)| value).sum()
    };
    let timed = sum(&|name| name.ends_with("request_latency_seconds_bucket") && label(name, "le") == "+Inf");
    let answered = sum(&|name| name.ends_with(RESPONSES_TOTAL) && !label(name, "served_by").starts_with("would_"));
    let may_be_lost = !outcome.scenario.deaths.is_empty() || !outcome.scenario.pushes.is_empty();
    let holds = timed == answered || (may_be_lost && timed < answered);
    ensure(holds, || format!("{timed} times were counted, of {answered} exchanges"))
}

/// At the end exactly as many services are marked as rejected as there are bad documents in force.
pub(super) fn gauge(outcome: &Outcome) -> Result<(), String> {
    let last = outcome.scenario.pushes.iter().max_by_key(|(at, _)| *at).map(|(_, document)| document);
    let is_bad = last.unwrap_or(&outcome.scenario.document).mistake.is_some();
    let rejected = outcome.stats.iter().filter(|(name, _)| name.ends_with("helius_filter_config_rejected"));
    let count: u64 = rejected.map(|(_, value)| value).sum();
    let is = if is_bad { "bad" } else { "good" };
    ensure(count == u64::from(is_bad), || format!("the last document is {is}, and {count} gauges say it is bad"))
}

impl Record {
    /// The verdict on the primary as the world knows it.
    pub fn primary_verdict(&self) -> &'static str {
        let outcome = match self.primary() {
            Some(asked) => asked.outcome,
            None => None,
        };
        match (outcome, self.broke_off) {
            _ if self.request_too_large => "client_error",
            (Some("ok" | "client_error"), Some(broke_off)) => broke_off,
            // A failure that was only watched, or that the route does not list, may break off like a good answer.
            (Some(_), Some(broke_off)) if self.is_shadow() => broke_off,
            (Some(outcome), _) => self.turned_out().unwrap_or(outcome),
            // Of an answer that was held nobody knew more when it ended.
            (None, broke_off) => broke_off.unwrap_or("abandoned"),
        }
    }

    /// What the primary's answer was found to be when the client had all of it.
    pub fn turned_out(&self) -> Option<&'static str> {
        let is_too_late = self.primary().and_then(|asked| asked.judged).is_some_and(|judged| judged.is_too_late);
        is_too_late.then_some(INVALID_OUTPUT)
    }

    /// Why the primary's answer is not the answer: its failure, its 429, or that it was not asked.
    pub fn degraded(&self) -> Option<&'static str> {
        if self.passed_over() == Passed::Yes {
            return Some(self.why_passed_over());
        }
        if self.is_primary_refused() {
            return Some("no_healthy_upstream");
        }
        let outcome = self.primary().filter(|asked| asked.was_told).and_then(|asked| asked.outcome)?;
        (FAILURES.contains(&outcome) || outcome == "rate_limited").then_some(outcome)
    }
}
