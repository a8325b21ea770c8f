//! The rules in promtool's simulated time, over their own windows and waits.

use std::fs;
use std::path::Path;

use helius_e2e::{AlertRules, Promtool, repository};
use serde_json::{Value, json};

const PLAYS: [&str; 3] = ["platform", "clients", "operation"];
/// What somebody else's dashboards and alerts say already, so that nobody bends it until a metric fits.
const PLATFORM: [(&str, &str); 4] = [
    (
        "HighInvalidModelOutputs",
        "sum(rate(model_invalid_outputs_total[5m])) / sum(rate(model_requests_total[5m])) > 0.05",
    ),
    ("HighRequestLatency", "histogram_quantile(0.95, sum(rate(request_latency_seconds_bucket[5m])) by (le)) > 2"),
    ("StaticModeActive", "reco_engine_mode_static_active == 1"),
    ("TelemetryCircuitBreakerOpen", "telemetry_circuit_breaker_state == 2"),
];

fn play(name: &str) -> String {
    format!("tests/e2e/alerts/{name}_test.yaml")
}

fn yaml(path: impl AsRef<Path>) -> Value {
    serde_saphyr::from_str(&fs::read_to_string(repository().join(path)).unwrap()).unwrap()
}

/// Whether a play finds nothing wrong with other rules than those that are shipped. It gets those of its own group alone,
/// because they are played often.
fn is_clean_with(play_name: &str, rules: &Value) -> bool {
    let group = PLAYS.iter().position(|name| *name == play_name).unwrap();
    let rules = json!({ "groups": [rules["groups"][group]] });
    let directory = tempfile::tempdir().unwrap();
    let [file, test] = ["rules.yaml", "test.yaml"].map(|name| directory.path().join(name));
    // JSON is YAML.
    fs::write(&file, rules.to_string()).unwrap();
    let mut played = yaml(play(play_name));
    played["rule_files"] = json!([file]);
    fs::write(&test, played.to_string()).unwrap();
    Promtool::find().unwrap().test_rules(&test).unwrap().is_clean
}

#[test]
fn the_platforms_alerts_are_the_platforms_to_the_letter() {
    let rules = AlertRules::shipped().unwrap().rules().unwrap();
    let platform = rules.iter().filter(|rule| rule.group == "platform");
    let written: Vec<_> = platform.map(|rule| (rule.name.as_str(), rule.expression.as_str())).collect();
    assert_eq!(written, PLATFORM);
    let text = fs::read_to_string(repository().join("istio/monitoring/rules.yaml")).unwrap();
    for (name, expression) in PLATFORM {
        assert!(
            text.contains(&format!("- alert: {name}\n        expr: {expression}\n")),
            "{name} is folded, or changed"
        );
    }
}

#[test]
fn promtool_finds_the_rules_clean_and_each_fires_where_it_should() {
    let promtool = Promtool::find().unwrap();
    let judged = promtool.check_rules(&AlertRules::shipped().unwrap()).unwrap();
    assert!(judged.is_clean && judged.output.contains("17 rules found"), "{}", judged.output);
    for name in PLAYS {
        let played = promtool.test_rules(play(name)).unwrap();
        assert!(played.is_clean, "{}", played.output);
    }
}

#[test]
fn every_alert_is_seen_to_fire_and_not_to() {
    let plays = PLAYS.map(|name| yaml(play(name)));
    let tests = plays.iter().flat_map(|play| play["tests"].as_array().unwrap());
    let checks: Vec<_> = tests.flat_map(|test| test["promql_expr_test"].as_array().unwrap()).collect();
    for rule in AlertRules::shipped().unwrap().rules().unwrap() {
        let query = format!("ALERTS{{alertname=\"{}\", alertstate=\"firing\"}}", rule.name);
        let of_it: Vec<_> = checks.iter().filter(|check| check["expr"] == query).collect();
        let expected = |check: &Value| check["exp_samples"].as_array().unwrap().len();
        assert!(of_it.iter().any(|check| expected(check) == 0), "{} is nowhere seen not to fire", rule.name);
        assert!(of_it.iter().any(|check| expected(check) > 0), "{} is nowhere seen to fire", rule.name);
    }
}

