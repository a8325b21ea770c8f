//! Settings of a verb that runs for long: from flags, from the environment, and from a file, in this order of precedence.
//!
//! clap reads flags and variables, and knows the defaults; all of them are texts to it. Here each text is read into its
//! type together with where it came from, so that one reader serves all sources and a wrong value names its own.

mod file;
mod source;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};
use helius_policy::config::parse_duration;

pub use file::SettingsFile;
pub use source::Source;

/// A value that a setting cannot have: the rule that it breaks, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// What it breaks, such as `is not a duration`.
    pub rule: String,
    /// What to write instead.
    pub remedy: String,
}

impl Wrong {
    /// One with these words.
    pub fn new(rule: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { rule: rule.into(), remedy: remedy.into() }
    }
}

/// Everything that is wrong with the settings, a line each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettingsError(Vec<String>);

impl fmt::Display for SettingsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for SettingsError {}

/// What was given for the settings of one verb, and what turned out to be wrong with it.
#[derive(Debug)]
pub struct Given<'a> {
    command: &'a Command,
    matches: &'a ArgMatches,
    file: SettingsFile,
    wrong: Vec<String>,
}

impl<'a> Given<'a> {
    /// Takes what clap has read of the verb `command`, whose flags are all named as their arguments and take one text,
    /// and reads the file that its flag `config` names.
    pub fn new(command: &'a Command, matches: &'a ArgMatches) -> Self {
        let mut wrong = Vec::new();
        let flags = command.get_arguments().filter_map(Arg::get_long);
        let known: Vec<&str> = flags.filter(|flag| !matches!(*flag, "config" | "help" | "version")).collect();
        let path = matches.try_get_one::<String>("config").ok().flatten().filter(|path| !path.is_empty());
        let file = path.map(|path| SettingsFile::open(Path::new(path), &known, &mut wrong)).unwrap_or_default();
        Self { command, matches, file, wrong }
    }

    /// Reads a setting that has a default. `None` only where it is wrong, which [`Given::close`] tells.
    pub fn required<T>(&mut self, flag: &str, read: impl FnOnce(&str) -> Result<T, Wrong>) -> Option<T> {
        let (text, source) = self.find(flag)?;
        self.read(flag, &text, &source, read)
    }

    /// Reads a setting that may be absent. The outer `None` is one that is wrong.
    pub fn optional<T>(&mut self, flag: &str, read: impl FnOnce(&str) -> Result<T, Wrong>) -> Option<Option<T>> {
        match self.find(flag) {
            Some((text, source)) => self.read(flag, &text, &source, read).map(Some),
            None => Some(None),
        }
    }

    /// Ends the reading.
    ///
    /// # Errors
    ///
    /// Everything that was wrong.
    pub fn close(self) -> Result<(), SettingsError> {
        if self.wrong.is_empty() { Ok(()) } else { Err(SettingsError(self.wrong)) }
    }

    /// The text that counts, and where it came from.
    fn find(&self, flag: &str) -> Option<(String, Source)> {
        let argument = self.command.get_arguments().find(|it| it.get_long() == Some(flag))?;
        let id = argument.get_id().as_str();
        let text = self.matches.try_get_one::<String>(id).ok().flatten().cloned();
        match (self.matches.value_source(id), text) {
            (Some(ValueSource::CommandLine), Some(text)) => Some((text, Source::Flag)),
            // A template that has nothing to say leaves a variable empty: that is not to say that there is nothing.
            (Some(ValueSource::EnvVariable), Some(text)) if !text.is_empty() => Some((text, Source::Variable)),
            _ => self.file.get(flag).or_else(|| Some((default_of(argument)?, Source::Default))),
        }
    }

    fn read<T>(
        &mut self,
        flag: &str,
        text: &str,
        source: &Source,
        read: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        match read(text) {
            Ok(value) => Some(value),
            Err(Wrong { rule, remedy }) => {
                self.wrong.push(format!("{}: {} {rule}; {remedy}", source.name(flag), shown(text)));
                None
            }
        }
    }
}

fn default_of(argument: &Arg) -> Option<String> {
    argument.get_default_values().first()?.to_str().map(str::to_owned)
}

/// Longest value that is shown whole, in characters.
const SHOWN: usize = 60;

/// A value as a message shows it: quoted, because it goes to a terminal, and shortened.
fn shown(text: &str) -> String {
    let short: String = text.chars().take(SHOWN).collect();
    if short.len() < text.len() { format!("{short:?}…") } else { format!("{short:?}") }
}

/// Reads a span of time within `least..=most`.
///
/// # Errors
///
/// Where it is none, or another.
pub fn duration(text: &str, least: Duration, most: Duration) -> Result<Duration, Wrong> {
    match parse_duration(text) {
        None => Err(Wrong::new("is not a duration", "write a number and a unit, such as \"250ms\", \"2s\" or \"1m\"")),
        Some(span) if span < least => Err(Wrong::new(format!("is shorter than {least:?}"), "write a longer duration")),
        Some(span) if span > most => Err(Wrong::new(format!("is longer than {most:?}"), "write a shorter duration")),
        Some(span) => Ok(span),
    }
}

/// Reads one of a closed list of words.
///
/// # Errors
///
/// Where it is another one.
pub fn word<T: Copy>(text: &str, what: &str, words: &[(&str, T)]) -> Result<T, Wrong> {
    let found = words.iter().find(|(word, _)| *word == text);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        Wrong::new(format!("is not {what}"), format!("write one of {}", known.join(", ")))
    })
}
