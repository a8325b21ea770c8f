//! A patched sidecar as a bootstrap that an Envoy without Istio's extensions starts with.
//!
//! What changes, and nothing else: Istio's own filters, mTLS, and the filters that ask who the peer of mTLS is are left out;
//! tunnels (HBONE), which are all of that, too. Routes, which Istio sends separately, stand in the listeners. And in the place
//! of iptables, which tells Envoy where a connection really went, a line of the PROXY protocol tells it: each virtual listener
//! is a Unix socket that begins with such a line.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::Sidecar;
use crate::applier::is_virtual;

/// Where the pods mount the module.
pub(crate) const MOUNTED_MODULE: &str = "/etc/helius/module/helius.wasm";
/// What Envoy itself brings. Istio's extensions have other names.
const ENVOYS_OWN: &str = "type.googleapis.com/envoy.extensions.";
/// These decide by the peer of mTLS, or ask somebody who does.
const BY_PEER: [&str; 2] = ["envoy.filters.http.rbac", "envoy.filters.http.ext_authz"];
/// What Istio keeps of Envoy's stats, unless an operator asks for more: names that begin so.
const KEPT_STATS: [&str; 8] =
    ["reporter=", "cluster_manager", "listener_manager", "server", "cluster.xds-grpc", "wasm", "component", "istio"];

/// What surrounds a sidecar in a test.
#[derive(Debug)]
pub struct Surroundings<'a> {
    /// An empty directory, for the sockets of the virtual listeners.
    pub sockets: &'a Path,
    /// The filter's module.
    pub module: &'a Path,
    /// The words of `extraStatTags`.
    pub stat_tags: Vec<String>,
    /// Route configurations, which listeners name.
    pub routes: Vec<Value>,
    /// Who is behind a cluster, by its name. Behind others is nobody.
    pub endpoints: BTreeMap<String, SocketAddr>,
}

