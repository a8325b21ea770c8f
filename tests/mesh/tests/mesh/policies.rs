//! Every policy that a route can have is at work in the random incidents: what the rules are about has to happen, or they
//! say nothing.

use std::collections::BTreeMap;

use helius_mesh::{AgentEvent, Asked, Lie, Record, Scenario, incident, label, play};

/// Enough that the rarest happens a few times.
const SEEDS: u64 = 1500;

/// Fewest that are more than an accident.
const FEWEST: usize = 5;

#[test]
fn the_incidents_have_every_policy_at_work() {
    let mut found = BTreeMap::<&str, usize>::new();
    for seed in 0..SEEDS {
        let incident = incident(seed);
        for (kind, happened) in agent(&incident) {
            *found.entry(kind).or_default() += usize::from(happened);
        }
        for record in play(&incident, seed, false).records {
            for (kind, happened) in kinds(&record) {
                *found.entry(kind).or_default() += usize::from(happened);
            }
        }
    }
    println!("in {SEEDS} incidents: {found:?}");
    let rare: Vec<_> = found.iter().filter(|(_, count)| **count < FEWEST).collect();
    assert!(rare.is_empty(), "{rare:?}");
}

fn kinds(record: &Record) -> Vec<(&'static str, bool)> {
    let last_rungs = [kept(record), segments_and_bounds(record)].concat();
    let switched = [forced(record), passed_over(record)].concat();
    [admission(record), last_rungs, strict(record), drills(record), streams(record), grpc(record), switched].concat()
}

/// What happens to the agent.
fn agent(scenario: &Scenario) -> Vec<(&'static str, bool)> {
    let has = |is_it: &dyn Fn(&AgentEvent) -> bool| scenario.agent.iter().any(|(_, event)| is_it(event));
    let lies = |lie: Lie| has(&|event| *event == AgentEvent::Lies(lie));
    vec![
        ("something is switched", has(&|event| matches!(event, AgentEvent::Set(_)))),
        ("something is undone", has(&|event| matches!(event, AgentEvent::Clear(_)))),
        ("the agent dies", has(&|event| *event == AgentEvent::Dies)),
        ("it is back and knows", has(&|event| *event == AgentEvent::Returns { remembers: true })),
        ("it is back and has forgotten", has(&|event| *event == AgentEvent::Returns { remembers: false })),
        ("the agent says 500", lies(Lie::Error)),
        ("the agent says nothing that can be read", lies(Lie::Garbage)),
        ("the agent makes a mistake", lies(Lie::Mistake)),
        ("the agent does not wait", lies(Lie::Hurry)),
        ("the agent tells while VMs die", !scenario.agent.is_empty() && !scenario.deaths.is_empty()),
        ("the agent tells while documents are pushed", !scenario.agent.is_empty() && !scenario.pushes.is_empty()),
        ("the agent tells while the clock steps", !scenario.agent.is_empty() && !scenario.clock_steps.is_empty()),
    ]
}

/// Those that find each kind of override in force.
fn forced(record: &Record) -> Vec<(&'static str, bool)> {
    let kinds = ["static", "breaker_open", "breaker_closed", "breaker_off", "rate_limit", "isolate", "drain", "shadow"];
    kinds.into_iter().map(|kind| (kind, record.overrides.contains(&kind))).collect()
}

/// What comes of them.
fn passed_over(record: &Record) -> Vec<(&'static str, bool)> {
    let is_counted = |region: &str| {
        let is_it = |stat: &&String| label(stat, "verdict") == "skipped_override";
        record.counted.iter().filter(is_it).any(|stat| label(stat, "region").starts_with(region))
    };
    let is_under = |kind: &str| record.overrides.contains(&kind);
    let is_decided = |word: &str| record.counted.iter().any(|stat| label(stat, "decision") == word);
    let is_because = mark(record, "degraded") == Some("skipped_override");
    let is_failed = record.primary().and_then(|asked| asked.outcome) == Some("5xx");
    vec![
        ("a drained primary", is_counted("primary")),
        ("a drained secondary", is_counted("secondary")),
        ("a secondary in a drained primary's place", is_because && is_served_by(record, "secondary")),
        ("the static answer, forced", is_under("static") && is_served_by(record, "static")),
        ("a refusal, forced", is_because && is_served_by(record, "refusal")),
        ("one too many for a scaled limit", is_under("rate_limit") && is_decided("limited")),
        ("one from where nobody is let in for a while", is_under("isolate") && is_decided("isolated")),
        ("a failure that is let pass for a while", is_under("shadow") && is_failed),
        ("one that meets two kinds", record.overrides.len() > 1),
    ]
}

fn mark<'a>(record: &'a Record, name: &str) -> Option<&'a str> {
    record.answer.as_ref().and_then(|answer| answer.mark(name))
}

fn is_served_by(record: &Record, name: &str) -> bool {
    mark(record, "served-by") == Some(name)
}

fn has(record: &Record, name: &str, value: &str) -> bool {
    record.headers.text(name) == value
}

