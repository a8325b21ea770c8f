//! The bytes that clients and regions send, as the simulation makes them.

use helius_mesh::{Answer, Request, region_name};

/// The id of a request by its place in the scenario.
pub(crate) fn id(index: usize) -> String {
    format!("id{index}")
}

/// The body of a request.
pub(crate) fn of_request(request: &Request, id: &str) -> Vec<u8> {
    request.body.map(|size| filled(id, size)).unwrap_or_default()
}

/// The body of a region's answer.
pub(crate) fn of_answer(answer: &Answer, region: usize, id: &str) -> Vec<u8> {
    let prefix = format!("{} {id} {}", region_name(region), answer.status);
    answer.body.map(|size| filled(&prefix, size.max(prefix.len() + 1))).unwrap_or_default()
}

fn filled(prefix: &str, size: usize) -> Vec<u8> {
    let mut body = format!("{prefix} ").into_bytes();
    let letters = (0..).map(|index: usize| b'a' + u8::try_from(index % 23).unwrap_or(0));
    body.extend(letters.take(size.saturating_sub(body.len())));
    body.truncate(size);
    body
}

/// A body in so many pieces.
pub(crate) fn cut(body: &[u8], pieces: usize) -> Vec<Vec<u8>> {
    let pieces = pieces.max(1);
    let edge = |index: usize| body.len() * index / pieces;
    (0..pieces).map(|index| body[edge(index)..edge(index + 1)].to_vec()).collect()
}
