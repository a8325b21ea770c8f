//! What a program says that judges files.

use std::fs::File;
use std::io::{Seek, Write};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

/// What it said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Whether it found nothing wrong.
    pub is_clean: bool,
    /// All that it printed, on both outputs.
    pub output: String,
}

/// Runs a judge with this on its standard input.
pub(crate) fn ask(command: &mut Command, input: &str) -> anyhow::Result<Judgement> {
    command.stdin(as_file(input)?).stdout(Stdio::piped()).stderr(Stdio::piped());
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("cannot run {program}"))?;
    // 1 and 3 are findings; anything else is a judge that was asked wrongly, or killed.
    let is_answer = matches!(output.status.code(), Some(0 | 1 | 3));
    let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    ensure!(is_answer, "{program} ended with {}: {}", output.status, printed.concat());
    Ok(Judgement { is_clean: output.status.success(), output: printed.concat() })
}

/// A file and not a pipe: whoever fills a pipe while its reader fills another may wait for ever.
fn as_file(text: &str) -> anyhow::Result<File> {
    let mut file = tempfile::tempfile()?;
    file.write_all(text.as_bytes())?;
    file.rewind()?;
    Ok(file)
}
