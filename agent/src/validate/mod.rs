//! The check of a configuration before it reaches Envoy, by the rules of the filter itself.
//!
//! `find` finds the configurations in a file, `problem` says what is wrong with one and where in the file.

mod find;
mod problem;

use std::fmt;
use std::io::{self, Read};
use std::path::Path;

use helius_policy::config::{Config, Node, Region};
use serde_json::Value;

use crate::explain::explain;

use find::Found;

pub use problem::Problem;

/// What there is to say of a file.
#[derive(Debug, Default)]
pub struct Report {
    /// The configurations that are good.
    pub good: Vec<Good>,
    /// All that is wrong with the others.
    pub problems: Vec<Problem>,
}

/// A good configuration, in a sentence.
#[derive(Debug)]
pub struct Good {
    config: Config,
    document: Value,
}

impl Good {
    /// What it means, route by route.
    pub fn explanation(&self) -> String {
        explain(&self.document)
    }
}

impl fmt::Display for Good {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the configuration of {} is good", self.config.service())?;
        for (index, route) in self.config.routes().iter().enumerate() {
            let regions: Vec<_> = route.upstream().regions().map(Region::name).collect();
            let separator = if index == 0 { ": " } else { "; " };
            write!(formatter, "{separator}route {} to {}", route.name(), regions.join(", "))?;
        }
        Ok(())
    }
}

/// Whether this is the name of the standard input.
pub fn is_stdin(file: &Path) -> bool {
    file.as_os_str() == "-"
}

/// Checks a file.
///
/// # Errors
///
/// Where it cannot be read.
pub fn check(file: &Path) -> io::Result<Report> {
    let mut text = Vec::new();
    if is_stdin(file) {
        io::stdin().lock().read_to_end(&mut text)?;
    } else {
        text = std::fs::read(file)?;
    }
    Ok(check_text(&text))
}

/// Checks a text.
pub fn check_text(text: &[u8]) -> Report {
    let mut report = Report::default();
    let documents = match Node::read_all(text) {
        Ok(documents) => documents,
        Err(error) => {
            report.problems.push(Problem::of_file(&error));
            return report;
        }
    };
    let found: Vec<Found<'_>> = documents.iter().flat_map(find::configurations).collect();
    if found.is_empty() {
        report.problems.push(Problem::nothing());
    }
    for it in found {
        match it.read() {
            Ok((config, document)) => report.good.push(Good { config, document }),
            Err(problems) => report.problems.extend(problems),
        }
    }
    report
}
