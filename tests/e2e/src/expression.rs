//! What stands in an expression of Prometheus: read as far as a test has to know it.

use std::collections::BTreeSet;

use anyhow::Context;

/// Words of the language that stand where a metric may.
const WORDS: [&str; 5] = ["and", "or", "unless", "bool", "offset"];
/// Words after which a list of labels stands.
const BEFORE_LABELS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];

/// The names of all metrics in an expression.
pub fn metrics_of(expression: &str) -> BTreeSet<String> {
    let plain = without_labels(expression);
    let mut tokens = tokens(&plain).into_iter().peekable();
    let mut names = BTreeSet::new();
    while let Some(word) = tokens.next() {
        if BEFORE_LABELS.contains(&word) {
            if tokens.next_if_eq(&"(").is_some() {
                // A list of labels ends with the first that closes it.
                tokens.by_ref().find(|token| *token == ")");
            }
            continue;
        }
        let is_operator = tokens.peek().is_some_and(|next| matches!(*next, "(" | "by" | "without"));
        let is_name = word.starts_with(|char: char| char.is_ascii_alphabetic() || char == '_');
        if is_name && !is_operator && !WORDS.contains(&word) {
            names.insert(word.to_owned());
        }
    }
    names
}

/// Words, and each other character by itself.
fn tokens(text: &str) -> Vec<&str> {
    let is_part = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | ':' | '.');
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|char| !is_part(char)).unwrap_or(rest.len());
        let (token, after) = rest.split_at(word.max(first.len_utf8()));
        tokens.push(token);
        rest = after.trim_start();
    }
    tokens
}

/// Each selection of series by one of several values, such as `a{b=~"c|d"}`, with one value at a time: `a{b=~"c"}`. A slip of
/// the pen in one of several leaves a sum that is too small, and nothing says so.
pub fn selections_in(expression: &str) -> BTreeSet<String> {
    let mut selections = BTreeSet::new();
    let is_name = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == ':';
    for (at, _) in expression.match_indices('{') {
        let start = expression[..at].rfind(|char| !is_name(char)).map_or(0, |end| end + 1);
        let metric = &expression[start..at];
        // The text between quotes has no braces in it here.
        let labels = expression[at + 1..].split('}').next().unwrap_or_default();
        for (label, values) in labels.split(", ").filter_map(|it| it.split_once(['=', '!'])) {
            let values = values.trim_start_matches(['=', '~']).trim_matches('"');
            selections.extend(values.split('|').map(|value| format!("{metric}{{{label}=~\"{value}\"}}")));
        }
    }
    selections
}

/// What an alert compares: the left of its last comparison, or what is to be absent. An alert is no list of samples while it
/// does not fire, and a slip of the pen in it looks the same; this is a list all the time.
pub fn compared_in(expression: &str) -> anyhow::Result<&str> {
    let expression = expression.trim();
    if let Some(inner) = expression.strip_prefix("absent(").and_then(|rest| rest.strip_suffix(')')) {
        return Ok(inner);
    }
    let (mut depth, mut is_text, mut last) = (0_u32, false, None);
    for (at, char) in expression.char_indices() {
        match char {
            '"' => is_text = !is_text,
            _ if is_text => {}
            '(' | '{' | '[' => depth += 1,
            ')' | '}' | ']' => depth = depth.saturating_sub(1),
            // Of two characters the first: the second follows at once.
            '<' | '>' | '=' | '!' if depth == 0 && last.is_none_or(|last| last + 1 != at) => last = Some(at),
            _ => {}
        }
    }
    let at = last.with_context(|| format!("nothing is compared in {expression}"))?;
    Ok(expression[..at].trim_end())
}

/// The expression without what stands in braces, brackets and quotes.
fn without_labels(expression: &str) -> String {
    let (mut depth, mut is_text) = (0_u32, false);
    let mut plain = String::new();
    for char in expression.chars() {
        match char {
            '"' => is_text = !is_text,
            _ if is_text => {}
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.saturating_sub(1),
            _ if depth == 0 => plain.push(char),
            _ => {}
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::{compared_in, metrics_of, selections_in};

    #[test]
    fn the_metrics_of_an_expression_are_found_and_nothing_else() {
        for (expression, expected) in [
            ("up == 0", vec!["up"]),
            (
                r#"sum by (a, b) (rate(x_total{c=~"d(e)"}[5m])) / on (f) group_left () sum(y:z) > 1e3"#,
                vec!["x_total", "y:z"],
            ),
            ("max by (g) (h > 0) - time() < 300", vec!["h"]),
            ("histogram_quantile(0.95, sum(rate(i_bucket[5m])) by (le)) > 2", vec!["i_bucket"]),
            ("absent(j)", vec!["j"]),
            ("k and on () l or m offset 5m unless n", vec!["k", "l", "m", "n"]),
        ] {
            assert_eq!(metrics_of(expression).into_iter().collect::<Vec<_>>(), expected, "{expression}");
        }
    }

    #[test]
    fn each_value_that_is_selected_is_found() {
        let found = selections_in(r#"sum(rate(a{b=~"c|d.*", e!="f"}[5m])) / g{h!~"i"}"#);
        let expected = [r#"a{b=~"c"}"#, r#"a{b=~"d.*"}"#, r#"a{e=~"f"}"#, r#"g{h=~"i"}"#].map(str::to_owned);
        assert_eq!(found, expected.into());
    }

    #[test]
    fn what_is_compared_is_the_left_of_the_last_comparison() {
        for (expression, expected) in [
            ("a == 1", "a"),
            ("a != 1", "a"),
            (r#"sum(a{b!="c"}) / d >= 0.5"#, r#"sum(a{b!="c"}) / d"#),
            ("max by (e) (f > 0) - time() < 300", "max by (e) (f > 0) - time()"),
            ("absent(up{job=\"x\"})", "up{job=\"x\"}"),
        ] {
            assert_eq!(compared_in(expression).unwrap(), expected);
        }
        assert_eq!(compared_in("sum(a > 1)").unwrap_err().to_string(), "nothing is compared in sum(a > 1)");
    }
}
