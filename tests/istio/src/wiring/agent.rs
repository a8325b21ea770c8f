//! The ports and files of the agent, which stand in its flags, in its container, and in what surrounds it.

use std::path::Path;

use helius_agent::address::Address;
use helius_agent::sidecar::{Settings, Target};
use serde_json::{Value, json};

use super::of;
use crate::Manifest;
use crate::configuration::{agents, settings};

pub(super) fn problems(example: &[Manifest]) -> Vec<String> {
    let mut problems = Vec::new();
    for deployment in of(example, "Deployment") {
        for (at, container) in agents(deployment) {
            // What is wrong with the flags themselves is told elsewhere.
            if let Ok(settings) = settings(container) {
                let of = Agent { example, deployment, at, container, settings };
                problems.extend(of.ports());
                problems.extend(of.probe());
                problems.extend(of.files());
            }
        }
    }
    problems
}

struct Agent<'a> {
    example: &'a [Manifest],
    deployment: &'a Manifest,
    at: String,
    container: &'a Value,
    settings: Settings,
}

impl Agent<'_> {
    fn place(&self, path: &str) -> String {
        self.deployment.place(&format!("{}{path}", self.at))
    }

    /// The API is where the cluster looks for it, and the metrics where everybody does.
    fn ports(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let api = json!(port(&self.settings.listen));
        for filter in of(self.example, "EnvoyFilter") {
            for (at, patch) in filter.items("/spec/configPatches").filter(|(_, it)| it["applyTo"] == "CLUSTER") {
                let socket = "/patch/value/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address";
                if patch.pointer(&format!("{socket}/port_value")) != Some(&api) {
                    let place = filter.place(&format!("{at}{socket}"));
                    problems.push(format!("{place}: the agent's API is on port {api}; write it"));
                }
                if patch.pointer(&format!("{socket}/address")) != Some(&json!("127.0.0.1")) {
                    let place = filter.place(&format!("{at}{socket}"));
                    problems.push(format!("{place}: the agent's API is on 127.0.0.1 alone; write it"));
                }
            }
        }
        let metrics = json!(port(&self.settings.metrics_listen));
        let excluded = "/spec/template/metadata/annotations/traffic.sidecar.istio.io~1excludeInboundPorts";
        if self.deployment.text(excluded).parse().ok() != metrics.as_u64() {
            let place = self.deployment.place(excluded);
            problems.push(format!("{place}: the agent's metrics are on port {metrics}; write it"));
        }
        for path in ["/ports/0/containerPort", "/livenessProbe/httpGet/port"] {
            if self.container.pointer(path) != Some(&metrics) {
                problems.push(format!("{}: the agent's metrics are on port {metrics}; write it", self.place(path)));
            }
        }
        problems.extend(of(self.example, "NetworkPolicy").flat_map(|policy| only_monitoring(policy, &metrics)));
        problems
    }

    /// What is probed is a port of the application, and others may reach it.
    fn probe(&self) -> Vec<String> {
        let Some(target) = &self.settings.app_probe else { return Vec::new() };
        let probed = json!(probed(target));
        let mut problems = Vec::new();
        let mut containers = self.deployment.items("/spec/template/spec/containers");
        let is_there = containers
            .any(|(_, it)| it["ports"].as_array().into_iter().flatten().any(|port| port["containerPort"] == probed));
        if !is_there {
            let place = self.place("/args");
            problems.push(format!(
                "{place}: --app-probe asks port {probed}, which the application does not have; write its own"
            ));
        }
        for policy in of(self.example, "NetworkPolicy") {
            let is_open = policy.items("/spec/ingress").any(|(_, rule)| rule["from"].is_null() && opens(rule, &probed));
            if !is_open {
                let place = policy.place("/spec/ingress");
                problems.push(format!("{place}: the application's port {probed} is closed to everybody; open it"));
            }
        }
        problems
    }

    /// Each file lies in a volume, the overrides under the name that they have in their `ConfigMap`.
    fn files(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let args = self.container["args"].as_array().into_iter().flatten().filter_map(Value::as_str);
        for (flag, path) in args.filter_map(|it| it.split_once('=')).filter(|(_, path)| path.starts_with('/')) {
            let Some(volume) = self.volume_of(Path::new(path)) else {
                problems
                    .push(format!("{}: nothing is mounted where {flag} looks ({path}); mount it", self.place("/args")));
                continue;
            };
            let Some(name) = volume["configMap"]["name"].as_str() else { continue };
            let key = Path::new(path).file_name().unwrap_or_default().to_string_lossy();
            let has_key =
                of(self.example, "ConfigMap").any(|it| it.name() == name && it.value["data"][&*key].is_string());
            if !has_key {
                let place = self.place("/args");
                problems
                    .push(format!("{place}: the ConfigMap {name} has no {key} for {flag}; write a key that it has"));
            }
        }
        problems
    }

    /// The volume that is mounted at this path, or at the directory that it is in.
    fn volume_of(&self, path: &Path) -> Option<&Value> {
        let mounts = self.container["volumeMounts"].as_array()?;
        let mount = mounts.iter().find(|it| it["mountPath"].as_str().is_some_and(|at| path.starts_with(at)))?;
        self.deployment.items("/spec/template/spec/volumes").map(|(_, it)| it).find(|it| it["name"] == mount["name"])
    }
}

/// A policy that opens the agent's metrics to more than the namespace of Prometheus, or not even to that.
fn only_monitoring(policy: &Manifest, metrics: &Value) -> Vec<String> {
    let wanted = json!([{ "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": "monitoring" } } }]);
    let opening: Vec<_> = policy.items("/spec/ingress").filter(|(_, rule)| opens(rule, metrics)).collect();
    if opening.is_empty() {
        let place = policy.place("/spec/ingress");
        return vec![format!(
            "{place}: nobody may read the agent's metrics; open port {metrics} to the namespace monitoring"
        )];
    }
    let too_wide = opening.into_iter().filter(|(_, rule)| rule["from"] != wanted);
    too_wide
        .map(|(at, _)| format!("{}: opens the agent's metrics to others; write {wanted}", policy.place(&at)))
        .collect()
}

/// Whether a rule opens a port; one without ports opens all.
fn opens(rule: &Value, port: &Value) -> bool {
    rule["ports"].as_array().is_none_or(|ports| ports.iter().any(|it| it["port"] == *port))
}

fn probed(target: &Target) -> u16 {
    match target {
        Target::Http(address, _) | Target::Tcp(address) => port(address),
    }
}

fn port(address: &Address) -> u16 {
    match address {
        Address::Tcp(address) => address.port(),
        Address::Unix(_) => 0,
    }
}
