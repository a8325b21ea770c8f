//! What a sidecar's Envoy has from Istio: listeners and clusters, before and after patches.

use serde_json::Value;

use crate::data::published;

/// Where the small one of this repository lies.
const WRITTEN: &str = "tests/istio/sidecar.yaml";

/// Listeners and clusters as Envoy takes them, in `snake_case`.
#[derive(Clone, Debug, Default)]
pub struct Sidecar {
    /// The listeners.
    pub listeners: Vec<Value>,
    /// The clusters.
    pub clusters: Vec<Value>,
}

impl Sidecar {
    /// The small one that is written down in this repository: what Istio makes for a pod that listens on 8080 and calls others
    /// on the ports 80 and 5000. Of the latter two one is written down; Istio makes them alike.
    ///
    /// # Errors
    ///
    /// Where it cannot be read.
    pub fn written() -> Result<Self, String> {
        let text = std::fs::read(crate::root().join(WRITTEN)).map_err(|error| format!("{WRITTEN}: {error}"))?;
        let manifest = crate::read(WRITTEN, &text)?.remove(0);
        let mut listeners: Vec<Value> = manifest.items("/listeners").map(|(_, it)| it.clone()).collect();
        let called = listeners.iter().find(|it| it["name"] == "0.0.0.0_80").map(Value::to_string);
        let called = called.ok_or_else(|| format!("{WRITTEN}: nothing is called on port 80"))?;
        let other = called.replace("0.0.0.0_80", "0.0.0.0_5000").replace("\"80\"", "\"5000\"");
        let other = other.replace("\"port_value\":80", "\"port_value\":5000");
        listeners.push(serde_json::from_str(&other).map_err(|error| format!("{WRITTEN}: {error}"))?);
        Ok(Self { listeners, clusters: Vec::new() })
    }

    /// The small one, and where Istio's dump of a real one is published, that.
    ///
    /// # Errors
    ///
    /// Where one of them cannot be read.
    pub fn all() -> Result<Vec<Self>, String> {
        let dumped = published("sidecar-listeners.json").map(|dump| Self::dumped(&dump));
        std::iter::once(Self::written()).chain(dumped).collect()
    }

    /// That of a real sidecar, from its `/config_dump`: the listeners that Istio gave it.
    ///
    /// # Errors
    ///
    /// Where it is not JSON.
    pub fn dumped(dump: &[u8]) -> Result<Self, String> {
        let dump: Value = serde_json::from_slice(dump).map_err(|error| format!("the dump: {error}"))?;
        let configs = dump["configs"].as_array().into_iter().flatten();
        let dynamic = configs.flat_map(|it| it["dynamic_listeners"].as_array().into_iter().flatten());
        let listeners = dynamic.map(|it| it["active_state"]["listener"].clone()).collect();
        Ok(Self { listeners, clusters: Vec::new() })
    }

    /// Every chain that takes HTTP: its listener's name, the port that it is for, and the names of its HTTP filters.
    pub fn http_chains(&self) -> Vec<HttpChain> {
        let mut found = Vec::new();
        for listener in &self.listeners {
            let name = listener["name"].as_str().unwrap_or_default().to_owned();
            let own = &listener["address"]["socket_address"]["port_value"];
            let chains = listener["filter_chains"].as_array().into_iter().flatten();
            for chain in chains.chain(listener.get("default_filter_chain")) {
                let port = chain["filter_chain_match"]["destination_port"].as_u64().or(own.as_u64());
                let filters = chain["filters"].as_array().into_iter().flatten();
                let http = filters.filter_map(|it| it["typed_config"]["http_filters"].as_array());
                found.extend(http.map(|filters| HttpChain {
                    listener: name.clone(),
                    port: port.unwrap_or_default(),
                    filters: filters.iter().filter_map(|it| Some(it["name"].as_str()?.to_owned())).collect(),
                }));
            }
        }
        found
    }
}

/// A chain of a listener that takes HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpChain {
    /// The listener's name.
    pub listener: String,
    /// The port that it is for; else the listener's own.
    pub port: u64,
    /// The names of its HTTP filters, in their order.
    pub filters: Vec<String>,
}
