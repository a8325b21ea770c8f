//! Who is told of which alert, as a file has it, but for where and how soon.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use crate::bootstrap::repository;

const SHIPPED: &str = "istio/monitoring/alertmanager.yaml";
const INTERVALS: [&str; 3] = ["group_wait", "group_interval", "repeat_interval"];

/// A configuration of Alertmanager.
#[derive(Debug, Clone)]
#[must_use]
pub struct AlertRouting(Value);

impl AlertRouting {
    /// The shipped one, `istio/monitoring/alertmanager.yaml`.
    pub fn shipped() -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(repository().join(SHIPPED));
        Self::of(&text.with_context(|| format!("cannot read {SHIPPED}"))?)
    }

    /// One that is in no file.
    pub fn of(text: &str) -> anyhow::Result<Self> {
        Ok(Self(serde_saphyr::from_str(text).context("a configuration of Alertmanager is no YAML")?))
    }

    /// The same with this receiver's webhook at a path of this address, which is the receiver's name.
    pub fn receiver(mut self, name: &str, addr: SocketAddr) -> anyhow::Result<Self> {
        let receivers = self.0["receivers"].as_array_mut().context("there are no receivers")?;
        let found = receivers.iter_mut().find(|it| it["name"] == name);
        let receiver = found.with_context(|| format!("there is no receiver {name:?}"))?;
        let url = receiver.pointer_mut("/webhook_configs/0/url");
        *url.with_context(|| format!("{name:?} has no webhook"))? = format!("http://{addr}/{name}").into();
        Ok(self)
    }

    /// The same with each `group_wait`, `group_interval` and `repeat_interval` replaced. At least one of each has to be
    /// there: what the caller wants shorter would stay as it is.
    pub fn intervals(mut self, each: [Duration; 3]) -> anyhow::Result<Self> {
        for (name, length) in INTERVALS.into_iter().zip(each) {
            let count = replace(&mut self.0["route"], name, &json!(format!("{}ms", length.as_millis())));
            ensure!(count > 0, "there is no {name} to be replaced by {length:?}");
        }
        Ok(self)
    }

    /// The file as Alertmanager reads it.
    pub fn text(&self) -> String {
        // JSON is YAML.
        self.0.to_string()
    }
}

/// Replaces a value in a route and those below it, and says how often.
fn replace(route: &mut Value, name: &str, value: &Value) -> usize {
    let mut count = 0;
    if let Some(found) = route.get_mut(name) {
        *found = value.clone();
        count += 1;
    }
    let below = route.get_mut("routes").and_then(Value::as_array_mut).into_iter().flatten();
    count + below.map(|route| replace(route, name, value)).sum::<usize>()
}
