//! Documents of our filter, from the least that it can do to all of it.

use std::net::SocketAddr;

use helius_e2e::{Bootstrap, Mesh};
use serde_json::{Value, json};

/// An Envoy with our filter and this document; without a document an Envoy alone.
pub(crate) fn sidecar(document: Option<Value>, primary: SocketAddr, secondary: SocketAddr, workers: u32) -> Bootstrap {
    let bootstrap = Mesh::builder().assist(primary, secondary).concurrency(workers);
    match document {
        Some(document) => bootstrap.configure(|it| *it = document),
        None => bootstrap.without_filter(),
    }
}

/// A limit that nobody reaches, by a header.
fn admission() -> Value {
    json!({
        "isolate": { "region_header": "x-helius-region" },
        "rate_limit": [{ "key": [{ "header": "x-helius-region" }], "rate": "1000000/s", "burst": 1_000_000 }],
    })
}

fn upstream() -> Value {
    json!({
        "timeout": "5s",
        "regions": [
            { "name": "us-east-1", "via": "route", "timeout": "2s" },
            { "name": "us-west-2", "cluster": "llm_assistant_us_west_2", "timeout": "2s" },
        ],
        "replay": { "methods": ["POST"], "max_body": "64KiB" },
        "circuit_breaker": {},
        // So that what is measured on failing paths is the path, and not the budget.
        "retry_budget": { "ratio": 1.0, "min_concurrent": 1000 },
    })
}

fn static_answer() -> Value {
    json!([{ "body": { "action": "safemode_fallback", "confidence": 0.0, "rationale": "Systemic failure. Static answer." } }])
}

fn document(route: &Value) -> Value {
    json!({ "service": "llm-router", "routes": [route] })
}

fn route(parts: Value) -> Value {
    let mut route = json!({ "name": "assist", "match": { "path": "/assist", "methods": ["POST"] } });
    if let (Some(route), Value::Object(parts)) = (route.as_object_mut(), parts) {
        route.extend(parts);
    }
    route
}

/// A document that is about other requests.
pub(crate) fn no_route() -> Value {
    let mut document = admission_only();
    document["routes"][0]["match"]["path"] = json!("/other");
    document
}

/// Isolation and a limit; no ladder.
pub(crate) fn admission_only() -> Value {
    document(&route(json!({ "admission": admission() })))
}

fn ladder_route() -> Value {
    route(json!({ "admission": admission(), "upstream": upstream(), "fail_open": { "static": static_answer() } }))
}

/// Admission, two regions, breakers, a retry budget, and a static answer.
pub(crate) fn ladder() -> Value {
    document(&ladder_route())
}

/// The ladder with its fourth rung: the last good answer to each question.
pub(crate) fn last_good() -> Value {
    let mut route = ladder_route();
    route["fail_open"]["last_good"] = json!({ "fresh": "300s", "max_stale": "1h", "key": ["path", "body"] });
    document(&route)
}

/// The ladder, and answers that are held to a schema.
pub(crate) fn schema() -> Value {
    let mut route = ladder_route();
    route["output"] = json!({ "schema": {
        "type": "object",
        "required": ["action", "confidence"],
        "properties": {
            "action": { "type": "string", "minLength": 1 },
            "confidence": { "type": "number", "minimum": 0, "maximum": 1 },
            "rationale": { "type": "string" },
        },
    } });
    document(&route)
}

/// The ladder, where the filter makes the primary call itself.
pub(crate) fn strict() -> Value {
    let mut document = ladder();
    document["routes"][0]["upstream"]["strict"] = json!(true);
    document
}

/// What would be decided with a schema, and is not.
pub(crate) fn shadow() -> Value {
    let mut document = schema();
    document["mode"] = json!("shadow");
    document
}

/// The ladder behind 199 routes that do not match.
pub(crate) fn two_hundred_routes() -> Value {
    let mut document = ladder();
    let mut routes: Vec<Value> = (0..199)
        .map(|number| {
            let mut other = ladder_route();
            other["name"] = json!(format!("other-{number}"));
            other["match"]["path"] = json!(format!("/other/{number}"));
            other
        })
        .collect();
    routes.push(document["routes"][0].take());
    document["routes"] = json!(routes);
    document
}

/// The ladder with breakers that somebody holds in a state.
pub(crate) fn with_breakers(mode: &str) -> Value {
    let mut document = ladder();
    document["routes"][0]["upstream"]["circuit_breaker"] = json!({ "mode": mode });
    document
}
