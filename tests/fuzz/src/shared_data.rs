//! Target `shared_data`: what lies in Envoy's shared data when the filter starts.
//!
//! Nobody but the filter writes there, but it may have been another version. So the records are any bytes, and so is the
//! document. An input has three parts between lines of `---`: the document, the record of the last good one, and the
//! record of the refused one. The filter starts twice in the same place, as two threads do, and is then given a good
//! document.

use helius_policy::config::Config;
use helius_policy::http::Headers;

use crate::envoy::{answer_call, begin, configure, end, show_headers, start, stop};
use crate::host::{Side, Terms, host};

const LAST_GOOD: &[u8] = b"helius/1/last_good/helius/helius";
const REFUSED: &[u8] = b"helius/1/refused/helius/helius";

const GOOD: &[u8] = b"service: good\n\
    routes: [{ name: r, match: { path_prefix: / }, upstream: { timeout: 1s, regions: [{ name: e, via: route }] } }]";

/// Starts the filter on one set of records.
///
/// # Panics
///
/// Where a promise is broken: that is a finding.
pub fn run(input: &[u8]) {
    let (document, records) = split(input);
    let (last_good, refused) = split(records);
    start();
    put(LAST_GOOD, last_good);
    put(REFUSED, refused);

    let first = configure(document);
    let said = host(|host| host.refusals);
    check(document, last_good, first);
    let second = configure(document);
    assert_eq!(host(|host| host.refusals), said, "the second thread says again what the first one said");
    check(document, last_good, second);

    let good = configure(GOOD);
    check(GOOD, b"", good);
    let still = host(|host| host.metrics.of("helius_filter_config_rejected").any(|value| value != 0));
    assert!(!still, "a gauge says rejected though the document is good");
    for root in [first, second, good] {
        stop(root);
    }
}

/// The document's records are as they must be, and its streams are protected by what is in force.
fn check(document: &[u8], last_good: &[u8], root: u32) {
    let in_force = if let Ok(config) = Config::parse(document) {
        assert_eq!(record(LAST_GOOD), document, "a good document is not kept");
        assert_ne!(rejected(config.service()), Some(true), "a good document counts as rejected");
        assert!(record(REFUSED).len() < size_of::<u64>(), "a good document leaves a refusal behind");
        Some(config)
    } else {
        assert_eq!(record(LAST_GOOD), last_good, "a bad document takes the place of the last good one");
        let config = Config::parse(last_good).ok();
        let service = config.as_ref().map_or("unknown", Config::service);
        assert_eq!(rejected(service), Some(true), "nobody is told that the document is refused");
        config
    };
    let headers = Headers::from_iter([(":method", "GET"), (":path", "/"), (":authority", "a")]);
    let is_protected = in_force.is_some_and(|config| config.route_of(&headers).is_some());
    assert_eq!(is_counted(root, headers), is_protected, "protected by another configuration than the one in force");
}

/// Whether a stream is protected: then its end is counted.
fn is_counted(root: u32, headers: Headers) -> bool {
    let before = host(|host| host.counted);
    let context = begin(root, Terms { request: headers.clone(), ..Terms::default() });
    show_headers(context, Side::Request, headers, true, false);
    end(context);
    // Of a strict document that lay there: the module must not go on waiting for it.
    while answer_call(Headers::new(), Vec::new()) {}
    host(|host| host.counted) > before
}

fn put(key: &[u8], record: &[u8]) {
    host(|host| host.shared.insert(key.to_vec(), (record.to_vec(), 1)));
}

fn record(key: &[u8]) -> Vec<u8> {
    host(|host| host.shared.get(key).map(|(record, _)| record.clone()).unwrap_or_default())
}

/// Whether the gauge of a service says so; `None` where there is no such gauge.
fn rejected(service: &str) -> Option<bool> {
    let gauge = format!("service=.={service};.;helius_filter_config_rejected");
    host(|host| host.metrics.of(&gauge).next()).map(|value| value != 0)
}

/// What stands before and behind the first line of `---`.
fn split(input: &[u8]) -> (&[u8], &[u8]) {
    const LINE: &[u8] = b"\n---\n";
    let at = input.windows(LINE.len()).position(|window| window == LINE).unwrap_or(input.len());
    (&input[..at], input.get(at + LINE.len()..).unwrap_or_default())
}
