//! A file of settings: a flat map of the flags' names.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use helius_policy::config::{ConfigError, Node, Value, nearest};

use super::Source;

/// A file of settings is a dozen lines; what is longer is another file, given by mistake.
const MAX_BYTES: u64 = 64 * 1024;

/// What stands in a file of settings.
#[derive(Debug, Default)]
pub struct SettingsFile {
    path: String,
    entries: Vec<(String, String, Option<usize>)>,
}

impl SettingsFile {
    /// Reads a file. What is wrong with it is added to `wrong`, a line each.
    pub fn open(path: &Path, known: &[&str], wrong: &mut Vec<String>) -> Self {
        let name = path.display().to_string();
        let mut text = Vec::new();
        let read = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut text));
        if let Err(why) = read {
            wrong.push(format!("{name}: cannot be read: {why}; name a file of settings in --config, or leave it out"));
            return Self::default();
        }
        if text.len() as u64 > MAX_BYTES {
            wrong.push(format!("{name}: is longer than 64 KiB; name a file of settings in --config"));
            return Self::default();
        }
        Self::parse(&name, &text, known, wrong)
    }

    /// Reads its text.
    pub(super) fn parse(name: &str, text: &[u8], known: &[&str], wrong: &mut Vec<String>) -> Self {
        let mut file = Self { path: name.to_owned(), entries: Vec::new() };
        match Node::read(text) {
            Ok(Node { value: Value::Map(entries), .. }) => {
                for (key, node) in entries {
                    file.add(key, &node, known, wrong);
                }
            }
            Ok(Node { line, .. }) => {
                let place = Self::place(name, line);
                wrong.push(format!("{place}: is no map; write lines such as \"drain: 5s\", with the flags' names"));
            }
            // A file of nothing but comments says nothing.
            Err(ConfigError::Empty) => {}
            Err(ConfigError::Syntax { format, line, what, .. }) => {
                wrong.push(format!("{name}:{line}: is not {format}: {what}; write lines such as \"drain: 5s\""));
            }
            Err(_) => wrong.push(format!("{name}: is not UTF-8 text; write lines such as \"drain: 5s\"")),
        }
        file
    }

    /// The text of a setting, and where it stands.
    pub fn get(&self, flag: &str) -> Option<(String, Source)> {
        let (_, text, line) = self.entries.iter().find(|(key, ..)| key == flag)?;
        Some((text.clone(), Source::File { path: self.path.clone(), line: *line }))
    }

    fn add(&mut self, key: String, node: &Node, known: &[&str], wrong: &mut Vec<String>) {
        let place = Self::place(&self.path, node.line);
        if !known.contains(&key.as_str()) {
            let remedy = nearest(&key, known).map_or_else(
                || format!("the known ones are {}", known.join(", ")),
                |near| format!("did you mean {near:?}?"),
            );
            wrong.push(format!("{place}: {key:?} is not a setting; {remedy}"));
            return;
        }
        if self.entries.iter().any(|(it, ..)| *it == key) {
            wrong.push(format!("{place}: {key:?} stands there twice; remove one of them"));
            return;
        }
        let text = match &node.value {
            Value::Text(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(flag) => flag.to_string(),
            Value::Null | Value::List(_) | Value::Map(_) => {
                wrong.push(format!("{place}: {key:?} has no single value; write one, or remove the line"));
                return;
            }
        };
        self.entries.push((key, text, node.line));
    }

    fn place(name: &str, line: Option<usize>) -> String {
        line.map_or_else(|| name.to_owned(), |line| format!("{name}:{line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 3] = ["listen", "drain", "app-probe"];

    fn wrong_with(text: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        SettingsFile::parse("agent.yaml", text.as_bytes(), &KNOWN, &mut wrong);
        wrong
    }

    #[test]
    fn each_mistake_is_told_with_its_line_and_its_remedy() {
        let told = wrong_with("drain: 5s\nlisten: [a]\napp_probe: x\nlisten: b\ndrain: 3s\n");
        let expected = [
            "agent.yaml:2: \"listen\" has no single value; write one, or remove the line",
            "agent.yaml:3: \"app_probe\" is not a setting; did you mean \"app-probe\"?",
            "agent.yaml:5: \"drain\" stands there twice; remove one of them",
        ];
        assert_eq!(told, expected);
        let unknown = "agent.yaml:1: \"colour\" is not a setting; the known ones are listen, drain, app-probe";
        assert_eq!(wrong_with("colour: red\n"), [unknown]);
    }

    #[test]
    fn what_is_no_map_is_refused_and_nothing_but_comments_says_nothing() {
        let told = "agent.yaml:1: is no map; write lines such as \"drain: 5s\", with the flags' names";
        assert_eq!(wrong_with("- drain\n"), [told]);
        assert_eq!(wrong_with("# drain: 5s\n"), Vec::<String>::new());
        assert!(wrong_with("drain: [\n")[0].starts_with("agent.yaml:"));
    }

    #[test]
    fn a_setting_is_found_with_its_line() {
        let file = SettingsFile::parse("agent.yaml", b"listen: a\ndrain: 5\n", &KNOWN, &mut Vec::new());
        let source = Source::File { path: "agent.yaml".to_owned(), line: Some(2) };
        assert_eq!(file.get("drain"), Some(("5".to_owned(), source)));
        assert_eq!(file.get("app-probe"), None);
    }
}
