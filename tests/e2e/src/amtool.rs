//! What amtool says of a configuration of Alertmanager: the judge whom operators ask too.

use std::path::PathBuf;
use std::process::Command;

use crate::judgement::{Judgement, ask};
use crate::program::named_by;

/// The amtool that `$AMTOOL` names.
#[derive(Debug, Clone)]
pub struct Amtool {
    binary: PathBuf,
}

impl Amtool {
    /// The one to ask; an error where there is none, because a check that is skipped passes.
    pub fn find() -> anyhow::Result<Self> {
        Ok(Self { binary: named_by("AMTOOL")? })
    }

    /// Whether a text is a configuration that Alertmanager takes.
    pub fn check_config(&self, text: &str) -> anyhow::Result<Judgement> {
        self.ask(text, |file| vec!["check-config".to_owned(), file])
    }

    /// Whether an alert with these labels goes to this receiver and to no other.
    pub fn test_route(&self, text: &str, receiver: &str, labels: &[(&str, &str)]) -> anyhow::Result<Judgement> {
        self.ask(text, |file| {
            let command = ["config", "routes", "test"].map(str::to_owned);
            let flags = [format!("--config.file={file}"), format!("--verify.receivers={receiver}")];
            let labels = labels.iter().map(|(name, value)| format!("{name}={value}"));
            command.into_iter().chain(flags).chain(labels).collect()
        })
    }

    fn ask(&self, text: &str, arguments: impl FnOnce(String) -> Vec<String>) -> anyhow::Result<Judgement> {
        let directory = tempfile::tempdir()?;
        let file = directory.path().join("alertmanager.yaml");
        std::fs::write(&file, text)?;
        ask(Command::new(&self.binary).args(arguments(file.display().to_string())), "")
    }
}
