//! An input as a script, so that a seed and a finding can be read: a line is an event.
//!
//! ```text
//! document 1                 configure number 1; `Document`: in an Envoy that shows nothing while headers are held
//! header x-odd: anything     a field for the next request, answer or call
//! request POST /assist       a stream begins; `Request`: that is all of it
//! body some bytes            more of the request's body; `Body`: the last of it; `*N` are N bytes, `$` a line feed
//! trailers                   the request ends with trailers; `Trailers`: the answer does
//! answer 503 via_upstream    the primary's answer begins, with Envoy's response code details; `Answer`: no body
//! piece some bytes           more of the answer's body; `Piece`: the last of it
//! call 200 some bytes        the oldest call is answered; `Call`: it is reset
//! operator 200 {}            the oldest question to the agent is answered; `Operator`: it is reset
//! no-hosts                   calls find no host from now on; `No-cluster`: no cluster; `no-hosts west`: only those to it
//! upstream east              where Envoy's route leads to from now on; without a name it leads to no cluster
//! wait 300                   milliseconds pass; `Wait`: the clock steps back by as many
//! leave some details         the stream is gone
//! stream 2                   the events that follow are about another stream that is open
//! ```
//!
//! Any bytes are a script. Of a verb only its first letter counts, so that a flipped bit is another event; a line that
//! begins with none of these letters is nothing.

/// What happens. `is_last` is what the capital letter says.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step<'a> {
    Document { number: usize, stops_all: bool },
    Header { name: &'a [u8], value: &'a [u8] },
    Request { method: &'a [u8], path: &'a [u8], is_last: bool },
    Body { bytes: Bytes<'a>, is_last: bool },
    Trailers { of_answer: bool },
    Answer { status: &'a [u8], details: &'a [u8], is_last: bool },
    Piece { bytes: Bytes<'a>, is_last: bool },
    Call { status: &'a [u8], body: Bytes<'a>, is_reset: bool },
    Operator { status: &'a [u8], body: Bytes<'a>, is_reset: bool },
    Clusters { are_known: bool, only: &'a [u8] },
    Upstream { cluster: &'a [u8] },
    Wait { millis: u64, backwards: bool },
    Leave { details: &'a [u8] },
    Stream { number: usize },
}

/// Bytes of a body, as written or as many as written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bytes<'a> {
    These(&'a [u8]),
    Many(usize),
}

/// More than every limit that the filter has.
const MOST: usize = 80 << 10;

impl<'a> Bytes<'a> {
    fn read(text: &'a [u8]) -> Self {
        text.strip_prefix(b"*").map_or(Self::These(text), |count| Self::Many(number(count).min(MOST)))
    }

    pub(super) fn to_vec(self) -> Vec<u8> {
        match self {
            Self::These(bytes) => bytes.iter().map(|byte| if *byte == b'$' { b'\n' } else { *byte }).collect(),
            Self::Many(count) => vec![b'x'; count],
        }
    }
}

/// The events of a script.
pub(super) fn read(script: &[u8]) -> impl Iterator<Item = Step<'_>> {
    script.split(|byte| *byte == b'\n').filter_map(step)
}

fn step(line: &[u8]) -> Option<Step<'_>> {
    let (verb, rest) = split(line, b' ');
    let is_capital = verb.first()?.is_ascii_uppercase();
    let (first, second) = split(rest, b' ');
    Some(match verb.first()?.to_ascii_lowercase() {
        b'd' => Step::Document { number: number(rest), stops_all: is_capital },
        b'h' => {
            let (name, value) = split(rest, b':');
            Step::Header { name, value: value.trim_ascii_start() }
        }
        b'r' => Step::Request { method: first, path: second, is_last: is_capital },
        b'b' => Step::Body { bytes: Bytes::read(rest), is_last: is_capital },
        b't' => Step::Trailers { of_answer: is_capital },
        b'a' => Step::Answer { status: first, details: second, is_last: is_capital },
        b'p' => Step::Piece { bytes: Bytes::read(rest), is_last: is_capital },
        b'c' => Step::Call { status: first, body: Bytes::read(second), is_reset: is_capital },
        b'o' => Step::Operator { status: first, body: Bytes::read(second), is_reset: is_capital },
        b'n' => Step::Clusters { are_known: !is_capital, only: rest },
        b'u' => Step::Upstream { cluster: rest },
        b'w' => Step::Wait { millis: number(rest).try_into().unwrap_or(u64::MAX), backwards: is_capital },
        b'l' => Step::Leave { details: rest },
        b's' => Step::Stream { number: number(rest) },
        _ => return None,
    })
}

/// What stands before and behind the first `separator`.
fn split(bytes: &[u8], separator: u8) -> (&[u8], &[u8]) {
    let at = bytes.iter().position(|byte| *byte == separator).unwrap_or(bytes.len());
    (&bytes[..at], bytes.get(at + 1..).unwrap_or_default())
}

/// The number at the beginning; 0 where there is none.
fn number(text: &[u8]) -> usize {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).take(9);
    digits.fold(0, |number, digit| number * 10 + usize::from(digit - b'0'))
}
