//! Bad documents, and the whole of what is said about each.
//!
//! `refused.txt` holds pairs: a line `--- what is wrong`, the document, a line `>>>`, and the message.

use helius_policy::config::Config;

const CASES: &str = include_str!("refused.txt");

/// Each case as its title, document and message.
fn cases() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    CASES.split("--- ").skip(1).map(|case| {
        let (title, rest) = case.split_once('\n').unwrap();
        let (document, message) = rest.split_once(">>>\n").unwrap();
        (title, document, message.trim_end())
    })
}

#[test]
fn every_bad_document_is_refused_in_these_words() {
    for (title, document, message) in cases() {
        let error = match Config::parse(document.as_bytes()) {
            Ok(_) => panic!("accepted: {title}"),
            Err(error) => error.to_string(),
        };
        assert_eq!(error, message, "{title}");
    }
    assert!(cases().count() >= 25);
}

#[test]
fn every_rule_comes_with_a_remedy() {
    for (title, _, message) in cases() {
        for line in message.lines().filter(|line| !line.contains("is not JSON:") && !line.contains("is not YAML:")) {
            assert!(line.contains("; ") || line.contains("? "), "{title}: {line}");
        }
    }
}

#[test]
fn a_document_that_is_not_text_is_refused() {
    // The second is how Envoy hands over `Struct { service: "router" }`.
    for (bytes, offset) in [(b"service: \xff".as_slice(), 9), (b"\n\x13\n\x07service\x12\x08\x1a\x06router", 1)] {
        let error = Config::parse(bytes).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "the document is not UTF-8 text (byte {offset}); give Envoy the text as a google.protobuf.StringValue, \
                 because a Struct arrives here encoded"
            )
        );
    }
}
