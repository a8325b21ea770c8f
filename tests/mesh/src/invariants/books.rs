//! What the filter counted, against what the world knows.

use super::{Invariant, Violation, ensure};
use crate::document::{FAILURES, region_name};
use crate::host::label;
use crate::mesh::Outcome;
use crate::record::{End, Record};

pub(super) const ATTEMPTS: Invariant = Invariant {
    name: "attempts_counted",
    sentence: "each attempt at a region is counted once, with the verdict that the world knows",
    check: attempts,
};

pub(super) const RESPONSES: Invariant = Invariant {
    name: "responses_counted",
    sentence: "each exchange is counted once, by the rung that the client saw answer and the failure that it saw named",
    check: responses,
};

const ATTEMPTS_TOTAL: &str = "helius_attempts_total";
const RESPONSES_TOTAL: &str = "helius_responses_total";

type Pairs = Vec<(String, String)>;

fn counted(record: &Record, stat: &str, labels: [&str; 2]) -> Pairs {
    let of_stat = record.counted.iter().filter(|name| name.ends_with(stat));
    let mut pairs: Pairs = of_stat.map(|name| labels.map(|it| label(name, it).to_owned()).into()).collect();
    pairs.sort();
    pairs
}

fn attempts(_: &Outcome, record: &Record) -> Result<(), String> {
    let found = counted(record, ATTEMPTS_TOTAL, ["region", "verdict"]);
    if record.route().is_none() {
        return ensure(record.counted.is_empty(), || format!("an exchange that is not protected counts {found:?}"));
    }
    if record.lost_its_vm {
        return Ok(());
    }
    let mut expected: Pairs = vec![(region_name(0), record.primary_verdict().to_owned())];
    let told = record.secondaries().map(|asked| {
        let outcome = asked.outcome.filter(|_| asked.was_told).unwrap_or("abandoned");
        (region_name(asked.region), outcome.to_owned())
    });
    expected.extend(told);
    expected.extend(record.refused.iter().map(|(region, verdict)| (region_name(*region), (*verdict).to_owned())));
    expected.sort();
    let (skipped, made): (Pairs, Pairs) = found.into_iter().partition(|(_, verdict)| verdict.starts_with("skipped_"));
    ensure(made == expected, || format!("{made:?} is counted, but {expected:?} happened"))?;
    let is_once = skipped.windows(2).all(|pair| pair[0].0 != pair[1].0);
    let is_other = skipped.iter().all(|(region, _)| expected.iter().all(|(made, _)| made != region));
    ensure(is_once && is_other, || format!("{skipped:?} is counted beside {expected:?}"))
}

fn responses(_: &Outcome, record: &Record) -> Result<(), String> {
    let found = counted(record, RESPONSES_TOTAL, ["served_by", "degraded"]);
    if record.route().is_none() || record.lost_its_vm || record.end.is_none() {
        return Ok(());
    }
    let (would, given): (Pairs, Pairs) = found.into_iter().partition(|(served_by, _)| served_by.starts_with("would_"));
    ensure(would.is_empty() || (record.is_shadow() && would.len() == 1), || format!("{would:?} is counted"))?;
    let mark = record.answer.as_ref().and_then(|answer| answer.mark("served-by"));
    let served_by = match (mark, record.end) {
        (Some(mark), _) => mark,
        (None, Some(End::Left)) => "none",
        (None, _) => "primary",
    };
    let degraded = record.degraded().or(record.broke_off.filter(|_| record.answer.is_some()));
    let expected = [(served_by.to_owned(), degraded.unwrap_or("none").to_owned())];
    ensure(given == expected, || format!("{given:?} is counted, but {expected:?} happened"))
}

/// At the end exactly as many services are marked as rejected as there are bad documents in force.
pub(super) fn gauge(outcome: &Outcome) -> Option<Violation> {
    let last = outcome.scenario.pushes.iter().max_by_key(|(at, _)| *at).map(|(_, document)| document);
    let is_bad = last.unwrap_or(&outcome.scenario.document).mistake.is_some();
    let rejected = outcome.stats.iter().filter(|(name, _)| name.ends_with("helius_filter_config_rejected"));
    let count: u64 = rejected.map(|(_, value)| value).sum();
    (count != u64::from(is_bad)).then(|| Violation {
        invariant: "rejected_gauge",
        what: format!("the last document is {}, and {count} gauges say it is bad", if is_bad { "bad" } else { "good" }),
    })
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
            (Some(outcome), _) => outcome,
            (None, _) => "abandoned",
        }
    }

    /// Why the primary's answer is not the answer: its failure, or its 429.
    pub fn degraded(&self) -> Option<&'static str> {
        let outcome = self.primary().and_then(|asked| asked.outcome)?;
        (FAILURES.contains(&outcome) || outcome == "rate_limited").then_some(outcome)
    }
}
