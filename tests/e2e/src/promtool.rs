//! What promtool says of metrics and rules: the judge whom operators ask too.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::alert_rules::AlertRules;
use crate::bootstrap::repository;
use crate::judgement::{Judgement, ask};
use crate::program::named_by;

/// The promtool that `$PROMTOOL` names.
#[derive(Debug, Clone)]
pub struct Promtool {
    binary: PathBuf,
}

impl Promtool {
    /// The one to ask; an error where there is none, because a check that is skipped passes.
    pub fn find() -> anyhow::Result<Self> {
        Ok(Self { binary: named_by("PROMTOOL")? })
    }

    /// Whether a text is metrics that Prometheus can read, with names and help as its guidelines want them.
    pub fn check_metrics(&self, exposition: &str) -> anyhow::Result<Judgement> {
        self.ask(&["check", "metrics"], None, exposition)
    }

    /// Whether rules are such that Prometheus can evaluate, none of them twice.
    pub fn check_rules(&self, rules: &AlertRules) -> anyhow::Result<Judgement> {
        self.check_file(&["check", "rules", "--lint-fatal"], rules.text())
    }

    /// Whether a text is a configuration of Prometheus.
    pub fn check_config(&self, text: &str) -> anyhow::Result<Judgement> {
        self.check_file(&["check", "config"], text)
    }

    /// Plays a file of promtool's own unit tests for rules, by its path from the root of the repository. Their time is
    /// simulated, so windows are as long as they are written.
    pub fn test_rules(&self, path: impl AsRef<Path>) -> anyhow::Result<Judgement> {
        self.ask(&["test", "rules"], Some(&repository().join(path)), "")
    }

    fn check_file(&self, arguments: &[&str], text: &str) -> anyhow::Result<Judgement> {
        let directory = tempfile::tempdir()?;
        let file = directory.path().join("checked.yaml");
        std::fs::write(&file, text)?;
        self.ask(arguments, Some(&file), "")
    }

    fn ask(&self, arguments: &[&str], file: Option<&Path>, input: &str) -> anyhow::Result<Judgement> {
        ask(Command::new(&self.binary).args(arguments).args(file), input)
    }
}
