//! Which events the document makes possible: what metrics are defined from. What only an override makes possible is
//! defined when it first happens.

use helius_policy::admission::{Admission, Decision};
use helius_policy::config::{Config, Mode, Region, Route};
use helius_policy::drill::{Asked, Drilled};
use helius_policy::verdict::{Degraded, Failure, ServedBy, Skip, Verdict};

/// What can become of a request before the ladder.
pub(super) fn possible_decisions(mode: Mode, route: &Route) -> impl Iterator<Item = Decision> {
    let admission = route.admission();
    let isolates = admission.is_some_and(Admission::isolates);
    let limits = admission.is_some_and(Admission::limits);
    let dedupes = admission.is_some_and(|it| it.dedupe().is_some());
    Decision::ALL.into_iter().filter(move |decision| match decision {
        Decision::Allowed => admission.is_some(),
        Decision::Undecided => limits || dedupes,
        Decision::Isolated => isolates && mode == Mode::Enforce,
        Decision::WouldIsolated => isolates && mode == Mode::Shadow,
        Decision::Limited => limits && mode == Mode::Enforce,
        Decision::WouldLimited => limits && mode == Mode::Shadow,
        Decision::Duplicate => dedupes && mode == Mode::Enforce,
        Decision::WouldDuplicate => dedupes && mode == Mode::Shadow,
    })
}

/// What can become of an attempt at a region.
pub(super) fn possible_verdicts(route: &Route, region: &Region, is_primary: bool) -> impl Iterator<Item = Verdict> {
    let has_breaker = region.breaker().is_some();
    let has_budget = route.upstream().has_retry_budget();
    let judges_output = route.judges_output();
    Verdict::all().filter(move |verdict| match verdict {
        Verdict::Skipped(Skip::BreakerOpen) => has_breaker,
        Verdict::Skipped(Skip::Override) => false,
        Verdict::Skipped(Skip::Budget) => has_budget && !is_primary,
        Verdict::Skipped(Skip::NotReplayable | Skip::Deadline) => !is_primary,
        Verdict::Failure(Failure::InvalidOutput) => judges_output,
        _ => true,
    })
}

/// What each rung can come to in a drill, with its name.
pub(super) fn possible_drills<'r>(config: &Config, route: &'r Route) -> Vec<(&'r str, Drilled)> {
    if config.mode() == Mode::Shadow || route.drill().is_none() {
        return Vec::new();
    }
    let mut possible = Vec::new();
    for (region, it) in route.upstream().regions().enumerate().skip(1) {
        let verdicts = possible_verdicts(route, it, false)
            .filter(|verdict| !matches!(verdict, Verdict::Abandoned | Verdict::Skipped(Skip::Deadline | Skip::Budget)));
        let drained = config.agent().map(|_| Verdict::Skipped(Skip::Override));
        let results = verdicts.chain(drained).map(Asked::Verdict).chain([Asked::Overflow]);
        possible.extend(results.map(|result| (it.name(), Drilled::Region { region, result })));
    }
    if route.last_good().is_some() {
        possible.extend([true, false].map(|is_there| ("last-good", Drilled::LastGood { is_there })));
    }
    if route.has_static() {
        possible.push(("static", Drilled::Static));
    }
    possible
}

/// Which rung can answer, and for which reason.
pub(super) fn possible_responses(mode: Mode, route: &Route) -> impl Iterator<Item = (ServedBy, Option<Degraded>)> {
    let possible = move |served_by: &ServedBy| match served_by {
        ServedBy::Primary | ServedBy::Nobody => true,
        ServedBy::Secondary | ServedBy::LastGood | ServedBy::Static | ServedBy::Refusal => mode == Mode::Enforce,
        ServedBy::WouldSecondary | ServedBy::WouldLastGood | ServedBy::WouldStatic => mode == Mode::Shadow,
    };
    let regions = route.upstream().regions().count();
    let has_last_good = route.last_good().is_some();
    let has_static = route.has_static() || route.grpc().is_some();
    let judges_output = route.judges_output();
    // What was held of the primary's answer, or called for, may be nothing that could be handed on.
    let may_be_unfit = judges_output || route.upstream().is_strict() || route.upstream().covers_events();
    let is_capped = route.max_share().is_some();
    let has_breaker = route.upstream().regions().any(|region| region.breaker().is_some());
    let exists = move |served_by: &ServedBy| match served_by {
        ServedBy::Secondary | ServedBy::WouldSecondary => regions > 1,
        ServedBy::LastGood | ServedBy::WouldLastGood => has_last_good,
        ServedBy::Static | ServedBy::WouldStatic => has_static,
        ServedBy::Refusal => ((has_breaker || may_be_unfit) && !route.has_static()) || is_capped,
        ServedBy::Primary | ServedBy::Nobody => true,
    };
    let healthy = [ServedBy::Primary, ServedBy::Nobody].map(|served_by| (served_by, None));
    let degraded = ServedBy::ALL
        .into_iter()
        .filter(possible)
        .filter(exists)
        .flat_map(|served_by| Degraded::all().map(move |degraded| (served_by, Some(degraded))))
        .filter(move |(served_by, degraded)| match degraded {
            Some(Degraded::BreakerOpen) => has_breaker,
            Some(Degraded::Override) => false,
            Some(Degraded::Failure(Failure::InvalidOutput)) => judges_output,
            _ => *served_by != ServedBy::Refusal || may_be_unfit || is_capped,
        });
    healthy.into_iter().chain(degraded)
}