fn admission(record: &Record) -> Vec<(&'static str, bool)> {
    let is_decided = |word: &str| record.counted.iter().any(|stat| label(stat, "decision") == word);
    let of = |what: &str| is_decided("duplicate") && mark(record, "duplicate") == Some(what);
    let is_firsts = record.answer.as_ref().is_some_and(|answer| !answer.body.is_empty());
    vec![
        ("isolated", is_decided("isolated")),
        ("one too many", is_decided("limited")),
        ("a duplicate of one in flight", of("in_flight")),
        ("a duplicate of one that is done", of("done")),
        ("one that gets the first one's answer", of("done") && is_firsts),
        ("one that shadow mode would have turned away", is_decided("would_duplicate")),
    ]
}

fn kept(record: &Record) -> Vec<(&'static str, bool)> {
    let is_again = is_served_by(record, "last-good");
    let by = |region: &str| record.answer.as_ref().is_some_and(|it| it.headers.text("region").starts_with(region));
    vec![
        ("a primary's answer given again", is_again && by("primary")),
        ("a secondary's answer given again", is_again && by("secondary")),
        ("one that is stale", is_again && mark(record, "stale") == Some("true")),
        ("one to a segment", is_again && record.headers.first("x-segment").is_some()),
    ]
}

fn segments_and_bounds(record: &Record) -> Vec<(&'static str, bool)> {
    let has_gold = record.route().is_some_and(|route| route.fixed_for_gold.is_some());
    let is_static = is_served_by(record, "static") && has_gold;
    let is_bounded = record.route().is_some_and(|route| route.max_share.is_some() && route.fixed.is_some());
    vec![
        ("the static answer for a segment", is_static && has(record, "x-segment", "gold")),
        ("that for everybody else", is_static && !has(record, "x-segment", "gold")),
        ("refused beyond the bound", is_bounded && is_served_by(record, "refusal")),
        ("made up within the bound", is_bounded && is_served_by(record, "static")),
    ]
}

fn strict(record: &Record) -> Vec<(&'static str, bool)> {
    let called = record.primary().filter(|asked| asked.is_called);
    let said = |it: &Asked| it.outcome == Some("ok");
    let is_nothing = |it: &Asked| it.began.is_some() && it.said.is_none();
    let is_bypassed = record.counted.iter().any(|name| name.ends_with("helius_strict_bypassed_total"));
    vec![
        ("called, and good", called.is_some_and(said)),
        ("called, and broken off", called.is_some_and(is_nothing)),
        ("called, and invalid", called.is_some_and(|it| it.outcome == Some("invalid_output"))),
        ("called, and its own failure the answer", called.is_some() && is_served_by(record, "primary")),
        ("called, and nothing to say", called.is_some() && is_served_by(record, "refusal")),
        ("refused by Envoy", record.refused.iter().any(|(region, _)| *region == 0)),
        ("by the route all the same", is_bypassed),
    ]
}

fn drills(record: &Record) -> Vec<(&'static str, bool)> {
    let came_to = |word: &str| record.drills.iter().any(|asked| asked.outcome == Some(word));
    let counts = |rung: &str, result: &str| {
        let is_it = |name: &&String| name.ends_with("helius_drill_total") && label(name, "rung").starts_with(rung);
        record.counted.iter().filter(is_it).any(|name| label(name, "result") == result)
    };
    vec![
        ("a good drill", came_to("ok")),
        ("a drill that fails", came_to("5xx")),
        ("a drill that is refused", came_to("no_healthy_upstream")),
        ("a drill that finds a kept answer", counts("last-good", "hit")),
        ("a drill that finds none", counts("last-good", "miss")),
        ("a drill that may not be sent", counts("secondary", "skipped_not_replayable")),
    ]
}

fn streams(record: &Record) -> Vec<(&'static str, bool)> {
    let primary = record.primary();
    let held =
        primary.and_then(|asked| Some((asked.judged?, asked.outcome))).filter(|(it, _)| it.is_stream && it.is_held);
    let is_asked = record.headers.text("accept").starts_with("text/event-stream") && record.route().is_some();
    let of_secondary = |asked: &Asked| asked.region > 0 && asked.judged.is_some_and(|it| it.is_stream);
    vec![
        ("a stream with its event", held.is_some_and(|(_, outcome)| outcome == Some("ok"))),
        ("one without", held.is_some_and(|(_, outcome)| outcome == Some("reset"))),
        ("one that waits too long", held.is_some_and(|(_, outcome)| outcome == Some("timeout"))),
        ("one that breaks off while it is held", held.is_some() && record.broke_off.is_some()),
        ("a stream of a secondary", record.asked.iter().any(of_secondary) && is_served_by(record, "secondary")),
        ("a static answer as an event", is_asked && is_served_by(record, "static")),
    ]
}

fn grpc(record: &Record) -> Vec<(&'static str, bool)> {
    let is_covered = has(record, "content-type", "application/grpc") && record.route().is_some();
    let outcome = record.primary().and_then(|asked| asked.outcome);
    vec![
        ("a good call", is_covered && outcome == Some("ok")),
        ("a call that is at fault", is_covered && outcome == Some("client_error")),
        ("a call that fails", is_covered && is_served_by(record, "static")),
        ("a call that is limited", is_covered && outcome == Some("rate_limited")),
    ]
}
