//! Text of any kind: a document is read or refused, and never takes the filter down.

use helius_policy::config::Config;
use proptest::prelude::*;

/// A good document to spoil.
const GOOD: &str = "service: router
mode: shadow
routes:
  - name: &name assist
    match: { path_regex: '/assist|/a', methods: [POST], headers: { x-tenant: acme } }
    admission:
      isolate: { region_header: x-region, regions: [eu-south-1] }
      rate_limit: [{ key: [{ header: x-tenant }, path], rate: 100/s, burst: 200, headers: all }]
      dedupe: { key: { header: x-message-id }, window: 60s, status: 202, replay_answer: true, max_answers: 16 }
    upstream:
      timeout: 2s
      regions: [{ name: east, via: route }, { name: west, cluster: c, timeout: 250ms, authority: west.example }]
      fail_on: [connect, 5xx]
      replay: { methods: [GET, POST], max_body: 64KiB }
    fail_open:
      static:
        - { status: 200, headers: { x-a: b }, body: { confidence: 0.0, list: [1, 2.5, null, true, \"x\"] } }
";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in any::<Vec<u8>>()) {
        let _ = Config::parse(&bytes);
    }

    #[test]
    fn any_text_that_looks_like_yaml_is_read_or_refused(text in "[-\\[\\]{}:,&*!|>'\"#%@`~ \\n\\ta-c0-9.]{0,60}") {
        let _ = Config::parse(text.as_bytes());
    }

    #[test]
    fn a_good_document_with_a_spoilt_spot_is_read_or_refused(
        at in 0..GOOD.len(),
        cut in 0usize..12,
        put in "[-\\[\\]{}:,&*!|>'\"# \\na-z0-9]{0,6}",
    ) {
        prop_assert!(Config::parse(GOOD.as_bytes()).is_ok());
        let spoilt = [&GOOD[..at], &put, &GOOD[(at + cut).min(GOOD.len())..]].concat();
        if let Err(error) = Config::parse(spoilt.as_bytes()) {
            prop_assert!(!error.to_string().is_empty(), "refused without a word");
        }
    }
}
