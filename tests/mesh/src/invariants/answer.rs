//! What the client got.

use super::{Excuse, Invariant, ensure};
use crate::document::{Route, region_name};
use crate::grpc::{STATUS, is_grpc};
use crate::record::{Answer, End, Record};
use crate::scenario::Scenario;

pub(super) const FRAMED: Invariant =
    Invariant { name: "framed", sentence: "an answer that came whole has the length that it announces", check: framed };

pub(super) const BELONGS: Invariant = Invariant {
    name: "belongs",
    sentence: "an answer is the whole answer of the region that it names, to this very request, or the static one for it, \
               or given again",
    check: belongs,
};

pub(super) const NO_5XX: Invariant = Invariant {
    name: "no_5xx",
    sentence: "with a static response and every failure listed, no client sees a 5xx, but for the named excuses",
    check: no_5xx,
};

pub(super) const CLIENT_ERRORS: Invariant = Invariant {
    name: "client_errors",
    sentence: "a 4xx of the primary other than 429 is the answer, as it is, and no other region is asked",
    check: client_errors,
};

pub(super) const FIRST_GOOD: Invariant = Invariant {
    name: "first_good",
    sentence: "the first region that answers well, or says that the request is at fault, gives the answer",
    check: first_good,
};

pub(super) const MARKS: Invariant = Invariant {
    name: "marks",
    sentence: "a degraded answer says by whom, why and after how many attempts; a healthy one says nothing",
    check: marks,
};

pub(super) const UNTOUCHED: Invariant = Invariant {
    name: "untouched",
    sentence: "what is not protected, or only watched, is answered as without the filter",
    check: untouched,
};

fn framed(_: &Scenario, record: &Record) -> Result<(), String> {
    let Some(answer) = whole(record) else { return Ok(()) };
    let has_no_body = record.headers.text(":method") == "HEAD" || matches!(answer.status(), 204 | 304);
    let lengths: Vec<_> = answer.headers.all("content-length").collect();
    let says = lengths.first().and_then(|length| std::str::from_utf8(length).ok()?.parse().ok());
    ensure(has_no_body || lengths.is_empty() || (lengths.len() == 1 && says == Some(answer.body.len())), || {
        format!("{} bytes came where {lengths:?} was announced", answer.body.len())
    })
}

fn belongs(_: &Scenario, record: &Record) -> Result<(), String> {
    let Some(answer) = whole(record) else { return Ok(()) };
    // One that is given again has rules of its own, and so has one that nobody was asked for.
    if answer.mark("served-by") == Some("last-good") || record.is_turned_away() {
        return Ok(());
    }
    if answer.mark("served-by") == Some("static") {
        let fixed = record.route().and_then(|route| route.fixed_for(&record.headers));
        let is_head = record.headers.text(":method") == "HEAD";
        let said = if is_grpc(&record.headers) { answer.headers.first(STATUS) } else { Some(answer.body.as_slice()) };
        let is_right =
            fixed.is_some_and(|(status, body)| status == answer.status() && (is_head || said == Some(body.as_bytes())));
        return ensure(is_right, || format!("it is not the static answer: {answer:?}"));
    }
    let named = answer.headers.text("region");
    let Some(asked) = record.asked.iter().find(|asked| !named.is_empty() && region_name(asked.region) == named) else {
        return ensure(named.is_empty(), || format!("{named} was never asked"));
    };
    let Some((status, body)) = &asked.said else { return Err(format!("{named} never answered")) };
    let body = if has_body(record, *status) { body.as_slice() } else { &[] };
    ensure(answer.headers.text("x-id") == record.id, || format!("it answers {}", answer.headers.text("x-id")))?;
    ensure(answer.status() == *status && answer.body == body, || {
        format!(
            "{named} said {status} and {} bytes, but it is {} and {}",
            body.len(),
            answer.status(),
            answer.body.len()
        )
    })
}

fn no_5xx(_: &Scenario, record: &Record) -> Result<(), String> {
    let is_covered = !record.is_shadow() && record.route().is_some_and(Route::covers_everything);
    let Some(answer) = record.answer.as_ref().filter(|_| is_covered) else { return Ok(()) };
    ensure(answer.status() < 500 || Excuse::of(record).is_some_and(|excuse| excuse.holds_for(record)), || {
        format!("it is a {}", answer.status())
    })
}

