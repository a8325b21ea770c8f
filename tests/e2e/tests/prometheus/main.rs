//! What the real Prometheus makes of the mesh's metrics, and promtool of metrics and rules.

mod alerts;
mod envoy;
mod harness;
mod judged;

use helius_e2e::Labels;

/// Labels from pairs.
fn labels<const N: usize>(pairs: [(&str, &str); N]) -> Labels {
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}
