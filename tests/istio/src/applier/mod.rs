//! Istio's way of applying `EnvoyFilter`s to the listeners and clusters of a sidecar, for tests.
//!
//! Istio says nothing where a patch finds no place. Here each patch says how often it was applied, and one that was not is a
//! mistake. Order and matching are those of Istio's development branch (August 2026, `pilot/pkg/networking/core/envoyfilter`
//! and `pilot/pkg/model`):
//!
//! * which filters count for a proxy, and in which order: [`selection`];
//! * inside a listener: LISTENER, `LISTENER_FILTER`, then in each chain `FILTER_CHAIN`, `NETWORK_FILTER`, `HTTP_FILTER`, and a second
//!   pass for MERGE; what is added comes last: [`listeners`];
//! * what a patch matches: [`matching`]; what it does to a list: [`list`]; how it merges: [`merge`].
//!
//! What is not known here is refused and not skipped: patches of routes, virtual hosts, extension configurations and the
//! bootstrap, and keys in camelCase.

mod clusters;
mod list;
mod listeners;
mod matching;
mod merge;
mod patch;
mod selection;

use crate::{Manifest, Sidecar};

pub(crate) use matching::is_virtual;
use patch::Patch;
pub use selection::{Proxy, ROOT_NAMESPACE};

/// To whose part of a sidecar a patch belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Context {
    Inbound,
    Outbound,
}

impl Context {
    const BOTH: [Self; 2] = [Self::Inbound, Self::Outbound];

    const fn name(self) -> &'static str {
        match self {
            Self::Inbound => "SIDECAR_INBOUND",
            Self::Outbound => "SIDECAR_OUTBOUND",
        }
    }
}

/// Applies all filters that count for a proxy, as Istio does, but for what Istio would not say: a patch that finds no place
/// is a problem. Several problems are told at once; an empty list is good.
pub fn apply(filters: &[Manifest], proxy: &Proxy, sidecar: &mut Sidecar) -> Vec<String> {
    let selected = selection::select(filters, proxy);
    if selected.is_empty() {
        return vec![format!("no EnvoyFilter counts for {proxy}; mend its namespace or its workloadSelector")];
    }
    let patches: Vec<Patch> = selected.iter().flat_map(|it| Patch::all(it)).collect();
    let unknown: Vec<String> = patches.iter().filter_map(Patch::unknown).collect();
    if !unknown.is_empty() {
        return unknown;
    }
    let patches: Vec<Patch> = patches.into_iter().filter(|it| it.is_for(proxy)).collect();
    for context in Context::BOTH {
        let of_context: Vec<&Patch> = patches.iter().filter(|it| it.is_in(context)).collect();
        listeners::apply(&of_context, context, &mut sidecar.listeners);
        clusters::apply(&of_context, context, &mut sidecar.clusters);
    }
    patches.iter().filter(|it| !it.was_applied()).map(Patch::nowhere).collect()
}