fn client_errors(_: &Scenario, record: &Record) -> Result<(), String> {
    if record.primary().and_then(|asked| asked.outcome) != Some("client_error") || record.lost_its_vm {
        return Ok(());
    }
    ensure(record.secondaries().next().is_none() && record.refused.is_empty(), || "another region was asked".into())?;
    let said = record.primary().and_then(|asked| asked.said.as_ref()).map(|(status, _)| *status);
    let got = record.answer.as_ref().map(Answer::status);
    ensure(got.is_none() || got == said, || format!("{said:?} became {got:?}"))
}

fn first_good(_: &Scenario, record: &Record) -> Result<(), String> {
    let is_final = |outcome: Option<&str>| matches!(outcome, Some("ok" | "client_error"));
    let Some(first) = record.asked.iter().position(|asked| asked.was_told && is_final(asked.outcome)) else {
        return Ok(());
    };
    let (asked, later) = (&record.asked[first], &record.asked[first + 1..]);
    ensure(later.is_empty(), || format!("region {} is asked after region {}", later[0].region, asked.region))?;
    // A valid answer that is longer than what Envoy may hold ends past the filter.
    let is_by_envoy = record.lost_its_vm || record.past_the_filter.is_some();
    let Some(answer) = record.answer.as_ref().filter(|_| !is_by_envoy) else { return Ok(()) };
    let said = asked.said.as_ref().map(|(status, _)| *status);
    let named = answer.headers.text("region");
    ensure(said == Some(answer.status()) && named == region_name(asked.region), || {
        format!("region {} said {said:?}, but it is a {} of {named:?}", asked.region, answer.status())
    })
}

fn marks(_: &Scenario, record: &Record) -> Result<(), String> {
    let (Some(answer), Some(_), false) = (&record.answer, record.route(), record.is_shadow()) else { return Ok(()) };
    // What the filter said before its VM died has been judged by then.
    if record.lost_its_vm || record.is_turned_away() {
        return Ok(());
    }
    if record.past_the_filter.is_some() {
        return ensure(!answer.is_marked(), || "Envoy's own answer is marked".into());
    }
    let why = record.degraded();
    let is_marked = answer.is_marked();
    ensure(is_marked == why.is_some(), || format!("degraded: {why:?}, marked: {is_marked}"))?;
    let Some(why) = why else { return Ok(()) };
    let (served_by, region) = (answer.mark("served-by").unwrap_or_default(), answer.mark("region"));
    let from = match served_by {
        "primary" => region == Some("primary"),
        // Where Envoy answered in the region's place, the answer itself names none.
        "secondary" => {
            region.is_some_and(|it| it.starts_with("secondary") && ["", it].contains(&answer.headers.text("region")))
        }
        "last-good" | "static" | "refusal" => region.is_none(),
        _ => false,
    };
    let attempts = record.tried().to_string();
    let is_right = from && answer.mark("degraded") == Some(why) && answer.mark("attempts") == Some(&attempts);
    ensure(is_right, || format!("degraded by {why} after {attempts} attempts, but it says {:?}", answer.headers))
}

fn untouched(_: &Scenario, record: &Record) -> Result<(), String> {
    let is_protected = record.route().is_some() && !record.is_shadow();
    if is_protected || record.lost_its_vm || record.is_turned_away() {
        return Ok(());
    }
    ensure(record.secondaries().next().is_none() && record.refused.is_empty(), || "a secondary was asked".into())?;
    let Some(answer) = &record.answer else { return Ok(()) };
    ensure(!answer.is_marked(), || format!("it is marked: {:?}", answer.headers))?;
    let said = record.primary().and_then(|asked| asked.said.as_ref());
    ensure(said.is_none_or(|(status, _)| *status == answer.status()), || format!("it is {}", answer.status()))
}

fn whole(record: &Record) -> Option<&Answer> {
    record.answer.as_ref().filter(|_| record.end == Some(End::Whole))
}

fn has_body(record: &Record, status: u16) -> bool {
    record.headers.text(":method") != "HEAD" && !matches!(status, 204 | 304)
}
