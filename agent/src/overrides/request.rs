//! What the API is asked to set: an override, or how long it lasts instead of its end, and what is to be done with it.

use std::time::Duration;

use helius_policy::config::{ConfigError, Node, Problem, Value, parse_duration};
use helius_policy::overrides::{DEFAULT_TTL, LONGEST, Override};
use helius_policy::time::Timestamp;

use super::entry::moment;

/// What the API is asked to set.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The override.
    pub switched: Override,
    /// Whether it is only to be said what would happen.
    pub dry_run: bool,
    /// Whether it is to be set although it takes the last healthy region, or the filter seems to have no use for it.
    pub force: bool,
}

const EXAMPLE: &str = "send one override, such as {\"override\": \"drain\", \"region\": \"us-east-1\", \"ttl\": \"15m\", \
                       \"reason\": \"garbage since the rollout\", \"author\": \"ana\"}";
const TTL: &str = "write how long it lasts, such as \"15m\", at most \"24h\"";

impl Asked {
    /// Reads the body of a request.
    ///
    /// # Errors
    ///
    /// All that is wrong with it.
    pub fn read(body: &[u8], now: Timestamp) -> Result<Self, Vec<Problem>> {
        let node = Node::read(body).map_err(|error| vec![problem("body", error.to_string(), EXAMPLE)])?;
        let Value::Map(mut entries) = node.value else { return Err(vec![problem("body", "is no map", EXAMPLE)]) };
        let mut problems = Vec::new();
        let dry_run = flag(&mut entries, "dry_run", &mut problems);
        let force = flag(&mut entries, "force", &mut problems);
        end(&mut entries, now, &mut problems);
        let switched = one(Value::Map(entries), now).map_err(|found| problems.extend(found)).ok();
        if let Some(it) = switched.as_ref().filter(|it| it.is_over(now)) {
            let value = Some(format!("{:?}", moment(it.until)));
            problems.push(Problem { value, ..problem("until", "is over already", "write an end that is to come") });
        }
        match switched {
            Some(switched) if problems.is_empty() => Ok(Self { switched, dry_run, force }),
            _ => Err(problems),
        }
    }
}

/// Makes an end out of how long it lasts, where the end itself is not there.
fn end(entries: &mut Vec<(String, Node)>, now: Timestamp, problems: &mut Vec<Problem>) {
    let ttl = take(entries, "ttl", problems);
    let has_end = entries.iter().any(|(key, _)| key == "until");
    let lasts = match ttl {
        None if has_end => return,
        None => DEFAULT_TTL,
        Some(_) if has_end => {
            problems.push(problem("ttl", "stands beside until", "write one of them"));
            return;
        }
        Some(node) => read_ttl(&node).unwrap_or_else(|problem| {
            problems.push(problem);
            DEFAULT_TTL
        }),
    };
    entries.push(("until".to_owned(), Value::Text(moment(now.after(lasts))).into()));
}

fn read_ttl(node: &Node) -> Result<Duration, Problem> {
    let wrong = |rule: &str| Problem { value: Some(shown(node)), ..problem("ttl", rule, TTL) };
    match node.text().and_then(parse_duration) {
        None => Err(wrong("is not a duration")),
        Some(lasts) if lasts < Duration::from_secs(1) => Err(wrong("is shorter than a second")),
        Some(lasts) if lasts > LONGEST => Err(wrong("is longer than 24 hours")),
        Some(lasts) => Ok(lasts),
    }
}

fn flag(entries: &mut Vec<(String, Node)>, key: &str, problems: &mut Vec<Problem>) -> bool {
    match take(entries, key, problems) {
        None => false,
        Some(Node { value: Value::Bool(flag), .. }) => flag,
        Some(node) => {
            let value = Some(shown(&node));
            problems.push(Problem { value, ..problem(key, "is neither true nor false", "write true or false") });
            false
        }
    }
}

/// Takes a key out of what the filter's rules are to judge.
fn take(entries: &mut Vec<(String, Node)>, key: &str, problems: &mut Vec<Problem>) -> Option<Node> {
    let mut found: Vec<Node> = entries.extract_if(.., |(it, _)| it == key).map(|(_, node)| node).collect();
    if found.len() > 1 {
        problems.push(problem(key, "stands there more than once", "write it once"));
    }
    found.pop()
}

