//! What Envoy does around the filter: which callbacks a stream gets, in which order, and what becomes of the answers.
//!
//! * `vm` calls the module, and carries out what it asked for meanwhile.
//! * `iteration` is the filter manager: what the filter is shown, and what goes on when it lets go.
//! * `stream` begins and ends a stream, and sends its client what comes out.
//! * `local_reply` is the form of what does not come from a region.
//! * `callout` brings the answers of the filter's own calls.
//!
//! A smaller model than that of `tests/mesh`: it knows the rules about callbacks, and leaves time, connections and
//! regions to whoever chooses the events.

mod callout;
mod iteration;
mod local_reply;
mod stream;
mod vm;

pub(crate) use callout::{answer_agent, answer_call};
pub(crate) use iteration::{show_body, show_headers, show_trailers};
pub(crate) use stream::{begin, end};
pub(crate) use vm::{configure, start, stop, wait};
