//! What `helius-agent validate --explain` says.

use helius_agent::validate::check_text;

fn explained(text: &str) -> String {
    let report = check_text(text.as_bytes());
    assert_eq!(report.problems, []);
    report.good[0].explanation()
}

fn route(more: &str) -> String {
    format!(
        "service: router\nroutes:\n  - name: assist\n    match: {{ path: /assist }}\n    upstream:\n      timeout: 2s\n      \
         regions: [{{ name: east, via: route }}, {{ name: west, cluster: w }}]\n{more}"
    )
}

#[test]
fn what_is_not_written_is_told_as_its_default() {
    let expected = "\
router: decisions are carried out

1. assist: requests to /assist
   - east is asked first, by Envoy's own route, and has 45 % of the whole time until its answer begins
   - then west is called (cluster w), and has 45 % of the whole time for its whole answer
   - all of that takes at most 2s
   - the next region is asked after any failure; what may be sent a second time is GET, HEAD and PUT with a body of at most 64KiB
   - a region is left alone after 7 failures in a row, or when 50 % of at least 20 calls in 30s fail; for 5s to 60s, and until 3 probes have gone well
   - an answer is one only if it has something at /items and is at most 256KiB long
   - when no region answers, the client gets the newest good answer to the same path and body, up to 1h old

Every other request passes untouched.
";
    let more = "      circuit_breaker: {}\n    output: { non_empty: /items }\n    fail_open: { last_good: {} }\n";
    assert_eq!(explained(&route(more)), expected);
}

#[test]
fn what_is_written_is_told_as_it_is_written() {
    let cases = [
        ("      strict: true\n", "east is called first by the filter itself"),
        ("      fail_on: [connect, 5xx]\n", "asked after connect and 5xx;"),
        ("      circuit_breaker: { mode: off }\n", "no region is ever left alone"),
        ("      circuit_breaker: { mode: shadow }\n", "a region would be left alone"),
        ("      circuit_breaker: { failure_rate: 0.07 }\n", "or when 7 % of at least 20 calls"),
        ("    fail_open: { last_good: { fresh: 2h } }\n", "up to the longer of 2h and 1h old"),
        ("    fail_open: { static: [{ status: 503 }] }\n", "the client gets the static answer (503)"),
        ("    admission: { rate_limit: [{ rate: 5/s }] }\n", "all requests together may ask 5/s; more are turned away"),
        (
            "    admission: { dedupe: { key: body } }\n",
            "known by its body, goes on once in 60s; its duplicates get 202",
        ),
        ("", "the client gets the primary's own failure, marked"),
    ];
    for (more, sentence) in cases {
        let text = explained(&route(more));
        assert!(text.contains(sentence), "{more} gives\n{text}");
    }
}

#[test]
fn shadow_mode_and_a_document_without_routes_are_told_as_such() {
    let expected = "router: decisions are made and counted, and nothing is changed (shadow)\n\nNo route: every request passes untouched.\n";
    assert_eq!(explained("service: router\nmode: shadow\nroutes: []\n"), expected);
}
