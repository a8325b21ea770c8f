//! Who is told of what, by amtool.

use helius_e2e::{AlertRouting, AlertRules, Amtool};

#[test]
fn amtool_takes_the_configuration_and_finds_what_is_wrong_with_another() {
    let amtool = Amtool::find().unwrap();
    let text = AlertRouting::shipped().unwrap().text();
    let judged = amtool.check_config(&text).unwrap();
    assert!(judged.is_clean && judged.output.contains("2 receivers"), "{}", judged.output);
    for (right, wrong) in [("\"group_by\"", "\"group_buy\""), ("\"helius-tickets\"", "\"tickets\""), ("=~", "~~")] {
        assert!(text.contains(right), "{right} is not in {text}");
        let judged = amtool.check_config(&text.replacen(right, wrong, 1)).unwrap();
        assert!(!judged.is_clean, "amtool finds nothing wrong with {wrong}");
    }
}

#[test]
fn each_alert_goes_where_its_severity_says_and_nowhere_else() {
    let amtool = Amtool::find().unwrap();
    let text = AlertRouting::shipped().unwrap().text();
    let rules = AlertRules::shipped().unwrap().rules().unwrap();
    for rule in &rules {
        let labels =
            [("alertname", rule.name.as_str()), ("severity", rule.severity.as_str()), ("service", "llm-router")];
        let [right, wrong] = match rule.severity.as_str() {
            "page" => ["helius-pages", "helius-tickets"],
            "ticket" => ["helius-tickets", "helius-pages"],
            other => panic!("{}: {other:?} is not routed", rule.name),
        };
        let routed = amtool.test_route(&text, right, &labels).unwrap();
        assert!(routed.is_clean, "{}: {}", rule.name, routed.output);
        let routed = amtool.test_route(&text, wrong, &labels).unwrap();
        assert!(!routed.is_clean, "{} goes to {wrong} too: {}", rule.name, routed.output);
    }
    let pages = rules.iter().filter(|rule| rule.severity == "page").count();
    assert_eq!((pages, rules.len()), (7, 17));
}

#[test]
fn what_no_route_names_is_a_ticket_and_not_lost() {
    let routed = Amtool::find().unwrap().test_route(
        &AlertRouting::shipped().unwrap().text(),
        "helius-tickets",
        &[("alertname", "SomebodyElses")],
    );
    let routed = routed.unwrap();
    assert!(routed.is_clean, "{}", routed.output);
}

#[test]
fn inhibition_names_alerts_that_there_are() {
    let rules = AlertRules::shipped().unwrap().rules().unwrap();
    let text = AlertRouting::shipped().unwrap().text();
    let lists: Vec<_> = text.split("alertname =~ \\\"").skip(1).filter_map(|rest| rest.split_once("\\\"")).collect();
    assert_eq!(lists.len(), 2, "{text}");
    for name in lists.iter().flat_map(|(list, _)| list.split('|')) {
        assert!(rules.iter().any(|rule| rule.name == name), "there is no alert {name}");
    }
}
