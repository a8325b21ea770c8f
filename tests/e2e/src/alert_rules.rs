//! Rules by which Prometheus alerts, as a file has them, but for what a test has not the time for.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::bootstrap::repository;

/// The window of all rates. A test that waited for it would take minutes.
const WINDOW: &str = "[5m]";
/// What stands before how long a rule waits.
const FOR: &str = " for: ";
const SHIPPED: &str = "istio/monitoring/rules.yaml";

/// A file of alerting rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRules {
    name: String,
    text: String,
}

/// One rule of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRule {
    /// The group that it stands in.
    pub group: String,
    /// Its name.
    pub name: String,
    /// What has to hold.
    pub expression: String,
    /// The label `severity`.
    pub severity: String,
    /// What it says to people: summary and description, as they are written.
    pub told: String,
}

impl AlertRules {
    /// Those that operators get, the platform's own among them: `istio/monitoring/rules.yaml`.
    pub fn shipped() -> anyhow::Result<Self> {
        Self::load(SHIPPED)
    }

    /// A file of the repository, by its path from the root.
    pub fn load(path: impl AsRef<Path>) -> anyhow::Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(repository().join(path));
        Ok(Self::of(&path.display().to_string(), text.with_context(|| format!("cannot read {}", path.display()))?))
    }

    /// Rules that are in no file; messages call them by this name.
    pub fn of(name: &str, text: impl Into<String>) -> Self {
        Self { name: name.to_owned(), text: text.into() }
    }

    /// The same rules with each `[5m]` replaced by this window, of whole milliseconds, which the test's output says.
    ///
    /// It has to hold at least two scrapes, or no rate is ever known; four leave room for one that comes late. Rules
    /// without such a window are refused: what the caller wants shorter would stay as it is.
    pub fn with_window(mut self, window: Duration) -> anyhow::Result<Self> {
        ensure!(window.as_millis() > 0, "{}: a window of {window:?} holds no scrape", self.name);
        ensure!(self.text.contains(WINDOW), "{}: there is no {WINDOW} to be replaced by {window:?}", self.name);
        self.text = self.text.replace(WINDOW, &format!("[{}ms]", window.as_millis()));
        println!("{}: {WINDOW} is {window:?} in this test", self.name);
        Ok(self)
    }

    /// The same rules with each wait (`for`) replaced by this one, of whole milliseconds. Rules that do not wait go on
    /// doing so.
    pub fn with_waits(mut self, wait: Duration) -> anyhow::Result<Self> {
        ensure!(self.text.contains(FOR), "{}: no rule waits, so none can wait {wait:?}", self.name);
        let shorter = |line: &str| match line.split_once(FOR) {
            Some((before, _)) if before.trim().is_empty() => format!("{before}{FOR}{}ms", wait.as_millis()),
            _ => line.to_owned(),
        };
        self.text = self.text.lines().map(shorter).collect::<Vec<_>>().join("\n");
        println!("{}: each rule waits {wait:?} in this test", self.name);
        Ok(self)
    }

    /// Each rule, in the order of the file.
    pub fn rules(&self) -> anyhow::Result<Vec<AlertRule>> {
        let file: Value = serde_saphyr::from_str(&self.text).with_context(|| format!("{} is no YAML", self.name))?;
        let groups = file["groups"].as_array().with_context(|| format!("{} has no groups", self.name))?;
        let rules = groups.iter().flat_map(|group| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let rules = group["rules"].as_array().into_iter().flatten();
            rules.map(move |rule| AlertRule {
                group: text(&group["name"]),
                name: text(&rule["alert"]),
                expression: text(&rule["expr"]),
                severity: text(&rule["labels"]["severity"]),
                told: ["summary", "description"].map(|key| text(&rule["annotations"][key])).join(" "),
            })
        });
        Ok(rules.collect())
    }

    /// The name of the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file as Prometheus reads it.
    pub fn text(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::AlertRules;

    #[test]
    fn every_window_is_replaced_and_nothing_else() {
        let rules = AlertRules::of("r", "rate(a[5m]) / rate(b[5m]) > 5").with_window(Duration::from_secs(2)).unwrap();
        assert_eq!(rules.text(), "rate(a[2000ms]) / rate(b[2000ms]) > 5");
    }

    #[test]
    fn every_wait_is_replaced_and_nothing_else() {
        let text = "expr: a\n    for: 5m\n    note: wait for: 5m";
        let rules = AlertRules::of("r", text).with_waits(Duration::from_secs(1)).unwrap();
        assert_eq!(rules.text(), "expr: a\n    for: 1000ms\n    note: wait for: 5m");
        AlertRules::of("r", "expr: a").with_waits(Duration::from_secs(1)).unwrap_err();
    }

    #[test]
    fn a_window_that_would_change_nothing_or_hold_nothing_is_refused() {
        let replaced = |text: &str, window| AlertRules::of("r", text).with_window(window).unwrap_err().to_string();
        assert_eq!(replaced("a == 1", Duration::from_secs(2)), "r: there is no [5m] to be replaced by 2s");
        assert_eq!(replaced("rate(a[5m])", Duration::ZERO), "r: a window of 0ns holds no scrape");
    }
}