#[test]
fn a_rule_that_never_fires_or_does_not_wait_is_found() {
    let shipped = yaml("istio/monitoring/rules.yaml");
    let mut planted = 0;
    for (group, play) in PLAYS.into_iter().enumerate() {
        assert!(is_clean_with(play, &shipped), "{play}: JSON says the same");
        for index in 0..shipped["groups"][group]["rules"].as_array().unwrap().len() {
            for (key, wrong) in [("expr", "vector(0) > 1"), ("for", "0s")] {
                let mut rules = shipped.clone();
                let rule = &mut rules["groups"][group]["rules"][index];
                // The platform's own do not wait.
                if rule[key].is_null() {
                    continue;
                }
                rule[key] = wrong.into();
                planted += 1;
                let name = rule["alert"].to_string();
                assert!(!is_clean_with(play, &rules), "{name}: another {key} is not found");
            }
        }
    }
    assert_eq!(planted, 17 + 13);
}

#[test]
fn a_limit_that_is_a_little_higher_or_lower_is_found() {
    let text = fs::read_to_string(repository().join("istio/monitoring/rules.yaml")).unwrap();
    for (play, right, wrong) in [
        ("platform", "> 0.05", "> 0.07"),
        ("platform", "> 0.05", "> 0.04"),
        ("clients", "> 0.02", "> 0.022"),
        ("clients", "> 0.02", "> 0.019"),
        ("clients", "> 0.2\n", "> 0.21\n"),
        ("clients", "> 0.2\n", "> 0.19\n"),
        ("clients", "> 0.25", "> 0.26"),
        ("clients", "> 0.25", "> 0.24"),
        ("clients", "> 0.5", "> 0.51"),
        ("clients", "> 0.5", "> 0.49"),
        ("platform", "{ severity: page }", "{ severity: ticket }"),
        // What is left out of a share counts too.
        ("clients", "{served_by!~\"would_.*\"}", ""),
        ("clients", "{result!~\"skipped_.*|hit|miss\"}", ""),
        ("clients", "served_by=~\"primary|refusal\"", "served_by=~\"primary\""),
        (
            "clients",
            "connect|reset|timeout|5xx|overflow|no_healthy_upstream|invalid_output\"}[5m]))\n          / sum by (namespace, service, route) (rate(model",
            "connect|reset|5xx\"}[5m]))\n          / sum by (namespace, service, route) (rate(model",
        ),
    ] {
        assert!(text.contains(right), "{right}");
        let rules = serde_saphyr::from_str(&text.replacen(right, wrong, 1)).unwrap();
        assert!(!is_clean_with(play, &rules), "{play}: {wrong} instead of {right} is not found");
    }
}

#[test]
fn prometheus_takes_the_way_to_the_agents() {
    let mut plain = yaml("istio/monitoring/scrape-config.yaml");
    // Debian's Prometheus is built without Kubernetes, so how pods are found is the one thing that it cannot judge.
    let job = plain["scrape_configs"][0].as_object_mut().unwrap();
    assert_eq!(job.remove("kubernetes_sd_configs").unwrap(), json!([{ "role": "pod" }]));
    job.insert("static_configs".to_owned(), json!([{ "targets": ["127.0.0.1:9911"] }]));
    let promtool = Promtool::find().unwrap();
    let judged = promtool.check_config(&plain.to_string()).unwrap();
    assert!(judged.is_clean, "{}", judged.output);
    plain["scrape_configs"][0]["scrape_timeout"] = "20s".into();
    assert!(!promtool.check_config(&plain.to_string()).unwrap().is_clean, "longer than the interval");
}
