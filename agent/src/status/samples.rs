//! Prometheus' text format, as far as an agent writes it.

use std::collections::BTreeMap;

/// One line: a metric, its labels and its value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample {
    pub(super) name: String,
    labels: BTreeMap<String, String>,
    pub(super) value: f64,
}

impl Sample {
    /// The value of a label, empty where there is none.
    pub(super) fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

/// Every sample of a text. A line that is none is left out: what an agent of another version says besides is no reason to
/// say nothing.
pub(super) fn read(text: &str) -> impl Iterator<Item = Sample> {
    text.lines().filter(|line| !line.starts_with('#')).filter_map(sample)
}

fn sample(line: &str) -> Option<Sample> {
    let (head, labels, value) = if let Some((head, rest)) = line.split_once('{') {
        let (labels, value) = labels(rest)?;
        (head, labels, value)
    } else {
        let (head, value) = line.split_once(' ')?;
        (head, BTreeMap::new(), value)
    };
    let value = value.split_whitespace().next()?.parse().ok()?;
    Some(Sample { name: head.trim().to_owned(), labels, value })
}

/// Labels up to the closing brace, and what follows it.
fn labels(mut rest: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (name, after) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut characters = after.char_indices();
        loop {
            match characters.next()? {
                (_, '\\') => match characters.next()? {
                    (_, 'n') => value.push('\n'),
                    (_, other) => value.push(other),
                },
                (at, '"') => {
                    rest = after.get(at + 1..)?;
                    break;
                }
                (_, other) => value.push(other),
            }
        }
        labels.insert(name.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &str) -> Sample {
        sample(line).unwrap_or_else(|| panic!("{line}"))
    }

    #[test]
    fn a_sample_is_read_with_its_labels() {
        let it = one(r#"helius_attempts_total{service="a",verdict="ok \"x\" \\ \n{,}"} 41 1700000000"#);
        assert_eq!((it.name.as_str(), it.label("service")), ("helius_attempts_total", "a"));
        assert_eq!(it.label("verdict"), "ok \"x\" \\ \n{,}");
        assert_eq!(it.label("route"), "");
        let values =
            ["helius_envoy_up 1", "a{} +Inf", "a{b=\"c\"} 41 1700000000"].map(|line| one(line).value.to_string());
        assert_eq!(values, ["1", "inf", "41"]);
    }

    #[test]
    fn what_is_no_sample_is_left_out() {
        for line in ["", "a", "a{b} 1", "a{b=\"c} 1", "a{b=\"c\"", "a x", "<html>"] {
            assert_eq!(sample(line), None, "{line}");
        }
        assert_eq!(read("# HELP a b\n# TYPE a counter\na 1\n\nb 2\n").count(), 2);
    }
}
