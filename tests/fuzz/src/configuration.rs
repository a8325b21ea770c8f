//! Target `configuration`: an operator's document, JSON or YAML.
//!
//! What is refused is refused with words for a person: at least one problem, each in one line with its place, the rule
//! and the remedy. What is accepted keeps the promises of its types, reads the same again, and can be asked for the
//! route of any request.

use helius_policy::config::{Config, ConfigError, Problem, Region};
use helius_policy::http::Headers;

/// Longest name, as the reference says.
const MAX_NAME: usize = 64;

/// Paths that are looked up at most.
const MOST_PATHS: usize = 16;

/// Reads one document.
///
/// # Panics
///
/// Where a promise is broken: that is a finding.
pub fn run(document: &[u8]) {
    match Config::parse(document) {
        Ok(config) => {
            check(&config);
            let again = Config::parse(document).map(|again| format!("{again:?}"));
            assert_eq!(again, Ok(format!("{config:?}")), "the same text is another configuration");
            for path in paths(document) {
                look_up(&config, path);
            }
        }
        Err(why) => check_refusal(&why),
    }
}

fn check(config: &Config) {
    let is_name = |name: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(fits)
    };
    assert!(is_name(config.service()), "{:?} is no name", config.service());
    assert_names(config.routes().iter().map(|route| route.name()), is_name);
    for route in config.routes() {
        assert!(route.upstream().regions().next().is_some(), "{} has no region", route.name());
        assert_names(route.upstream().regions().map(Region::name), is_name);
    }
}

/// Names become labels: each is one, and none is there twice.
fn assert_names<'a>(names: impl Iterator<Item = &'a str>, is_name: impl Fn(&str) -> bool) {
    let mut seen = Vec::new();
    for name in names {
        assert!(is_name(name), "{name:?} is no name");
        assert!(!seen.contains(&name), "{name} is there twice");
        seen.push(name);
    }
}

/// Paths that the document's own routes may be about: whatever in it begins with a slash.
fn paths(document: &[u8]) -> impl Iterator<Item = &[u8]> {
    let slashes = document.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    slashes.take(MOST_PATHS).map(|at| document[at..].split(|byte| b"\n\"' ,".contains(byte)).next().unwrap_or_default())
}

fn look_up(config: &Config, path: &[u8]) {
    for method in ["GET", "POST"] {
        let mut headers = Headers::from_iter([(":method", method)]);
        headers.push(":path", path);
        if let Some((index, route)) = config.route_of(&headers) {
            assert_eq!(config.routes()[index].name(), route.name());
        }
    }
}

fn check_refusal(why: &ConfigError) {
    let message = why.to_string();
    match why {
        ConfigError::Empty | ConfigError::NotText { .. } => {}
        ConfigError::Syntax { what, line, column, .. } => {
            assert!(!what.is_empty() && *line > 0 && *column > 0, "no place or no words: {message:?}");
        }
        ConfigError::Invalid(problems) => {
            assert!(!problems.is_empty(), "refused for no reason");
            problems.iter().for_each(check_problem);
            assert!(problems.iter().is_sorted_by_key(|problem| problem.line), "not in the order of the text");
            assert_eq!(message.lines().count(), problems.iter().count(), "not a line for each problem: {message:?}");
        }
    }
    let is_text = |c: char| c == '\n' || !c.is_control();
    assert!(message.chars().all(is_text), "a control character in the log: {message:?}");
}

fn check_problem(problem: &Problem) {
    let Problem { path, line, value, rule, hint } = problem;
    assert!(!path.is_empty() && !rule.is_empty() && !hint.is_empty(), "no place, rule or remedy: {problem:?}");
    assert!(line.is_none_or(|line| line > 0) && value.as_ref().is_none_or(|value| !value.is_empty()), "{problem:?}");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of what is refused as a whole, the fuzzer learns only how it is refused.
    #[test]
    fn the_input_with_every_key_is_accepted() {
        let read = Config::parse(include_bytes!("../corpus/configuration/every-key.yaml"));
        assert!(read.is_ok(), "{read:?}");
    }
}
