//! What is wrong, and where in the file.

use std::fmt;

use helius_policy::config::{ConfigError, Node};

/// Something that is wrong: the place, and a sentence with value, rule and remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line of the file, counted from 1, where it is known.
    pub line: Option<usize>,
    /// The rest.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // As compilers write it, so that editors find the place.
        match self.line {
            Some(line) => write!(formatter, ":{line}: {}", self.what),
            None => write!(formatter, ": {}", self.what),
        }
    }
}

impl Problem {
    /// All that is wrong with a configuration. `place` turns a line of it into one of the file.
    pub(super) fn all(error: &ConfigError, path: &str, place: impl Fn(Option<usize>) -> Option<usize>) -> Vec<Self> {
        match error {
            ConfigError::Invalid(problems) => {
                let told = problems.iter().map(|problem| {
                    let mut sentence = problem.clone();
                    sentence.line = None;
                    Self { line: place(problem.line), what: format!("{path}{sentence}") }
                });
                told.collect()
            }
            ConfigError::Syntax { format, line, what, .. } => {
                vec![Self { line: place(Some(*line)), what: format!("the configuration is not {format}: {what}") }]
            }
            ConfigError::Empty | ConfigError::NotText { .. } => {
                vec![Self { line: place(None), what: error.to_string() }]
            }
        }
    }

    /// The file itself cannot be understood.
    pub(super) fn of_file(error: &ConfigError) -> Self {
        match error {
            ConfigError::Syntax { format, line, what, .. } => {
                Self { line: Some(*line), what: format!("the file is not {format}: {what}") }
            }
            ConfigError::NotText { offset } => {
                Self { line: None, what: format!("the file is not UTF-8 text (byte {offset})") }
            }
            _ => Self { line: None, what: error.to_string() },
        }
    }

    /// There is none.
    pub(super) fn nothing() -> Self {
        let what = "no configuration of the filter is in it; give the document itself (service and routes), or an \
                    EnvoyFilter, a WasmPlugin, an EnvoyExtensionPolicy or a bootstrap that has one";
        Self { line: None, what: what.to_owned() }
    }

    /// Envoy would hand it to the filter in another form.
    pub(super) fn wrapped_wrongly(node: &Node, wrapping: Option<&str>) -> Self {
        let is = wrapping.map_or_else(|| "has no @type".to_owned(), |it| format!("is a {it}"));
        let what = format!(
            "configuration {is}, and the filter reads text; write it as \
             {{\"@type\": type.googleapis.com/google.protobuf.StringValue, value: | …}}"
        );
        Self { line: node.line, what }
    }
}
