//! That promtool complains, so that a clean judgement means something.

use helius_e2e::{AlertRules, Promtool};

const GOOD: &str = "# HELP helius_answers_total Answers to clients.
# TYPE helius_answers_total counter
helius_answers_total{served_by=\"static\"} 3
";

#[test]
fn good_metrics_are_clean_and_nothing_is_said_of_them() {
    let judged = Promtool::find().unwrap().check_metrics(GOOD).unwrap();
    assert!(judged.is_clean, "{}", judged.output);
    assert_eq!(judged.output, "");
}

#[test]
fn bad_metrics_are_told_with_what_is_wrong() {
    let promtool = Promtool::find().unwrap();
    for (text, complaint) in [
        (GOOD.replace("# HELP", "# TALK"), "no help text"),
        (GOOD.replace("_total", ""), "counter metrics should have \"_total\" suffix"),
        (GOOD.replace("counter", "gauge"), "non-counter metrics should not have \"_total\" suffix"),
        (GOOD.replace("} 3", "} three"), "expected float as value"),
        (GOOD.replace("\"}", "}"), "text format parsing error"),
        (format!("{GOOD}{GOOD}"), "second HELP line"),
    ] {
        let judged = promtool.check_metrics(&text).unwrap();
        assert!(!judged.is_clean, "promtool finds nothing wrong with:\n{text}");
        assert!(judged.output.contains(complaint), "{complaint}: {}", judged.output);
    }
}

#[test]
fn bad_rules_are_told_with_what_is_wrong() {
    let promtool = Promtool::find().unwrap();
    let rule = |expression: &str| format!("{{ alert: Broken, expr: \"{expression}\" }}");
    let group = |rules: &str| AlertRules::of("rules", format!("groups: [{{ name: g, rules: [{rules}] }}]"));
    assert!(promtool.check_rules(&group(&rule("up == 0"))).unwrap().is_clean);
    for (rules, complaint) in [
        (group(&rule("rate(up)")), "expected type range vector"),
        (group(&rule("sum(up")), "unclosed left parenthesis"),
        (group(&[rule("up == 0"), rule("up == 0")].join(", ")), "duplicate"),
        (AlertRules::of("rules", "group: []"), "field group not found"),
    ] {
        let judged = promtool.check_rules(&rules).unwrap();
        assert!(!judged.is_clean, "promtool finds nothing wrong with {rules:?}");
        assert!(judged.output.contains(complaint), "{complaint}: {}", judged.output);
    }
}
