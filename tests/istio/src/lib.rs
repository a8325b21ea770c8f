//! The manifests under `istio/` and `envoy/gateway/`, read and judged: each against the schema of its kind, and all against each other.
//!
//! * [`Manifest`] is one document of a file, with its lines.
//! * [`kustomization`] says whether each folder lists what it has.
//! * [`rendered`] are the examples as `kubectl apply -k` would send them.
//! * [`Schemas`] are Istio's, with unknown fields refused; [`kubernetes`] judges Kubernetes' own kinds.
//! * [`configuration`] reads what the filter and the agent are told.
//! * [`wiring`] says whether what one part names is there in another.
//! * [`applier`] patches a [`Sidecar`] as Istio does, [`routing`] are the routes that Istio adds, and [`plain_envoy`] makes of it
//!   what an Envoy without Istio starts with.
//! * [`wasm_plugin`] writes a `WasmPlugin` as Istio does.
//! * [`envoy_gateway`] does with the manifests under `envoy/gateway` what Envoy Gateway does.
//! * [`high_availability`] says whether what has to be there always is laid out so.
//! * [`injection`] says whether the injector's template makes the pods that the component makes.
//! * [`data`] is what Istio has published.
//! * [`monitoring`] says whether the parts of `istio/monitoring` fit each other and the pods.
//! * [`rights`] says what each service account may do.
//!
//! Every judgement is a list of sentences, each with file, place, what is wrong and the remedy; an empty one is good. What
//! nobody judges here: the rules that Istio and Kubernetes write in CEL, and whatever only a cluster knows.

pub mod applier;
pub mod configuration;
pub mod data;
pub mod envoy_gateway;
pub mod high_availability;
pub mod injection;
mod inline_patch;
pub mod kubernetes;
pub mod kustomization;
mod manifest;
pub mod monitoring;
pub mod plain_envoy;
pub mod rendered;
pub mod rights;
pub mod routing;
mod schema;
mod sidecar;
pub mod wasm_plugin;
pub mod wiring;

use std::path::PathBuf;

pub use manifest::{Manifest, all, read};
pub use schema::Schemas;
pub use sidecar::{HttpChain, Sidecar};

/// The repository's root.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}
