//! What a region does with a request, step by step.

use super::micros;
use crate::breakers::Told;
use crate::bytes::{answer_body, cut};
use crate::document::{INVALID_OUTPUT, region_name};
use crate::fields::Fields;
use crate::grpc;
use crate::scenario::{Answer, Behaviour, Ending, Millis};
use crate::world::Micros;

/// Time until a region has a request, or refuses the connection.
pub(super) const WAY: Micros = 500;

/// Time between the last bytes that came and the break.
const BEFORE_BREAKING: Millis = 5;

/// Something that comes from a region, or does not.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Refused,
    Overflow,
    ConnectTimeout,
    Connected,
    Headers(Fields, bool),
    Body(Vec<u8>, bool),
    Trailers(Fields),
    Broken,
}

/// What comes of the attempt to connect, and when.
pub(super) fn connecting(behaviour: &Behaviour, connect_timeout: Millis) -> (Micros, Step) {
    match behaviour {
        Behaviour::Refuse => (WAY, Step::Refused),
        Behaviour::OverflowLate => (WAY, Step::Overflow),
        Behaviour::Unreachable => (micros(connect_timeout), Step::ConnectTimeout),
        _ => (WAY, Step::Connected),
    }
}

/// Whether a region answers before it has read the request.
pub(super) const fn is_early(behaviour: &Behaviour) -> bool {
    matches!(behaviour, Behaviour::Answer(Answer { is_early: true, .. }))
}

/// What a region does when it has the request, each with its delay.
pub(super) fn steps(behaviour: &Behaviour, region: usize, id: &str, is_head: bool) -> Vec<(Micros, Step)> {
    match behaviour {
        Behaviour::Answer(answer) => answer_steps(answer, region, id, is_head),
        Behaviour::Break(after) => vec![(micros(*after), Step::Broken)],
        _ => Vec::new(),
    }
}

fn answer_steps(answer: &Answer, region: usize, id: &str, is_head: bool) -> Vec<(Micros, Step)> {
    let body = answer_body(answer, region, id);
    let has_body = answer.body.is_some() && !is_head && !matches!(answer.status, 204 | 304);
    let mut headers = Fields::from_iter([(":status", answer.status.to_string())]);
    headers.push("region", region_name(region));
    headers.push("x-id", id);
    if answer.announces_length && !matches!(answer.status, 204 | 304) {
        headers.push("content-length", body.len().to_string());
    }
    for (name, value) in &answer.headers {
        headers.push(name, value);
    }
    headers.push("x-envoy-upstream-service-time", answer.after.to_string());

    let (breaks, stalls) = (answer.ending == Ending::Break, answer.ending == Ending::Stall);
    let has_trailers = answer.ending == Ending::Trailers && !is_head;
    let is_bare = !has_body && !breaks && !stalls && !has_trailers;
    let mut at = answer.after;
    let mut steps = vec![(micros(at), Step::Headers(headers, is_bare))];
    let pieces = if has_body { answer.pieces.max(1) } else { 0 };
    let sent = if breaks || stalls { pieces.saturating_sub(1) } else { pieces };
    for (index, piece) in cut(&body, pieces).take(sent).enumerate() {
        at += answer.interval;
        let is_last = index + 1 == pieces && !has_trailers;
        steps.push((micros(at), Step::Body(piece.to_vec(), is_last)));
    }
    if has_trailers {
        steps.push((micros(at), Step::Trailers(Fields::from_iter([("x-trailer", "answered")]))));
    }
    if breaks {
        steps.push((micros(at + answer.interval + BEFORE_BREAKING), Step::Broken));
    }
    steps
}

/// The verdict's word for an answer with this status.
pub(super) const fn word_of(status: u16) -> &'static str {
    match status {
        ..400 => "ok",
        429 => "rate_limited",
        400..500 => "client_error",
        500.. => "5xx",
    }
}

/// The same for one with these headers, to a client who speaks gRPC or not.
pub(super) fn word_of_answer(fields: &Fields, is_grpc: bool) -> &'static str {
    let status = fields.status().unwrap_or(0);
    match fields.first(grpc::STATUS) {
        Some(_) if is_grpc && status < 400 => grpc::word_of(fields.text(grpc::STATUS)),
        _ => word_of(status),
    }
}

/// What a breaker makes of an attempt with this outcome that took so long.
pub(super) fn told_of(outcome: Option<&str>, took: Micros, headers: &Fields) -> Told {
    match outcome {
        Some("ok") => Told::Success { took },
        Some("client_error") => Told::Ignored,
        Some(INVALID_OUTPUT) => Told::Invalid,
        Some("rate_limited") => Told::RateLimited { wait: headers.text("retry-after").parse().ok() },
        _ => Told::Failure,
    }
}
