//! Everything that rules and dashboard ask, asked of a Prometheus that has read a real agent: each has to be worth something.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, ensure};
use helius_e2e::{AlertRules, Labels, Prometheus, compared_in, metrics_of, selections_in};

use crate::dashboard::{Query, between, filled, queries};
use crate::pod::Pod;

/// A scrape or two, on a machine that has other things to do.
const SOON: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(100);
/// What Prometheus itself says of a target.
const PROMETHEUS_OWN: &str = "up";

/// What an alert compares, all the time, with the labels that it shows people.
fn of_rules() -> Vec<Query> {
    let rules = AlertRules::shipped().unwrap().rules().unwrap();
    let query = |rule: helius_e2e::AlertRule| Query {
        expression: compared_in(&rule.expression).unwrap().to_owned(),
        labels: between(&rule.told, "{{ $labels.", "}}"),
        place: rule.name,
    };
    rules.into_iter().map(query).collect()
}

/// Evaluates an expression until it is worth something: a number, with each of these labels. A share of nothing is no number.
async fn evaluate(
    prometheus: &Prometheus,
    query: &Query,
    expression: &str,
    deadline: Duration,
) -> anyhow::Result<usize> {
    let is_worth = |(_, value): &&(Labels, f64)| value.is_finite();
    let now = prometheus.wait_for(expression, |now| now.iter().any(|it| is_worth(&it)), deadline).await;
    let now = now.with_context(|| format!("{}: no data", query.place))?;
    for label in &query.labels {
        let has_it = now.iter().filter(is_worth).any(|(labels, _)| labels.contains_key(label));
        ensure!(has_it, "{}: shows the label {label}, which {expression} has not", query.place);
    }
    Ok(now.iter().filter(is_worth).count())
}

/// The metrics that the agent exports, as Prometheus calls their series.
async fn exported(pod: &Pod) -> BTreeSet<String> {
    let page = pod.agent.page().await.unwrap();
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split(['{', ' ']).next()).map(str::to_owned).collect()
}

#[tokio::test]
async fn whatever_rules_and_dashboard_ask_is_there() {
    let pod = Pod::start().await;
    pod.live().await;
    let exported = exported(&pod).await;
    let (mut asked, mut problems) = (0, Vec::new());
    for query in of_rules().into_iter().chain(queries()) {
        let unknown =
            metrics_of(&query.expression).into_iter().filter(|name| name != PROMETHEUS_OWN && !exported.contains(name));
        problems.extend(unknown.map(|name| format!("{}: the agent exports no {name}", query.place)));
        for expression in BTreeSet::from([filled(&query.expression, false), filled(&query.expression, true)]) {
            match evaluate(&pod.prometheus, &query, &expression, SOON).await {
                Ok(count) => println!("{}: {count} of {expression}", query.place),
                Err(error) => problems.push(format!("{error:#}")),
            }
            asked += 1;
        }
    }
    problems.extend(missing_selections(&pod.prometheus).await);
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
    println!("{asked} expressions, each worth something");
    assert_slips_are_found(&pod.prometheus).await;
    pod.mesh.assert_unharmed().await;
}

/// Each value that is selected anywhere, or left out, and that no series has.
async fn missing_selections(prometheus: &Prometheus) -> Vec<String> {
    let queries = of_rules().into_iter().chain(queries()).map(|query| filled(&query.expression, false));
    let mut missing = Vec::new();
    for selection in queries.flat_map(|expression| selections_in(&expression)).collect::<BTreeSet<_>>() {
        // What would have been is there in shadow mode alone.
        if !selection.contains("would_") && prometheus.query(&selection).await.unwrap().is_empty() {
            missing.push(format!("no series is {selection}"));
        }
    }
    missing
}

/// One slip of the pen of each kind: in a metric, a label, a value, what is kept, and what is shown.
async fn assert_slips_are_found(prometheus: &Prometheus) {
    for (wrong, shown, said) in [
        ("sum by (served_by) (rate(helius_response_total[1m]))", "served_by", "no data"),
        ("sum by (served_by) (rate(helius_responses_total{serviced=\"llm-router\"}[1m]))", "served_by", "no data"),
        ("sum by (decision) (rate(helius_admission_total{decision=\"limitted\"}[1m]))", "decision", "no data"),
        ("sum by (servedby) (rate(helius_responses_total[1m]))", "served_by", "shows the label served_by"),
        ("sum (helius_app_up) / sum (helius_override_file_rejected)", "", "no data"),
    ] {
        let labels = if shown.is_empty() { Vec::new() } else { vec![shown.to_owned()] };
        let query = Query { place: "planted".to_owned(), expression: wrong.to_owned(), labels };
        let error = evaluate(prometheus, &query, wrong, SHORT).await.expect_err(wrong);
        assert!(format!("{error:#}").contains(said), "{wrong}: {error:#}");
    }
}
