//! A breaker that only watches changes nothing that anybody sees.

use helius_mesh::{Breaker, Document, Fields, Given, Mode, Outcome, Scenario, incident, play};

/// Enough for some two hundred routes with a breaker.
const SEEDS: u64 = 200;

/// The same incident with other breakers in every document.
fn with(seed: u64, edit: impl Fn(&mut Document)) -> Scenario {
    let mut scenario = incident(seed);
    // The moment of a death is counted in instructions, which a breaker costs.
    scenario.deaths.clear();
    // What operators force on a breaker is forced on none where there is none.
    scenario.agent.clear();
    let pushed = scenario.pushes.iter_mut().map(|(_, document)| document);
    std::iter::once(&mut scenario.document).chain(pushed).for_each(edit);
    scenario
}

fn breakers(document: &mut Document) -> impl Iterator<Item = &mut Breaker> {
    document.routes.iter_mut().filter_map(|route| route.breaker.as_mut())
}

fn without(document: &mut Document) {
    document.routes.iter_mut().for_each(|route| route.breaker = None);
}

/// The headers of an answer. Of two true reasons why a request may not be sent again either may be named: where there is
/// a breaker, the method is the last one that is looked at.
fn headers(answer: &Given) -> Fields {
    let mut headers = answer.headers.clone();
    if headers.first("x-helius-not-replayable").is_some() {
        headers.set("x-helius-not-replayable", "for some reason");
    }
    headers
}

/// What differs between what the clients got.
fn difference(one: &Outcome, other: &Outcome) -> Option<String> {
    let pairs = one.records.iter().zip(&other.records);
    let mut differing = pairs.filter(|(one, other)| {
        let seen = [one, other].map(|record| {
            let answer = record.answer.as_ref();
            (record.end, answer.map(|it| (it.at, headers(it), &it.body, &it.trailers)))
        });
        seen[0] != seen[1]
    });
    differing.next().map(|(one, other)| format!("{}: {:?} and {:?}", one.id, one.answer, other.answer))
}

fn compare(edit: impl Fn(&mut Document), otherwise: impl Fn(&mut Document)) {
    for seed in 0..SEEDS {
        if !incident(seed).document.routes.iter().any(|route| route.breaker.is_some()) {
            continue;
        }
        let [one, other] = [with(seed, &edit), with(seed, &otherwise)].map(|it| play(&it, seed, false));
        assert_eq!(difference(&one, &other), None, "seed {seed}");
    }
}

#[test]
fn in_shadow_mode_of_its_own_every_client_gets_the_same_answer_at_the_same_moment() {
    compare(|document| breakers(document).for_each(|breaker| breaker.mode = Mode::Shadow), without);
}

#[test]
fn in_a_document_that_watches_every_client_gets_the_same_answer_at_the_same_moment() {
    let watch = |document: &mut Document| document.is_shadow = true;
    compare(watch, move |document| {
        watch(document);
        without(document);
    });
}
