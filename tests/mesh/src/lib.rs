//! A deterministic mesh in the test process: the real `dist/helius.wasm` under simulated time, with several workers,
//! simulated regions and clients, and rules that hold for every exchange.
//!
//! * [`Scenario`] is an incident as data; [`incident`] makes one from a seed.
//! * [`play`] plays it and judges it after each event; [`judge`] says which rules were broken.
//! * `host` is Envoy's side of proxy-wasm, `mesh` the streams, regions and clients around it.
//!
//! ```
//! use helius_mesh::{Document, Exchange, Request, Route, Scenario, judge, play};
//!
//! let scenario = Scenario::new(Document::new(vec![Route::new("assist", 2)]))
//!     .with(Exchange::new(Request::post("/assist", 50)));
//! let outcome = play(&scenario, 0, false);
//! assert_eq!(judge(&outcome), []);
//! assert_eq!(outcome.records[0].answer.as_ref().unwrap().status(), 200);
//! ```

mod agent;
mod breakers;
mod bytes;
mod copies;
mod document;
mod drills;
mod events;
mod fields;
mod flights;
mod grpc;
mod host;
mod incident;
mod invariants;
mod judging;
mod kept;
mod made_up;
mod mesh;
mod messages;
mod overridden;
mod queue;
mod record;
mod says;
mod scenario;
mod soak;
mod stream;
mod watch;
mod witness;
mod world;

pub use agent::document_of;
pub use breakers::{Door, State};
pub use bytes::{answer_body, cut, id_of, request_body};
pub use document::{
    Agent, Breaker, Budget, Change, Dedupe, Document, FAILURES, Fixed, Forced, Grpc, LastGood, Limit, MaxShare, Mode,
    Output, Override, Region, Route, Switched, cluster, region_name,
};
pub use fields::Fields;
pub use host::{MODULE, label, module_path};
pub use incident::incident;
pub use invariants::{AFTER_EACH_EVENT, AT_THE_END, Excuse, Invariant, NOTICED, Noticed, Violation, judge};
pub use kept::Kept;
pub use mesh::{Outcome, play};
pub use record::{Answer as Given, Asked, Cost, End, Judged, Record, Shown};
pub use says::{FLAWS, Flaw, Says};
pub use scenario::{AgentEvent, Answer, Behaviour, Death, Ending, Envoy, Exchange, Lie, Millis, Request, Scenario};
pub use soak::{Soak, soak};
pub use world::Micros;
