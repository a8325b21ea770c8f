//! Good documents: what is read from them, and that the shipped ones are good.

use std::time::Duration;

use helius_policy::config::{Config, Mode, Region};
use helius_policy::dedupe::{Dedupe, Key};
use helius_policy::http::Headers;
use helius_policy::last_good::{KeyPart, LastGood, Limits};

const MINIMAL: &str = "
service: router
routes:
  - name: assist
    match: { path: /assist }
    upstream: { timeout: 2s, regions: [{ name: east, via: route }] }
";

fn request(method: &str, path: &str) -> Headers {
    [(":method", method), (":path", path)].into_iter().collect()
}

#[test]
fn the_smallest_document_has_the_documented_defaults() {
    let config = Config::parse(MINIMAL.as_bytes()).unwrap();
    assert_eq!(config.service(), "router");
    assert_eq!(config.mode(), Mode::Enforce);
    let [route] = config.routes() else { panic!() };
    assert_eq!(route.name(), "assist");
    assert!(!route.has_static());
    let shown = format!("{:?}", route.upstream());
    assert!(shown.contains("timeout: 900ms"), "an attempt gets 45 % of the ladder's time: {shown}");
    assert!(shown.contains(r#"methods: ["GET", "HEAD", "PUT"], max_body: 65536"#), "{shown}");
    assert!(
        shown.contains("[Connect, Reset, Timeout, ServerError, Overflow, NoHealthyUpstream, InvalidOutput]"),
        "{shown}"
    );
}

#[test]
fn a_route_may_say_only_who_is_let_in() {
    let upstream = "upstream: { timeout: 2s, regions: [{ name: east, via: route }] }";
    let document = MINIMAL.replace(upstream, "admission: { isolate: { region_header: x-helius-region } }");
    let config = Config::parse(document.as_bytes()).unwrap();
    let [route] = config.routes() else { panic!() };
    let regions: Vec<_> = route.upstream().regions().map(Region::name).collect();
    assert_eq!(regions, ["primary"]);
    assert!(!route.has_static() && !route.upstream().has_retry_budget());
}

#[test]
fn the_first_route_that_matches_wins() {
    let text = "
service: router
routes:
  - { name: one, match: { path_prefix: /a, methods: [POST] }, upstream: { timeout: 1s, regions: [{ name: e, via: route }] } }
  - { name: two, match: { path_prefix: / }, upstream: { timeout: 1s, regions: [{ name: e, via: route }] } }
";
    let config = Config::parse(text.as_bytes()).unwrap();
    let name = |headers: Headers| config.route_of(&headers).map(|(index, route)| (index, route.name().to_owned()));
    assert_eq!(name(request("POST", "/assist")), Some((0, "one".to_owned())));
    assert_eq!(name(request("GET", "/assist")), Some((1, "two".to_owned())));
    assert_eq!(name(Headers::new()), None);
}

/// A document whose only route has this admission.
fn with_admission(admission: &str) -> Config {
    Config::parse(format!("{MINIMAL}    admission: {admission}\n").as_bytes()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn each_section_of_an_admission_can_stand_alone() {
    let sections = [
        ("{ isolate: { region_header: x-region } }", [true, false, false]),
        ("{ rate_limit: [{ rate: 1/s }] }", [false, true, false]),
        ("{ dedupe: { key: body } }", [false, false, true]),
        ("{ isolate: { region_header: x-region }, dedupe: { key: { header: x-message-id } } }", [true, false, true]),
    ];
    for (text, expected) in sections {
        let config = with_admission(text);
        let admission = config.routes()[0].admission().unwrap();
        assert_eq!([admission.isolates(), admission.limits(), admission.dedupe().is_some()], expected, "{text}");
    }
}

#[test]
fn de_duplication_has_the_documented_defaults() {
    let config = with_admission("{ dedupe: { key: { header: x-message-id } } }");
    let key = Key::Header("x-message-id".to_owned());
    let expected = Dedupe::new("router/assist", key, Duration::from_secs(60), 202, 10_000);
    assert_eq!(config.routes()[0].admission().unwrap().dedupe(), Some(&expected));

    let config = with_admission("{ dedupe: { key: body, window: 1h, status: 409, replay_answer: true, max_keys: 1 } }");
    let expected = Dedupe::new("router/assist", Key::Body, Duration::from_secs(3_600), 409, 1).keeping_answers(256);
    assert_eq!(config.routes()[0].admission().unwrap().dedupe(), Some(&expected));

    let config =
        with_admission("{ dedupe: { key: body, window: 1s, status: 200, replay_answer: false, max_answers: 7 } }");
    let expected = Dedupe::new("router/assist", Key::Body, Duration::from_secs(1), 200, 10_000);
    assert_eq!(config.routes()[0].admission().unwrap().dedupe(), Some(&expected));
}

#[test]
fn the_last_good_answer_has_the_documented_defaults() {
    let parts = || vec![KeyPart::Path, KeyPart::Body];
    let expected = |parts, fresh, max_stale, entries, size: usize| {
        let limits = Limits { fresh: Duration::from_secs(fresh), max_stale: Duration::from_secs(max_stale) };
        LastGood::new("router/assist", parts, limits, entries, size << 10)
    };
    let written = vec![KeyPart::Path, KeyPart::Header("x-user-segment".to_owned())];
    let cases = [
        ("{}", expected(parts(), 300, 3_600, 128, 64)),
        ("{ max_stale: 1m }", expected(parts(), 60, 60, 128, 64)),
        ("{ fresh: 2h }", expected(parts(), 7_200, 7_200, 128, 64)),
        ("{ fresh: 0s, max_stale: 0s }", expected(parts(), 0, 0, 128, 64)),
        (
            "{ fresh: 5m, max_stale: 168h, key: [path, { header: x-user-segment }], max_entries: 4096, max_body: 256KiB }",
            expected(written, 300, 604_800, 4_096, 256),
        ),
        ("{ across_credentials: false }", expected(parts(), 300, 3_600, 128, 64)),
        ("{ across_credentials: true }", expected(parts(), 300, 3_600, 128, 64).across_credentials()),
    ];
    for (text, expected) in cases {
        let document = format!("{MINIMAL}    fail_open: {{ last_good: {text} }}\n");
        let config = Config::parse(document.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
        let route = &config.routes()[0];
        assert_eq!((route.last_good(), route.has_static()), (Some(&expected), false), "{text}");
    }
}

/// Istio writes a `WasmPlugin`'s configuration as JSON, after a protobuf in which every number is a double.
#[test]
fn a_whole_number_may_be_written_as_a_double() {
    let text = r#"{"service": "router", "routes": [{"name": "a", "match": {"path": "/a"},
        "upstream": {"timeout": "1s", "regions": [{"name": "e", "via": "route"}], "replay": {"max_body": 65536.0}},
        "fail_open": {"static": [{"status": 200.0, "body": {"confidence": 0.0}}]}}]}"#;
    assert!(Config::parse(text.as_bytes()).is_ok());
}

#[test]
fn the_shipped_bootstrap_holds_a_good_document() {
    let bootstrap = include_str!("../../../../envoy/bootstrap.yaml");
    let (_, behind) = bootstrap.split_once("value: |\n").expect("the plugin configuration is a block of text");
    let indent = behind.len() - behind.trim_start().len();
    let lines = behind.lines().take_while(|line| line.len() - line.trim_start().len() >= indent);
    let document = lines.map(|line| &line[indent..]).collect::<Vec<_>>().join("\n");
    let config = Config::parse(document.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{document}"));
    assert_eq!(config.routes().len(), 2);
}

#[test]
fn what_workers_share_is_told_apart_by_service_and_route() {
    let breaker_of = |service: &str, route: &str| {
        let document = format!(
            "{{service: {service}, routes: [{{name: {route}, match: {{path: /a}}, upstream: {{timeout: 1s, \
             regions: [{{name: east, via: route}}], circuit_breaker: {{}}}}}}]}}"
        );
        let config = Config::parse(document.as_bytes()).unwrap();
        config.routes()[0].upstream().regions().next().unwrap().breaker().unwrap().clone()
    };
    assert_eq!(breaker_of("router", "assist"), breaker_of("router", "assist"));
    assert_ne!(breaker_of("router", "assist"), breaker_of("recommender", "assist"));
    assert_ne!(breaker_of("router", "assist"), breaker_of("router", "predict"));
}
