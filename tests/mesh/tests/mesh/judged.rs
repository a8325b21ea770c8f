//! Answers that are judged by what they say: what the random incidents are unlikely to do just so.

use std::collections::BTreeMap;

use helius_mesh::{
    Answer, Asked, Behaviour, Breaker, Document, Exchange, FLAWS, Flaw, Outcome, Output, Record, Request, Route, Says,
    Scenario, incident, judge, play,
};

/// Everything that can be asked of an answer.
fn strict() -> Output {
    let every = Output { min_confidence: true, finite_numbers: true, non_empty: true, ..Output::default() };
    Output { unique_ids: true, max_body: 4096, ..every }
}

fn assist(edit: impl FnOnce(&mut Route)) -> Scenario {
    let mut route = Route { output: Some(strict()), ..Route::new("assist", 2) };
    edit(&mut route);
    Scenario::new(Document::new(vec![route]))
}

fn played(scenario: &Scenario) -> Outcome {
    let outcome = play(scenario, 0, true);
    assert_eq!(judge(&outcome), [], "{}", outcome.trace.join("\n"));
    outcome
}

fn post(regions: impl IntoIterator<Item = Behaviour>) -> Exchange {
    Exchange::new(Request::post("/assist", 50)).regions(regions)
}

fn ask(scenario: Scenario, regions: impl IntoIterator<Item = Behaviour>) -> Record {
    played(&scenario.with(post(regions))).records.remove(0)
}

/// Status, who served it, and why.
fn seen(record: &Record) -> (u16, Option<&str>, Option<&str>) {
    let answer = record.answer.as_ref().expect("there is an answer");
    (answer.status(), answer.mark("served-by"), answer.mark("degraded"))
}

fn says(says: Says) -> Behaviour {
    Behaviour::Answer(Answer::saying(says))
}

fn good() -> Behaviour {
    says(Says::Good)
}

#[test]
fn every_flaw_is_covered_and_nothing_else() {
    for way in [
        Answer::status(200),
        Answer { pieces: 7, interval: 3, announces_length: false, ..Answer::status(200) },
        Answer { pieces: 2, body: Some(2000), ..Answer::status(200) },
    ] {
        let saying = |says| Behaviour::Answer(Answer { says, ..way.clone() });
        assert_eq!(seen(&ask(assist(|_| ()), [saying(Says::Good), good()])), (200, None, None));
        for wrong in FLAWS.map(Says::Flawed).into_iter().chain([Says::Noise]) {
            let covered = ask(assist(|_| ()), [saying(wrong), good()]);
            assert_eq!(seen(&covered), (200, Some("secondary"), Some("invalid_output")), "{wrong:?}");
            let fixed = ask(assist(|_| ()), [saying(wrong), saying(wrong)]);
            assert_eq!(seen(&fixed), (200, Some("static"), Some("invalid_output")), "{wrong:?}");
            let refused = ask(assist(|route| route.fixed = None), [saying(wrong), saying(wrong)]);
            assert_eq!(seen(&refused), (503, Some("refusal"), Some("invalid_output")), "{wrong:?}");
        }
    }
}

/// Each rule by itself refuses what it is about, and lets everything else pass that is JSON.
#[test]
fn no_rule_refuses_what_it_is_not_about() {
    let none = Output { schema: false, ..Output::default() };
    let rules = [
        (Output::default(), vec![Flaw::WrongType, Flaw::MissingKey]),
        (Output { min_confidence: true, ..none }, vec![Flaw::WrongType, Flaw::Unsure]),
        (Output { finite_numbers: true, ..none }, vec![Flaw::Infinite]),
        (Output { non_empty: true, ..none }, vec![Flaw::NoItems]),
        (Output { unique_ids: true, ..none }, vec![Flaw::SameIds]),
    ];
    let always = [Flaw::Truncated, Flaw::TwiceTheKey, Flaw::NotANumber, Flaw::Nested];
    for (output, about) in rules {
        for flaw in FLAWS {
            let record = ask(assist(|route| route.output = Some(output)), [says(Says::Flawed(flaw)), good()]);
            let is_refused = about.contains(&flaw) || always.contains(&flaw);
            let expected = is_refused.then_some("invalid_output");
            assert_eq!(seen(&record).2, expected, "{flaw:?} under {output:?}");
        }
    }
}

