//! The routes that Istio makes of an example's `VirtualService`s, as far as the examples use them: hosts, one destination, and
//! a timeout.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::Manifest;

/// The route configurations, each named by the port of its destinations, as Istio names them.
pub fn routes(example: &[Manifest]) -> Vec<Value> {
    let mut by_port: BTreeMap<u64, Vec<Value>> = BTreeMap::new();
    for service in example.iter().filter(|it| it.kind() == "VirtualService") {
        for (_, rule) in service.items("/spec/http") {
            let destination = &rule["route"][0]["destination"];
            let port = destination["port"]["number"].as_u64().unwrap_or_default();
            let host = destination["host"].as_str().unwrap_or_default();
            let hosts = service.items("/spec/hosts").filter_map(|(_, host)| host.as_str());
            let domains: Vec<_> = hosts.flat_map(|it| [it.to_owned(), format!("{it}:{port}")]).collect();
            let action = json!({ "cluster": cluster(port, host), "timeout": rule["timeout"] });
            by_port.entry(port).or_default().push(json!({
                "name": format!("{host}:{port}"),
                "domains": domains,
                "routes": [{ "match": { "prefix": "/" }, "route": action }],
            }));
        }
    }
    let configuration = |(port, hosts): (u64, Vec<Value>)| json!({ "name": port.to_string(), "virtual_hosts": hosts, "validate_clusters": false });
    by_port.into_iter().map(configuration).collect()
}

/// The name of the cluster that Istio makes of a service that is called.
pub fn cluster(port: u64, host: &str) -> String {
    format!("outbound|{port}||{host}")
}
