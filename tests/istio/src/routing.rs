//! The routes that Istio makes of an example's `VirtualService`s, as far as the examples use them: hosts, the beginning of
//! a path, one destination, and a timeout.

use std::collections::{BTreeMap, BTreeSet};

use helius_policy::config::parse_duration;
use serde_json::{Value, json};

use crate::Manifest;

/// The route configurations, each named by the port of its destinations, as Istio names them.
pub fn routes(example: &[Manifest]) -> Vec<Value> {
    let mut by_port: BTreeMap<u64, Vec<Value>> = BTreeMap::new();
    for service in example.iter().filter(|it| it.kind() == "VirtualService") {
        let rules: Vec<&Value> = service.items("/spec/http").map(|(_, rule)| rule).collect();
        let ports: BTreeSet<u64> = rules.iter().map(|rule| port(rule)).collect();
        for number in ports {
            let hosts = service.items("/spec/hosts").filter_map(|(_, host)| host.as_str());
            let domains: Vec<_> = hosts.flat_map(|it| [it.to_owned(), format!("{it}:{number}")]).collect();
            let routes: Vec<_> = rules.iter().filter(|rule| port(rule) == number).map(|rule| route(rule)).collect();
            let host = json!({ "name": domains[0], "domains": domains, "routes": routes });
            by_port.entry(number).or_default().push(host);
        }
    }
    let configuration = |(port, hosts): (u64, Vec<Value>)| json!({ "name": port.to_string(), "virtual_hosts": hosts, "validate_clusters": false });
    by_port.into_iter().map(configuration).collect()
}

fn port(rule: &Value) -> u64 {
    rule["route"][0]["destination"]["port"]["number"].as_u64().unwrap_or_default()
}

/// A rule without a condition is for every path.
fn route(rule: &Value) -> Value {
    let prefix = rule["match"][0]["uri"]["prefix"].as_str().unwrap_or("/");
    let host = rule["route"][0]["destination"]["host"].as_str().unwrap_or_default();
    json!({ "match": { "prefix": prefix }, "route": { "cluster": cluster(port(rule), host), "timeout": seconds(rule) } })
}

/// Protobuf knows only seconds.
fn seconds(rule: &Value) -> String {
    let timeout = rule["timeout"].as_str().and_then(parse_duration).unwrap_or_default();
    format!("{}s", timeout.as_secs_f64())
}

/// The name of the cluster that Istio makes of a service that is called.
pub fn cluster(port: u64, host: &str) -> String {
    format!("outbound|{port}||{host}")
}