/// What was waited for before must not count: here two ticks for the request's body.
#[test]
fn an_answer_that_is_held_has_the_time_of_an_attempt_to_itself() {
    let dripping = Answer { pieces: 4, interval: 20, body: Some(400), ..Answer::saying(Says::Good) };
    for interval in (100..200).step_by(5) {
        let mut slow = post([Behaviour::Answer(dripping.clone())]);
        (slow.request.interval, slow.request.announces_length) = (interval, false);
        let scenario = assist(|route| route.regions.iter_mut().for_each(|region| region.timeout = 100)).with(slow);
        assert_eq!(seen(&played(&scenario).records[0]), (200, None, None), "{interval}");
    }
}

#[test]
fn a_region_that_answers_nonsense_now_and_then_is_left_alone() {
    let patient =
        Breaker { consecutive_failures: 0, failure_rate: 100, open: (60_000, 60_000, 0), ..Breaker::default() };
    let eject = Output { eject: Some((2, 4)), ..strict() };
    let mut scenario = assist(|route| (route.breaker, route.output) = (Some(patient), Some(eject)));
    let nonsense = || says(Says::Noise);
    let primaries = [nonsense(), good(), good(), good(), nonsense(), good(), good(), nonsense(), good()];
    for (at, primary) in (0..).step_by(100).zip(primaries) {
        scenario = scenario.with(Exchange { at, ..post([primary, good()]) });
    }
    let outcome = played(&scenario);
    let degraded: Vec<_> = outcome.records.iter().map(|record| seen(record).2).collect();
    let invalid = Some("invalid_output");
    let expected = [invalid, None, None, None, invalid, None, None, invalid, Some("skipped_breaker_open")];
    assert_eq!(degraded, expected);
}

/// What the rules are about has to happen in the random incidents, or they say nothing.
#[test]
fn the_incidents_have_answers_of_every_kind() {
    let mut found = BTreeMap::<&str, usize>::new();
    for seed in 0..600 {
        for record in play(&incident(seed), seed, false).records {
            for kind in kinds(&record) {
                *found.entry(kind).or_default() += 1;
            }
        }
    }
    let rare: Vec<_> = EVERY.iter().filter(|kind| found.get(*kind).is_none_or(|count| *count < 5)).collect();
    assert!(rare.is_empty(), "{rare:?} of {found:?}");
}

const EVERY: [&str; 9] = [
    "held and valid",
    "held and invalid",
    "held too long",
    "broken off while held",
    "invalid and not held",
    "invalid, of a secondary",
    "refused",
    "ejected",
    "of no kind that is judged",
];

fn kinds(record: &Record) -> Vec<&'static str> {
    let primary = record.primary();
    let judged = primary.and_then(|asked| asked.judged);
    let is_held = judged.is_some_and(|judged| judged.is_held);
    let outcome = primary.and_then(|asked| asked.outcome);
    let is_plain = record.route().is_some_and(|route| route.output.is_some()) && judged.is_none();
    let of_secondary = |asked: &Asked| asked.region > 0 && asked.outcome == Some("invalid_output");
    let mark = record.answer.as_ref().and_then(|answer| answer.mark("served-by"));
    let happened = [
        is_held && outcome == Some("ok"),
        is_held && outcome == Some("invalid_output"),
        is_held && outcome == Some("timeout"),
        is_held && record.broke_off.is_some(),
        judged.is_some_and(|judged| judged.is_too_late),
        record.asked.iter().any(of_secondary),
        is_held && mark == Some("refusal"),
        record.counted.iter().any(|stat| stat.contains("reason=.=invalid_output") && stat.contains("to=.=open")),
        is_plain && outcome == Some("ok"),
    ];
    EVERY.into_iter().zip(happened).filter_map(|(kind, happened)| happened.then_some(kind)).collect()
}