/// Reads an override that stands alone, by the rules for a list of them.
pub(super) fn one(value: Value, now: Timestamp) -> Result<Override, Vec<Problem>> {
    const PLACE: &str = "overrides[0]";
    let list = Value::List(vec![value.into()]);
    let document = Value::Map(vec![("overrides".to_owned(), list.into())]).into();
    match Override::read(&document, now) {
        Ok(mut overrides) => overrides.pop().ok_or_else(|| vec![problem("body", "is empty", EXAMPLE)]),
        Err(ConfigError::Invalid(found)) => Err(found
            .iter()
            .cloned()
            .map(|problem| {
                let path = problem.path.strip_prefix(PLACE).map(|path| path.trim_start_matches('.').to_owned());
                let path = path.filter(|path| !path.is_empty()).unwrap_or_else(|| "body".to_owned());
                Problem { path, ..problem }
            })
            .collect()),
        Err(error) => Err(vec![problem("body", error.to_string(), EXAMPLE)]),
    }
}

/// Something wrong that has no value to be shown.
pub(super) fn problem(path: &str, rule: impl Into<String>, hint: impl Into<String>) -> Problem {
    Problem { path: path.to_owned(), line: None, value: None, rule: rule.into(), hint: hint.into() }
}

/// A value as a message shows it, shortened.
fn shown(node: &Node) -> String {
    const SHOWN: usize = 60;
    serde_json::to_string(node).unwrap_or_default().chars().filter(|it| !it.is_control()).take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn read(body: &str) -> Result<Asked, Vec<String>> {
        let told = |problems: Vec<Problem>| problems.iter().map(ToString::to_string).collect();
        Asked::read(body.as_bytes(), NOW).map_err(told)
    }

    /// A whole request, with these keys besides.
    fn with(keys: &str) -> Result<Asked, Vec<String>> {
        read(&format!(r#"{{"override": "static", "reason": "r", "author": "a"{keys}}}"#))
    }

    #[test]
    fn it_lasts_a_quarter_of_an_hour_unless_it_says_otherwise() {
        let lasts = |keys: &str| with(keys).unwrap().switched.until.since(NOW).as_secs();
        assert_eq!(lasts(""), 900);
        assert_eq!(lasts(r#", "ttl": "1s""#), 1);
        assert_eq!(lasts(r#", "ttl": "24h""#), 86_400);
        assert_eq!(lasts(r#", "until": "2023-11-14T22:13:25Z""#), 5);
    }

    #[test]
    fn what_is_to_be_done_with_it_is_no_part_of_it() {
        let asked = with(r#", "dry_run": true, "force": true"#).unwrap();
        assert!(asked.dry_run && asked.force);
        let asked = with("").unwrap();
        assert!(!asked.dry_run && !asked.force);
    }

    #[test]
    fn each_mistake_is_told_with_place_value_rule_and_remedy() {
        let cases = [
            (
                r#", "ttl": "999ms""#,
                "ttl: \"999ms\" is shorter than a second; write how long it lasts, such as \"15m\", \
                                    at most \"24h\"",
            ),
            (
                r#", "ttl": "25h""#,
                "ttl: \"25h\" is longer than 24 hours; write how long it lasts, such as \"15m\", at \
                                  most \"24h\"",
            ),
            (r#", "ttl": 15"#, "ttl: 15 is not a duration; write how long it lasts, such as \"15m\", at most \"24h\""),
            (r#", "ttl": "1m", "ttl": "2m""#, "ttl: stands there more than once; write it once"),
            (r#", "ttl": "1m", "until": "2023-11-14T23:00:00Z""#, "ttl: stands beside until; write one of them"),
            (
                r#", "until": "2023-11-14T22:13:20Z""#,
                "until: \"2023-11-14T22:13:20Z\" is over already; write an end that \
                                                     is to come",
            ),
            (r#", "force": "yes""#, "force: \"yes\" is neither true nor false; write true or false"),
        ];
        for (keys, expected) in cases {
            assert_eq!(with(keys), Err(vec![expected.to_owned()]), "{keys}");
        }
        let told = with(r#", "until": "2023-11-16T00:00:00Z""#).unwrap_err();
        assert!(told[0].starts_with("until: ") && told[0].contains("24 hours"), "{told:?}");
        let told = with(r#", "rout": "x""#).unwrap_err();
        assert!(told[0].starts_with("rout: ") && told[0].contains("did you mean \"route\"?"), "{told:?}");
    }

    #[test]
    fn author_and_reason_are_asked_for() {
        let told = read(r#"{"override": "static"}"#).unwrap_err();
        assert_eq!(told.iter().filter(|it| it.starts_with("reason: ") || it.starts_with("author: ")).count(), 2);
    }

    #[test]
    fn what_is_no_override_is_refused() {
        for body in ["", "{", "[]", "1", "null", "{}", "\u{1}", "{\"override\": {\"a\": 1}}"] {
            assert!(!read(body).unwrap_err().is_empty(), "{body:?}");
        }
    }
}
