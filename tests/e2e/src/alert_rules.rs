//! Rules by which Prometheus alerts, as a file has them, but for the window that a test has the time for.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::bootstrap::repository;

/// The window of the platform's rates. A test that waited for it would take minutes.
const WINDOW: &str = "[5m]";
const PLATFORM: &str = "tests/e2e/alerts/platform.yaml";

/// A file of alerting rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRules {
    name: String,
    text: String,
}

impl AlertRules {
    /// The platform's own alerts, `tests/e2e/alerts/platform.yaml`.
    pub fn platform() -> anyhow::Result<Self> {
        Self::load(PLATFORM)
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
    fn a_window_that_would_change_nothing_or_hold_nothing_is_refused() {
        let replaced = |text: &str, window| AlertRules::of("r", text).with_window(window).unwrap_err().to_string();
        assert_eq!(replaced("a == 1", Duration::from_secs(2)), "r: there is no [5m] to be replaced by 2s");
        assert_eq!(replaced("rate(a[5m])", Duration::ZERO), "r: a window of 0ns holds no scrape");
    }
}
