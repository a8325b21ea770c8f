//! What the stand-in regions say.

use std::time::Duration;

use bytes::Bytes;
use helius_e2e::Answer;
use serde_json::json;

/// Stands in bodies that nobody may see.
pub(super) const SECRET: &str = "zanzibar";

/// A valid body of so many bytes, from 8. Not all the same, so that a piece that comes twice or not at all is noticed.
pub(super) fn sized(size: usize) -> Bytes {
    let text: String = ('a'..='w').cycle().take(size - 8).collect();
    format!("{{\"a\":\"{text}\"}}").into()
}

/// An invalid answer: it is not sure of itself in any number.
pub(super) fn invalid() -> Answer {
    Answer::status(200).json(&json!({ "action": SECRET, "confidence": SECRET }))
}

/// The ways in which a body may come: at once with its length, without it, and in fifty pieces.
pub(super) fn ways(body: &Bytes) -> [Answer; 3] {
    let answer = Answer::status(200)
        .header("content-type", "application/json")
        .header("x-own", "one")
        .header("x-own", "two")
        .header("set-cookie", "a=b");
    let pieces: Vec<_> = body.chunks(body.len().div_ceil(50)).map(Bytes::copy_from_slice).collect();
    [
        answer.clone().body(body.clone()),
        answer.clone().drip([body.clone()], Duration::ZERO),
        answer.drip(pieces, Duration::from_millis(1)),
    ]
}

/// Every way to be useless with a good status.
pub(super) fn invalid_answers() -> Vec<(&'static str, Answer)> {
    let said = |body: &'static [u8]| Answer::status(200).header("content-type", "application/json").body(body);
    let good = r#"{"action":"act","confidence":0.9}"#;
    let padded = |size: usize| good.to_owned() + &" ".repeat(size - good.len());
    vec![
        ("a wrong type", said(br#"{"action":"act","confidence":"0.9"}"#)),
        ("a key is missing", said(br#"{"confidence":0.9}"#)),
        ("not JSON", said(b"<html>busy</html>")),
        ("it does not say that it is JSON, and it is none", Answer::status(200).text("busy")),
        ("JSON that ends too early", said(br#"{"action":"act","confidence":0.9"#)),
        ("a key that is there twice", said(br#"{"action":"act","confidence":0.9,"confidence":0.9}"#)),
        ("not text", said(b"{\"action\":\"\xff\xfe\",\"confidence\":0.9}")),
        ("nothing", Answer::status(200)),
        ("nothing, and it did not say so before", Answer::status(200).drip(Vec::<Bytes>::new(), Duration::ZERO)),
        ("too long by a byte", Answer::status(200).body(padded(1025))),
        ("too long by far", Answer::status(200).body(padded(100 * 1024))),
        ("too long by far, in pieces", Answer::status(200).drip([padded(600), padded(600)], Duration::from_millis(1))),
        ("not sure enough", said(br#"{"action":"act","confidence":0.49}"#)),
        ("another good status", Answer::status(201).text("busy")),
        ("as it is", Answer::status(200).header("content-encoding", "identity").text("busy")),
    ]
}
