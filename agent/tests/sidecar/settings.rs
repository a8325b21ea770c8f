//! Settings from every source.

use crate::process::{Sidecar, command};

fn told(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let output = command(arguments).envs(variables.iter().copied()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_wrong_value_names_its_source_the_rule_and_the_remedy() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("agent.yaml");
    std::fs::write(&file, "# ours\nlog-level: loud\ndrian: 5s\n").unwrap();
    let file = file.to_str().unwrap();
    let told = told(
        &["--config", file, "--listen", "0.0.0.0:9910"],
        &[("HELIUS_AGENT_DRAIN", "5 parsecs"), ("HELIUS_AGENT_LOG_FORMAT", "xml")],
    );
    let expected = format!(
        "{file}:3: \"drian\" is not a setting; did you mean \"drain\"?\n\
         --listen: \"0.0.0.0:9910\" can be reached from outside of the pod, and whoever reaches it can switch the filter; \
         write a loopback address such as \"127.0.0.1\" with the port, or \"unix:/path\"\n\
         HELIUS_AGENT_DRAIN: \"5 parsecs\" is not a duration; write a number and a unit, such as \"250ms\", \"2s\" or \"1m\"\n\
         HELIUS_AGENT_LOG_FORMAT: \"xml\" is not a format; write one of json, text\n\
         {file}:2: log-level: \"loud\" is not a level; write one of error, warn, info, debug, trace\n"
    );
    assert_eq!(told, expected);
}

#[test]
fn a_flag_counts_more_than_a_variable_and_a_variable_more_than_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("agent.yaml");
    let file = file.to_str().unwrap();
    let wrong = |arguments: &[&str], variables: &[(&str, &str)]| {
        std::fs::write(file, "drain: file\n").unwrap();
        let told = told(&[&["--config", file], arguments].concat(), variables);
        told.split(": ").next().unwrap().to_owned()
    };
    let variable = ("HELIUS_AGENT_DRAIN", "variable");
    assert_eq!(wrong(&["--drain", "flag"], &[variable]), "--drain");
    assert_eq!(wrong(&[], &[variable]), "HELIUS_AGENT_DRAIN");
    assert_eq!(wrong(&[], &[]), format!("{file}:1"));
    assert_eq!(wrong(&[], &[("HELIUS_AGENT_DRAIN", "")]), format!("{file}:1"), "an empty variable says nothing");
}

#[test]
fn a_missing_file_is_told_and_good_settings_of_all_sources_begin_it() {
    assert!(told(&["--config", "/nowhere.yaml"], &[]).starts_with("/nowhere.yaml: cannot be read: "));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("agent.yaml");
    std::fs::write(&file, "drain: 1s\nlog-level: debug\n").unwrap();
    Sidecar::spawn(command(&["--drain", "2s"]).env("HELIUS_AGENT_LOG_LEVEL", "info").env("HELIUS_AGENT_CONFIG", &file));
}
