//! What promtool says of metrics and rules: the judge whom operators ask too.

use std::fs::File;
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

use crate::alert_rules::AlertRules;
use crate::bootstrap::repository;
use crate::program::named_by;

/// The promtool that `$PROMTOOL` names.
#[derive(Debug, Clone)]
pub struct Promtool {
    binary: PathBuf,
}

/// What it said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Whether it found nothing wrong.
    pub is_clean: bool,
    /// All that it printed, on both outputs.
    pub output: String,
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
        let directory = tempfile::tempdir()?;
        let file = directory.path().join("rules.yaml");
        std::fs::write(&file, rules.text())?;
        self.ask(&["check", "rules", "--lint-fatal"], Some(&file), "")
    }

    /// Plays a file of promtool's own unit tests for rules, by its path from the root of the repository. Their time is
    /// simulated, so windows are as long as they are written.
    pub fn test_rules(&self, path: impl AsRef<Path>) -> anyhow::Result<Judgement> {
        self.ask(&["test", "rules"], Some(&repository().join(path)), "")
    }

    fn ask(&self, arguments: &[&str], file: Option<&Path>, input: &str) -> anyhow::Result<Judgement> {
        let mut command = Command::new(&self.binary);
        command.args(arguments).args(file).stdin(as_file(input)?).stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = command.output().with_context(|| format!("cannot run {} ($PROMTOOL)", self.binary.display()))?;
        // 1 and 3 are findings; anything else is a promtool that was asked wrongly, or killed.
        let is_answer = matches!(output.status.code(), Some(0 | 1 | 3));
        let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        ensure!(is_answer, "promtool ended with {}: {}", output.status, printed.concat());
        Ok(Judgement { is_clean: output.status.success(), output: printed.concat() })
    }
}

/// A file and not a pipe: whoever fills a pipe while its reader fills another may wait for ever.
fn as_file(text: &str) -> anyhow::Result<File> {
    let mut file = tempfile::tempfile()?;
    file.write_all(text.as_bytes())?;
    file.rewind()?;
    Ok(file)
}
