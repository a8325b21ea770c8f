//! Good documents: what is read from them, and that the shipped ones are good.

use helius_policy::config::{Config, Mode};
use helius_policy::http::Headers;

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
    assert!(shown.contains("[Connect, Reset, Timeout, ServerError, Overflow, NoHealthyUpstream]"), "{shown}");
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