impl Surroundings<'_> {
    /// The socket of a virtual listener.
    pub fn socket(&self, listener: &str) -> PathBuf {
        self.sockets.join(listener)
    }

    /// The bootstrap.
    pub fn bootstrap(&self, sidecar: &Sidecar) -> Value {
        let is_tunnel = |it: &&Value| it["internal_listener"].is_object() || it["name"] == "connect_terminate";
        let listeners = sidecar.listeners.iter().filter(|it| !is_tunnel(it)).map(|it| self.listener(it.clone()));
        let listeners: Vec<_> = listeners.collect();
        json!({
            "admin": { "address": { "socket_address": { "address": "127.0.0.1", "port_value": 0 } } },
            "stats_config": self.stats_config(),
            "static_resources": { "clusters": self.clusters(sidecar, &listeners), "listeners": listeners },
        })
    }

    /// What Istio's bootstrap makes of `extraStatTags`, and what it keeps of the stats.
    fn stats_config(&self) -> Value {
        let rule = |word: &String| json!({ "tag_name": word, "regex": format!(r"({word}=\.=(.*?);\.;)") });
        let kept = KEPT_STATS.map(|prefix| json!({ "prefix": prefix }));
        json!({
            "use_all_default_tags": false,
            "stats_tags": self.stat_tags.iter().map(rule).collect::<Vec<_>>(),
            "stats_matcher": { "inclusion_list": { "patterns": kept } },
        })
    }

    fn listener(&self, mut listener: Value) -> Value {
        let name = listener["name"].as_str().unwrap_or_default().to_owned();
        remove(&mut listener, "@type");
        remove(&mut listener, "access_log");
        if is_virtual(&listener) {
            listener["address"] = json!({ "pipe": { "path": self.socket(&name) } });
            let proxied = json!({
                "name": "envoy.filters.listener.proxy_protocol",
                "typed_config": { "@type": format!("{ENVOYS_OWN}filters.listener.proxy_protocol.v3.ProxyProtocol") },
            });
            let others = listener["listener_filters"].as_array().into_iter().flatten();
            let others = others.filter(|it| it["name"] != "envoy.filters.listener.original_dst").cloned();
            listener["listener_filters"] = std::iter::once(proxied).chain(others).collect();
        }
        for chain in listener["filter_chains"].as_array_mut().into_iter().flatten() {
            self.change_chain(chain);
        }
        if let Some(chain) = listener.get_mut("default_filter_chain") {
            self.change_chain(chain);
        }
        listener
    }

    fn change_chain(&self, chain: &mut Value) {
        remove(chain, "transport_socket");
        if let Some(filters) = chain["filters"].as_array_mut() {
            filters.retain(is_envoys_own);
            for filter in filters {
                self.change_filter(&mut filter["typed_config"]);
            }
        }
    }

    fn change_filter(&self, filter: &mut Value) {
        for key in ["access_log", "tracing"] {
            remove(filter, key);
        }
        if let Some(rds) = remove(filter, "rds") {
            let routes = self.routes.iter().find(|it| it["name"] == rds["route_config_name"]);
            filter["route_config"] = routes.cloned().unwrap_or_else(|| json!({ "name": rds["route_config_name"] }));
        }
        if let Some(filters) = filter.get_mut("http_filters").and_then(Value::as_array_mut) {
            filters.retain(|it| is_envoys_own(it) && !BY_PEER.iter().any(|name| it["name"] == *name));
            for filter in filters {
                mount(filter, self.module);
            }
        }
    }

    /// Those of the sidecar, those that have an endpoint here, and those that a listener only names.
    fn clusters(&self, sidecar: &Sidecar, listeners: &[Value]) -> Vec<Value> {
        let mut names: BTreeSet<&str> = sidecar.clusters.iter().filter_map(|it| it["name"].as_str()).collect();
        names.extend(self.endpoints.keys().map(String::as_str));
        for listener in listeners {
            find_clusters(listener, &mut names);
        }
        names.into_iter().map(|name| self.cluster(sidecar, name)).collect()
    }

    fn cluster(&self, sidecar: &Sidecar, name: &str) -> Value {
        let made = || json!({ "name": name, "type": "STATIC", "connect_timeout": "0.25s" });
        let mut cluster = sidecar.clusters.iter().find(|it| it["name"] == name).cloned().unwrap_or_else(made);
        if let Some(addr) = self.endpoints.get(name) {
            lead_to(&mut cluster, *addr);
        }
        cluster
    }
}

/// The clusters to which routes and TCP proxies lead.
fn find_clusters<'a>(value: &'a Value, names: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(entries) => {
            names.extend(entries.get("cluster").and_then(Value::as_str));
            entries.values().for_each(|it| find_clusters(it, names));
        }
        Value::Array(items) => items.iter().for_each(|it| find_clusters(it, names)),
        _ => {}
    }
}

/// Istio builds some of its filters as modules that are compiled into its Envoy.
fn is_envoys_own(filter: &Value) -> bool {
    let config = &filter["typed_config"];
    let is_compiled_in = config["config"]["vm_config"]["runtime"] == "envoy.wasm.runtime.null";
    config["@type"].as_str().is_some_and(|it| it.starts_with(ENVOYS_OWN)) && !is_compiled_in
}

/// Gives a cluster its only endpoint.
pub fn lead_to(cluster: &mut Value, addr: SocketAddr) {
    let address = json!({ "socket_address": { "address": addr.ip().to_string(), "port_value": addr.port() } });
    cluster["load_assignment"] = json!({
        "cluster_name": cluster["name"],
        "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": address } }] }],
    });
}

/// Puts the module in the place where the pods have it.
pub fn mount(filter: &mut Value, module: &Path) {
    if let Some(file) = filter.pointer_mut("/typed_config/config/vm_config/code/local/filename")
        && *file == MOUNTED_MODULE
    {
        *file = json!(module);
    }
}

fn remove(message: &mut Value, key: &str) -> Option<Value> {
    message.as_object_mut()?.remove(key)
}
