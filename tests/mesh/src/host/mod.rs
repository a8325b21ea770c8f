//! A proxy-wasm 0.2.1 host that behaves as Envoy 1.40 does.
//!
//! * `module` compiles the module once.
//! * `vm` runs one instance of it; `thread` is what outlives that instance.
//! * `imports` are the host calls: `imports::memory` crosses the border, the others say what a call means.
//! * `abi` are the numbers and layouts.

mod abi;
mod imports;
mod metrics;
mod module;
mod shared_data;
mod thread;
mod vm;

pub use metrics::label;
pub use module::{MODULE, module_path};

pub(crate) use abi::Action;
pub(crate) use metrics::Metrics;
pub(crate) use shared_data::SharedData;
pub(crate) use thread::{CallAnswer, Callout, Deferred, Question, Root, Thread};
pub(crate) use vm::{Trapped, Vm};
