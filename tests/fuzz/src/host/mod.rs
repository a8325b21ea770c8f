//! A proxy-wasm host that plays Envoy to the filter in this very process, and watches it.
//!
//! * `border` is where bytes cross between filter and host: the only unsafe code of the workspace.
//! * `wire` are header maps as they cross it.
//! * The host calls: `message` on headers and bodies, `flow` on the course of a stream, `callout`, and `plugin` on
//!   whatever belongs to no stream.
//! * `stream` is what the host knows of a stream, `ledger` what it expects of the filter there.
//!
//! A host call that Envoy would not understand gets the status that Envoy gives, at which the SDK panics; one that
//! breaks a promise of the filter fails an assertion here. Both are findings.

pub(crate) mod border;
mod callout;
mod flow;
mod ledger;
mod message;
mod plugin;
mod stream;
mod wire;

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};

use helius_policy::http::Headers;

pub(crate) use callout::{Call, CallAnswer, ClusterState, Clusters, Question};
pub(crate) use flow::{Deferred, Reply};
pub(crate) use ledger::{Client, Ledger, Terms};
pub(crate) use plugin::{Metrics, Root};
pub(crate) use stream::{Half, Iteration, Side, Stream};

/// What a host call answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Status {
    /// Done.
    Ok = 0,
    /// There is nothing of that name.
    NotFound = 1,
    /// An argument makes no sense, or none in this phase of a stream.
    BadArgument = 2,
    /// Somebody else was faster.
    CasMismatch = 8,
    /// Envoy could not.
    InternalFailure = 10,
}

/// What a host call gives back.
pub(crate) type Outcome<T = ()> = Result<T, Status>;

/// One worker thread of Envoy.
#[derive(Debug, Default)]
pub(crate) struct Host {
    /// Wall time in milliseconds.
    pub(crate) clock: u64,
    /// The context that was called, and the one that host calls act on.
    pub(crate) current: u32,
    pub(crate) effective: u32,
    pub(crate) next_context: u32,
    pub(crate) next_token: u32,
    pub(crate) roots: BTreeMap<u32, Root>,
    pub(crate) streams: BTreeMap<u32, Stream>,
    /// Calls under way, the oldest first. They belong to the root context, so a stream that ends does not end them.
    pub(crate) calls: VecDeque<Call>,
    /// Questions to the pod's agent under way, the oldest first.
    pub(crate) asked: VecDeque<Question>,
    /// The answer that the module is being told of.
    pub(crate) call_answer: Option<CallAnswer>,
    pub(crate) clusters: Clusters,
    /// What Envoy's route leads to; empty where it leads to none.
    pub(crate) routed_to: Vec<u8>,
    /// What the module asked for, and Envoy does when the callback is over.
    pub(crate) deferred: Vec<Deferred>,
    /// Values by their keys, each with the number under which it may be changed.
    pub(crate) shared: BTreeMap<Vec<u8>, (Vec<u8>, u32)>,
    pub(crate) metrics: Metrics,
    /// How often the module counted something.
    pub(crate) counted: usize,
    /// What clients got whose streams are gone.
    pub(crate) served: Vec<Client>,
    /// Documents that the module said in the log it refuses.
    pub(crate) refusals: usize,
}

thread_local! {
    static HOST: RefCell<Host> = RefCell::default();
}

/// Does something with the host of this thread. Never around a call into the module, which calls back.
pub(crate) fn host<T>(act: impl FnOnce(&mut Host) -> T) -> T {
    HOST.with_borrow_mut(act)
}

impl Host {
    /// A stream, where the context is one that is still there.
    pub(crate) fn stream(&mut self, context: u32) -> Outcome<&mut Stream> {
        self.streams.get_mut(&context).ok_or(Status::BadArgument)
    }

    pub(crate) fn new_context(&mut self) -> u32 {
        self.next_context += 1;
        self.next_context
    }
}

/// Gives `name` this value and no other.
fn set_field(fields: &mut Headers, name: &str, value: &[u8]) {
    fields.retain(|it| it != name);
    fields.push(name, value);
}
