//! Target `exchange`: requests, answers and callouts through the real filter, as bytes and in an order that the input
//! chooses among those that Envoy keeps to, and a little beyond: an answer may come while the request is held back.
//!
//! What must hold is in `host/ledger.rs`. Besides, at the end of each input everything is brought to its end. Then
//! every client has been answered, and nothing is left in the module: the next input uses the same numbers for contexts
//! and calls again, at which the SDK panics if one is still known to it.
//!
//! * `script` reads an input, `player` plays it, and `stream` is what is played to one stream.
//! * `document` are the configurations that an input chooses from, `policies` what they are put together from.

mod document;
mod player;
mod policies;
#[cfg(test)]
mod reach;
mod script;
mod stream;

use crate::envoy::start;
use player::Player;

/// Events that are played at most: more of them are slow, and say nothing that fewer do not.
const MOST_STEPS: usize = 64;

/// Plays one input.
///
/// # Panics
///
/// Where a promise is broken: that is a finding.
pub fn run(script: &[u8]) {
    start();
    let mut player = Player::default();
    for step in script::read(script).take(MOST_STEPS) {
        player.play(step);
    }
    player.finish();
}
