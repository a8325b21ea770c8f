//! `helius-agent validate`: what it finds in a file, what it says of it, and how it ends.

use std::path::Path;
use std::process::{Command, Output};

use helius_agent::validate::check_text;

const GOOD: &str = "service: router\nroutes:\n  - name: assist\n    match: { path: /assist }\n    upstream:\n      timeout: 2s\n      regions: [{ name: east, via: route }, { name: west, cluster: west }]\n";

/// The same with two mistakes, in its second and fifth line.
const BAD: &str = "service: router\nmode: enforced\nroutes:\n  - name: assist\n    match: { paht: /assist }\n    upstream:\n      timeout: 2s\n      regions: [{ name: east, via: route }]\n";

fn indented(document: &str, by: usize) -> String {
    let lines: Vec<_> = document.lines().map(|line| format!("{}{line}\n", " ".repeat(by))).collect();
    lines.concat()
}

/// As Envoy has it, deep inside of something.
fn plugin(name: &str, document: &str) -> String {
    let text = indented(document, 10);
    format!(
        "filters:\n  - name: wasm\n    config:\n      name: {name}\n      vm_config: {{ vm_id: {name} }}\n      configuration:\n        \
         \"@type\": type.googleapis.com/google.protobuf.StringValue\n        value: |\n{text}"
    )
}

/// All that is wrong with a text: the line, and how the sentence begins.
fn problems(text: &str) -> Vec<(Option<usize>, String)> {
    let report = check_text(text.as_bytes());
    report.problems.into_iter().map(|it| (it.line, it.what.split(' ').next().unwrap_or_default().to_owned())).collect()
}

fn good(text: &str) -> Vec<String> {
    let report = check_text(text.as_bytes());
    assert_eq!(report.problems, [], "{text}");
    report.good.iter().map(ToString::to_string).collect()
}

fn agent(arguments: &[&str]) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    Command::new(env!("CARGO_BIN_EXE_helius-agent")).args(arguments).current_dir(root).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_good_document_is_told_in_a_sentence_wherever_it_stands() {
    let sentence = "the configuration of router is good: route assist to east, west";
    let wasm_plugin = |document: &str| {
        let inner = indented(document, 4);
        format!("kind: WasmPlugin\nmetadata: {{ name: helius }}\nspec:\n  pluginConfig:\n{inner}")
    };
    let extension_policy = |document: &str| {
        let inner = indented(document, 8);
        format!("kind: EnvoyExtensionPolicy\nspec:\n  wasm:\n    - name: helius\n      config:\n{inner}")
    };
    let envoy_filter = format!("kind: EnvoyFilter\nspec:\n  {}", plugin("helius", GOOD).replace('\n', "\n  "));
    for it in [GOOD.to_owned(), plugin("helius", GOOD), wasm_plugin(GOOD), extension_policy(GOOD), envoy_filter] {
        assert_eq!(good(&it), [sentence], "{it}");
    }
    let json = r#"{ "service": "router", "routes": [] }"#;
    assert_eq!(good(json), ["the configuration of router is good"]);
    let several = format!("{GOOD}---\nkind: Service\n---\n{}", wasm_plugin(GOOD));
    assert_eq!(good(&several), [sentence, sentence]);
}

#[test]
fn each_problem_has_the_line_of_the_file() {
    assert_eq!(
        problems(BAD),
        [
            (Some(2), "mode:".to_owned()),
            (Some(5), "routes[0].match.paht:".to_owned()),
            (Some(5), "routes[0].match:".to_owned())
        ]
    );
    let inside = problems(&plugin("helius", BAD));
    let lines: Vec<_> = inside.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [Some(10), Some(13), Some(13)], "{inside:?}");
    let policy =
        format!("kind: EnvoyExtensionPolicy\nspec:\n  wasm:\n    - name: helius\n      config:\n{}", indented(BAD, 8));
    assert_eq!(problems(&policy)[1], (Some(10), "spec.wasm[0].config.routes[0].match.paht:".to_owned()));
    let second = problems(&format!("{GOOD}---\n{BAD}"));
    assert_eq!(second[0], (Some(10), "mode:".to_owned()));
}

#[test]
fn of_a_text_that_is_not_literal_the_beginning_is_told() {
    let quoted = plugin("helius", "x").replace("value: |\n          x", r#"value: "service: router\nmode: enforced""#);
    let lines: Vec<_> = problems(&quoted).into_iter().map(|(line, _)| line).collect();
    assert_eq!(lines, [Some(8), Some(8)]);
}

#[test]
fn the_plugins_of_others_are_none_of_our_business_where_ours_is_named() {
    let theirs = plugin("auth", "tokens: none");
    let both =
        format!("one:\n  {}\ntwo:\n  {}", theirs.replace('\n', "\n  "), plugin("helius", GOOD).replace('\n', "\n  "));
    assert_eq!(good(&both).len(), 1);
    assert_eq!(problems(&theirs).len(), 3, "and alone it is taken for ours");
}

#[test]
fn what_envoy_would_hand_over_in_another_form_is_refused() {
    let wrapped = |text: &str| {
        let plugin = plugin("helius", GOOD).replace("google.protobuf.StringValue", text);
        problems(&plugin).into_iter().map(|(line, _)| line).collect::<Vec<_>>()
    };
    assert_eq!(wrapped("google.protobuf.Struct"), [Some(7)]);
    let report =
        check_text(plugin("helius", GOOD).replace("google.protobuf.StringValue", "google.protobuf.Struct").as_bytes());
    assert_eq!(
        report.problems[0].to_string(),
        ":7: configuration is a type.googleapis.com/google.protobuf.Struct, and the filter reads text; write it as \
         {\"@type\": type.googleapis.com/google.protobuf.StringValue, value: | …}"
    );
}

#[test]
fn a_file_without_a_configuration_or_that_is_no_yaml_is_wrong() {
    let said = |text: &str| check_text(text.as_bytes()).problems.iter().map(ToString::to_string).collect::<Vec<_>>();
    let nothing = said("kind: Service\n");
    assert!(
        nothing[0].starts_with(": no configuration of the filter is in it; give the document itself"),
        "{nothing:?}"
    );
    assert_eq!(said("a: [1\n").len(), 1);
    let problem = &check_text(b"a: \xff").problems[0];
    assert_eq!(problem.to_string(), ": the file is not UTF-8 text (byte 3)");
    assert_eq!(said(""), [": the document is empty; write at least service and routes"]);
}

#[test]
fn what_the_repository_ships_is_good() {
    let output = agent(&["validate", "envoy/bootstrap.yaml"]);
    assert_eq!(text(&output.stderr), "");
    assert!(
        text(&output.stdout).starts_with("envoy/bootstrap.yaml: the configuration of llm-router is good: route assist")
    );
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn the_worst_file_decides_how_it_ends() {
    let cases: [(&[&str], i32); 4] = [
        (&["validate", "envoy/bootstrap.yaml", "README.md"], 1),
        (&["validate", "nowhere.yaml", "README.md"], 2),
        (&["validate"], 2),
        (&["validat", "README.md"], 2),
    ];
    for (arguments, code) in cases {
        assert_eq!(agent(arguments).status.code(), Some(code), "{arguments:?}");
    }
    let missing = text(&agent(&["validate", "nowhere.yaml"]).stderr);
    assert_eq!(missing, "nowhere.yaml: cannot be read: No such file or directory (os error 2)\n");
}

#[test]
fn the_help_has_examples() {
    let help = text(&agent(&["validate", "--help"]).stdout);
    assert!(help.contains("helius-agent validate envoy/bootstrap.yaml") && help.contains("Ends with 0"), "{help}");
}
