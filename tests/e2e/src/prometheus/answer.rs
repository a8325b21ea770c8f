//! What Prometheus answers, read strictly: what was not understood is no empty list.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use serde_json::Value;

/// The labels of a sample, its name among them as `__name__` where the expression keeps it.
pub type Labels = BTreeMap<String, String>;

/// An alert that is about to fire or fires. One that does neither is not listed.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// The name of its rule.
    pub name: String,
    /// How far it is.
    pub state: AlertState,
    /// All of its labels.
    pub labels: Labels,
    /// What the expression was worth when it was evaluated last.
    pub value: f64,
}

/// How far an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertState {
    /// Its expression holds, but not for as long as the rule asks.
    Pending,
    /// It fires.
    Firing,
}

/// What an answer carries, or the error that it tells.
pub(super) fn data(text: &str) -> anyhow::Result<Value> {
    let mut answer: Value = serde_json::from_str(text).with_context(|| format!("Prometheus answered {text:?}"))?;
    if answer["status"] != "success" {
        bail!("Prometheus says: {}", answer["error"].as_str().unwrap_or(text));
    }
    Ok(answer["data"].take())
}

/// The samples of an instant query.
pub(super) fn samples(data: &Value) -> anyhow::Result<Vec<(Labels, f64)>> {
    match data["resultType"].as_str() {
        Some("scalar") => Ok(vec![(Labels::new(), number(&data["result"][1])?)]),
        Some("vector") => list(&data["result"])?.iter().map(sample).collect(),
        other => bail!("the expression gives a {}, which is no list of samples", other.unwrap_or("nothing")),
    }
}

/// The alerts of an answer about alerts.
pub(super) fn alerts(data: &Value) -> anyhow::Result<Vec<Alert>> {
    list(&data["alerts"])?.iter().map(alert).collect()
}

/// Each target that was asked: where it is, and why that failed where it did. One that nobody has asked yet is not in it.
pub(super) fn asked_targets(data: &Value) -> anyhow::Result<Vec<(String, Option<String>)>> {
    let asked = list(&data["activeTargets"])?.iter().filter(|target| target["health"] != "unknown");
    let told = asked.map(|target| {
        let url = target["scrapeUrl"].as_str().context("a target has no address")?;
        let error = target["lastError"].as_str().filter(|error| !error.is_empty());
        Ok((url.to_owned(), error.map(str::to_owned)))
    });
    told.collect()
}

fn sample(series: &Value) -> anyhow::Result<(Labels, f64)> {
    Ok((labels(&series["metric"])?, number(&series["value"][1])?))
}

fn alert(alert: &Value) -> anyhow::Result<Alert> {
    let labels = labels(&alert["labels"])?;
    let state = match alert["state"].as_str() {
        Some("pending") => AlertState::Pending,
        Some("firing") => AlertState::Firing,
        _ => bail!("an alert is neither pending nor firing: {alert}"),
    };
    let name = labels.get("alertname").with_context(|| format!("an alert has no name: {alert}"))?.clone();
    Ok(Alert { name, state, labels, value: number(&alert["value"])? })
}

fn list(value: &Value) -> anyhow::Result<&Vec<Value>> {
    value.as_array().with_context(|| format!("Prometheus gave no list, but {value}"))
}

fn labels(value: &Value) -> anyhow::Result<Labels> {
    let object = value.as_object().with_context(|| format!("Prometheus gave no labels, but {value}"))?;
    Ok(object.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect())
}

/// A number as Prometheus writes it: as text, because JSON has no infinity.
fn number(value: &Value) -> anyhow::Result<f64> {
    let text = value.as_str().with_context(|| format!("Prometheus gave no number, but {value}"))?;
    text.parse().with_context(|| format!("Prometheus gave no number, but {text:?}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Labels, data, samples};

    #[test]
    fn every_number_is_read_as_prometheus_writes_it() {
        let worth = |text: &str| samples(&json!({ "resultType": "scalar", "result": [1.5, text] })).unwrap()[0].1;
        let read = ["NaN", "+Inf", "-Inf", "0.05", "1e+02"].map(|text| worth(text).to_string());
        assert_eq!(read, ["NaN", "inf", "-inf", "0.05", "100"]);
    }

    #[test]
    fn a_vector_keeps_its_labels() {
        let result = json!([{ "metric": { "__name__": "up", "job": "envoy" }, "value": [1.5, "1"] }]);
        let labels = Labels::from([("__name__", "up"), ("job", "envoy")].map(|(a, b)| (a.to_owned(), b.to_owned())));
        assert_eq!(samples(&json!({ "resultType": "vector", "result": result })).unwrap(), [(labels, 1.0)]);
    }

    #[test]
    fn what_is_no_list_of_samples_is_an_error_and_not_an_empty_one() {
        for answer in [
            json!({ "resultType": "string", "result": [1.5, "up"] }),
            json!({ "resultType": "matrix", "result": [] }),
            json!({ "resultType": "vector" }),
            json!({ "resultType": "vector", "result": [{ "metric": {}, "value": [1.5, "many"] }] }),
            json!(null),
        ] {
            samples(&answer).unwrap_err();
        }
        let error = data(r#"{"status":"error","error":"parse error"}"#).unwrap_err();
        assert_eq!(error.to_string(), "Prometheus says: parse error");
        data("<html>").unwrap_err();
    }
}
