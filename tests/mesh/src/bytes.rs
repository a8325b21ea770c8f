//! The bytes that clients and regions send: nobody else's, and such that a piece that comes twice or not at all is
//! noticed.

use crate::document::region_name;
use crate::says::{Flaw, Says};
use crate::scenario::{Answer, Request};

/// As many as no power of two divides, so that a piece at another place is another piece.
const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvw";

/// The id of a request by its place in the scenario. Every answer to it repeats the id.
pub fn id_of(index: usize) -> String {
    format!("id{index}")
}

/// The body of a request.
pub fn request_body(request: &Request, id: &str) -> Vec<u8> {
    request.body.map(|size| filled(id, size)).unwrap_or_default()
}

/// The body of a region's answer: long enough to say whose it is, and to whom.
pub fn answer_body(answer: &Answer, region: usize, id: &str) -> Vec<u8> {
    let prefix = format!("{} {id} {}", region_name(region), answer.status);
    let Some(size) = answer.body else { return Vec::new() };
    match answer.says {
        Says::Noise => filled(&prefix, size.max(prefix.len() + 1)),
        Says::Events => stream(&prefix, "data", size),
        Says::Comments => stream(&prefix, "", size),
        says => json(&prefix, says, size),
    }
}

/// A stream of lines with this name, after a comment.
fn stream(prefix: &str, name: &str, size: usize) -> Vec<u8> {
    let mut body = format!(": {prefix}\n\n").into_bytes();
    while body.len() < size.max(prefix.len() + 40) {
        body.extend(format!("{name}: abcdefghij\n\n").bytes());
    }
    body
}

/// A document of at least so many bytes.
fn json(prefix: &str, says: Says, size: usize) -> Vec<u8> {
    let mut body = says.opened(prefix).into_bytes();
    body.extend(br#","pad":""#);
    let rest = size.saturating_sub(body.len() + 2);
    body.extend(LETTERS.repeat(rest / LETTERS.len() + 1).into_iter().take(rest));
    body.extend(br#""}"#);
    if says == Says::Flawed(Flaw::Truncated) {
        body.pop();
    }
    body
}

/// A body in so many pieces, at least one.
pub fn cut(body: &[u8], pieces: usize) -> impl ExactSizeIterator<Item = &[u8]> {
    let pieces = pieces.max(1);
    let edge = move |index: usize| body.len() * index / pieces;
    (0..pieces).map(move |index| &body[edge(index)..edge(index + 1)])
}

fn filled(prefix: &str, size: usize) -> Vec<u8> {
    let mut body = format!("{prefix} ").into_bytes();
    body.extend(LETTERS.repeat(size / LETTERS.len() + 1));
    body.truncate(size);
    body
}
