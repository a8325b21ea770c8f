//! The clusters that a filter calls, and the hosts that Istio's rules are about.

use std::collections::BTreeSet;

use helius_policy::config::parse_duration;
use serde_json::Value;

use super::of;
use crate::Manifest;
use crate::configuration::embedded;
use crate::routing::cluster;

pub(super) fn problems(example: &[Manifest]) -> Vec<String> {
    let mut problems = Vec::new();
    let there = clusters(example);
    let entries: BTreeSet<&str> = of(example, "ServiceEntry").flat_map(hosts).collect();
    for manifest in example {
        for it in embedded(manifest) {
            let place = |path: &str| format!("{}: {path}", manifest.place(&it.pointer));
            for (path, cluster) in called(&it.document) {
                if !there.contains(&cluster) {
                    let known: Vec<_> = there.iter().map(String::as_str).collect();
                    let known = known.join(", ");
                    problems.push(format!(
                        "{}: nothing here makes the cluster {cluster:?}; add a ServiceEntry with its host and port, or a CLUSTER \
                         patch, or name one of: {known}",
                        place(&path)
                    ));
                }
            }
            for (path, authority) in authorities(&it.document) {
                if !entries.contains(authority.as_str()) {
                    let place = place(&path);
                    problems
                        .push(format!("{place}: {authority:?} is a host of no ServiceEntry; write one of {entries:?}"));
                }
            }
            problems.extend(short_timeouts(example, &it.document, &place("upstream.timeout")));
        }
    }
    let services = of(example, "Service")
        .map(|it| format!("{}.{}.svc.cluster.local", it.name(), it.text("/metadata/namespace")))
        .collect::<Vec<_>>();
    let routed = of(example, "VirtualService").flat_map(hosts);
    let hosts: BTreeSet<&str> = entries.into_iter().chain(routed).chain(services.iter().map(String::as_str)).collect();
    for rule in of(example, "DestinationRule").filter(|it| !hosts.contains(it.text("/spec/host"))) {
        let (place, host) = (rule.place("/spec/host"), rule.text("/spec/host"));
        problems.push(format!("{place}: nothing here is called {host:?}; write one of {hosts:?}"));
    }
    let in_plain_text =
        of(example, "DestinationRule").filter(|it| it.text("/spec/trafficPolicy/tls/mode") != "ISTIO_MUTUAL");
    problems.extend(in_plain_text.map(|it| {
        format!("{}: calls leave without mTLS; write ISTIO_MUTUAL", it.place("/spec/trafficPolicy/tls/mode"))
    }));
    problems
}

/// All clusters that Istio makes of what is here.
fn clusters(example: &[Manifest]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for filter in of(example, "EnvoyFilter") {
        let added = filter.items("/spec/configPatches").filter(|(_, it)| it["applyTo"] == "CLUSTER");
        names.extend(added.filter_map(|(_, it)| Some(it["patch"]["value"]["name"].as_str()?.to_owned())));
    }
    for entry in of(example, "ServiceEntry") {
        for host in hosts(entry) {
            let ports = entry.items("/spec/ports").filter_map(|(_, port)| port["number"].as_u64());
            names.extend(ports.map(|port| cluster(port, host)));
        }
    }
    names
}

fn hosts(manifest: &Manifest) -> impl Iterator<Item = &str> {
    manifest.items("/spec/hosts").filter_map(|(_, host)| host.as_str())
}

/// The clusters that a document names, each with where.
fn called(document: &Value) -> Vec<(String, String)> {
    let agent = document["agent"]["cluster"].as_str().map(|it| ("agent.cluster".to_owned(), it.to_owned()));
    agent.into_iter().chain(of_regions(document, "cluster")).collect()
}

fn authorities(document: &Value) -> Vec<(String, String)> {
    of_regions(document, "authority").collect()
}

fn of_regions<'a>(document: &'a Value, key: &'a str) -> impl Iterator<Item = (String, String)> + 'a {
    let routes = document["routes"].as_array().into_iter().flatten().enumerate();
    routes.flat_map(move |(route, it)| {
        let regions = it["upstream"]["regions"].as_array().into_iter().flatten().enumerate();
        regions.filter_map(move |(region, it)| {
            Some((format!("routes[{route}].upstream.regions[{region}].{key}"), it[key].as_str()?.to_owned()))
        })
    })
}

/// A route of Istio's whose time is over before the ladder's.
fn short_timeouts(example: &[Manifest], document: &Value, place: &str) -> Vec<String> {
    let ladders =
        document["routes"].as_array().into_iter().flatten().filter_map(|it| it["upstream"]["timeout"].as_str());
    let Some(longest) = ladders.filter_map(parse_duration).max() else { return Vec::new() };
    let mut problems = Vec::new();
    for service in of(example, "VirtualService") {
        for (pointer, route) in service.items("/spec/http") {
            let timeout = route["timeout"].as_str().unwrap_or_default();
            if parse_duration(timeout).is_none_or(|it| it <= longest) {
                problems.push(format!(
                    "{}: {timeout:?} is not longer than the ladder ({place}), and Envoy answers 504 past the filter; make it longer",
                    service.place(&format!("{pointer}/timeout"))
                ));
            }
        }
    }
    problems
}
