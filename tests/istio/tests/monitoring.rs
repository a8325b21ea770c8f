//! `istio/monitoring`: its parts say the same, and fit the pods of the examples. Each judgement is seen to find a mistake.

use std::fs;

use helius_istio::data::skipped;
use helius_istio::{Manifest, all, configuration, kubernetes, monitoring, read, rendered, root};
use serde_json::Value;

const DASHBOARD: &str = "istio/monitoring/dashboard.json";

fn assert_good(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

fn folder() -> Vec<Manifest> {
    all(&root(), monitoring::FOLDER).unwrap()
}

/// One of its files with a mistake in it.
fn with(name: &str, right: &str, wrong: &str) -> Manifest {
    let file = format!("{}/{name}", monitoring::FOLDER);
    let text = fs::read_to_string(root().join(&file)).unwrap();
    assert!(text.contains(right), "{file}: has no {right:?}");
    read(&file, text.replacen(right, wrong, 1).as_bytes()).unwrap().remove(0)
}

fn own(name: &str) -> Manifest {
    with(name, "", "")
}

/// What the examples with an agent apply: Deployments and `NetworkPolicies`.
fn pods() -> Vec<Manifest> {
    let names = rendered::names(&root()).unwrap();
    let examples = names.iter().map(|name| rendered::example(&root(), name).unwrap());
    let with_agent = examples.filter(|it| it.iter().any(|it| configuration::agents(it).next().is_some()));
    with_agent.flatten().filter(|it| matches!(it.kind(), "Deployment" | "NetworkPolicy")).collect()
}

fn assert_found(problems: &[String], said: &str) {
    let found = problems.iter().find(|it| it.contains(said));
    let Some(found) = found else { panic!("{said:?} is not among {problems:#?}") };
    assert!(found.starts_with("istio/monitoring/") && found.contains("; "), "{found}: has no file, or no remedy");
}

#[test]
fn the_rules_are_the_same_with_and_without_the_operator() {
    let (rules, copy) = (own("rules.yaml"), own("prometheus-rule.yaml"));
    assert_good(&monitoring::problems_of_copy(&rules, &copy));
    for (right, wrong) in [("> 0.05", "> 0.06"), ("for: 10m", "for: 11m"), ("an operator forced", "somebody forced")] {
        let copy = with("prometheus-rule.yaml", right, wrong);
        assert_found(&monitoring::problems_of_copy(&rules, &copy), "is not what istio/monitoring/rules.yaml says");
    }
    let longer = with("rules.yaml", "groups:\n", "groups:\n  - { name: another, rules: [] }\n");
    assert_found(&monitoring::problems_of_copy(&longer, &copy), "is not what");
}

#[test]
fn every_rule_says_how_urgent_it_is_what_it_means_and_waits_a_while() {
    assert_good(&monitoring::problems_of_rules(&own("rules.yaml")));
    for (right, wrong, said) in [
        ("{ severity: page }", "{ severity: critical }", "has no severity that is routed"),
        ("          summary: Prometheus knows", "          sumary: Prometheus knows", "has no summary"),
        (
            "          description: >-\n            Some clients",
            "          note: >-\n            Some clients",
            "has no description",
        ),
        ("        for: 15m\n", "", "fires at once"),
    ] {
        assert_found(&monitoring::problems_of_rules(&with("rules.yaml", right, wrong)), said);
    }
}

#[test]
fn the_operators_kinds_have_no_field_that_is_not_known() {
    for (file, right, wrong, said) in [
        ("pod-monitor.yaml", "scrapeTimeout", "scrapeTimout", "unknown field `scrapeTimout`"),
        ("pod-monitor.yaml", "any: true", "all: true", "unknown field `all`"),
        ("pod-monitor.yaml", "port: helius", "targetPort: helius", "unknown field `targetPort`"),
        ("prometheus-rule.yaml", "annotations:", "anotations:", "unknown field `anotations`"),
        ("prometheus-rule.yaml", "        expr:", "        exp:", "unknown field `exp`"),
        ("prometheus-rule.yaml", "kind: PrometheusRule", "kind: PrometheusRules", "nobody judges PrometheusRules"),
    ] {
        assert_good(&kubernetes::problems(&own(file)));
        assert_found(&kubernetes::problems(&with(file, right, wrong)), said);
    }
}

#[test]
fn prometheus_finds_the_agents_of_the_examples_and_is_let_in() {
    let pods = pods();
    let count = |kind: &str| pods.iter().filter(|it| it.kind() == kind).count();
    assert_eq!((count("Deployment"), count("NetworkPolicy")), (4, 4), "telemetry-limits has no agent");
    assert_good(&monitoring::problems_of_targets(&folder(), &pods));
    for (file, right, wrong, said) in [
        ("pod-monitor.yaml", "port: helius-metrics", "port: metrics", "has the port \"metrics\""),
        ("pod-monitor.yaml", "{ helius: enabled }", "{ helius: \"true\" }", "are not selected"),
        ("pod-monitor.yaml", "any: true", "matchNames: [recommender]", "agents are in any namespace"),
        ("pod-monitor.yaml", "interval: 15s", "interval: 30s", "scrape_interval: is not \"30s\""),
        ("pod-monitor.yaml", "name: helius-agent", "name: agents", "job_name: is not \"agents\""),
        ("scrape-config.yaml", "regex: enabled", "regex: on", "does not keep __meta_kubernetes_pod_label_helius"),
        (
            "scrape-config.yaml",
            "regex: helius-metrics",
            "regex: metrics",
            "does not keep __meta_kubernetes_pod_container",
        ),
        ("kustomization.yaml", "namespace: monitoring", "namespace: observability", "does not let in"),
    ] {
        let mut planted = folder();
        let wrong = with(file, right, wrong);
        let at = planted.iter().position(|it| it.file == wrong.file).unwrap();
        planted[at] = wrong;
        assert_found(&monitoring::problems_of_targets(&planted, &pods), said);
    }
}

#[test]
fn the_dashboard_has_the_shape_that_grafana_reads() {
    let text = fs::read_to_string(root().join(DASHBOARD)).unwrap();
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_good(&monitoring::problems_of_dashboard(DASHBOARD, &read(&text)));
    for (right, wrong, said) in [
        ("\"name\": \"route\"", "\"name\": \"routes\"", "has the variables"),
        ("\"id\": 3,", "\"id\": 2,", "has the id of another"),
        ("\"x\": 8, \"y\": 1,", "\"x\": 7, \"y\": 1,", "lies on another"),
        ("\"x\": 16, \"y\": 1,", "\"x\": 17, \"y\": 1,", "beside the grid"),
        ("\"refId\": \"B\"", "\"refId\": \"A\"", "two of one refId"),
        ("\"title\": \"Answers\"", "\"title\": \"\"", "has no title"),
    ] {
        assert!(text.contains(right), "{right}");
        assert_found(&monitoring::problems_of_dashboard(DASHBOARD, &read(&text.replacen(right, wrong, 1))), said);
    }
    let mut fixed = read(&text);
    fixed["panels"][1]["datasource"]["uid"] = "prometheus".into();
    assert_found(&monitoring::problems_of_dashboard(DASHBOARD, &fixed), "asks a fixed source");
}

#[test]
fn the_readme_has_each_file_and_the_counts() {
    let text = fs::read_to_string(root().join("istio/README.md")).unwrap();
    assert!(text.contains("kubectl apply -k istio/monitoring") && text.contains("kubectl delete -k istio/monitoring"));
    for file in ["rules.yaml", "scrape-config.yaml", "alertmanager.yaml", "dashboard.json"] {
        assert!(text.contains(&format!("`monitoring/{file}`")), "istio/README.md: says nothing of {file}; add a line");
    }
    let rules = own("rules.yaml");
    let groups = rules.items("/groups").map(|(_, group)| group["rules"].as_array().unwrap());
    let severities: Vec<_> = groups.flatten().filter_map(|rule| rule["labels"]["severity"].as_str()).collect();
    let count = |wanted: &str| severities.iter().filter(|it| **it == wanted).count();
    assert_eq!((count("page"), count("ticket")), (7, 10), "istio/README.md says seven and ten; write the new counts");
}

#[test]
fn kubectl_renders_each_file_into_the_namespace_of_prometheus() {
    let Some(rendered) = rendered::by_kubectl(&root(), monitoring::FOLDER).unwrap() else {
        skipped("no kubectl with kustomize 5 renders istio/monitoring");
        return;
    };
    assert_good(&rendered.iter().flat_map(kubernetes::problems).collect::<Vec<_>>());
    let mut names: Vec<_> = rendered.iter().map(|it| (it.kind(), it.name())).collect();
    names.sort_unstable();
    let expected = [
        ("ConfigMap", "helius-dashboard"),
        ("ConfigMap", "helius-monitoring"),
        ("PodMonitor", "helius-agent"),
        ("PrometheusRule", "helius"),
    ];
    assert_eq!(names, expected);
    for manifest in &rendered {
        assert_eq!(manifest.text("/metadata/namespace"), "monitoring", "{}", manifest.place(""));
        assert_eq!(
            manifest.text("/metadata/labels/app.kubernetes.io~1part-of"),
            "helius-mesh",
            "{}",
            manifest.place("")
        );
    }
    let config_map = |name: &str| rendered.iter().find(|it| it.kind() == "ConfigMap" && it.name() == name).unwrap();
    assert_eq!(config_map("helius-dashboard").text("/metadata/labels/grafana_dashboard"), "1");
    for (name, key, file) in [
        ("helius-dashboard", "helius-mesh.json", "dashboard.json"),
        ("helius-monitoring", "rules.yaml", "rules.yaml"),
        ("helius-monitoring", "scrape-config.yaml", "scrape-config.yaml"),
        ("helius-monitoring", "alertmanager.yaml", "alertmanager.yaml"),
    ] {
        let text = fs::read_to_string(root().join(monitoring::FOLDER).join(file)).unwrap();
        assert!(config_map(name).value["data"][key] == text, "{name} has not {file} under {key}");
    }
}
