//! Documents of overrides: what can be written, and what is said about the rest.

use helius_policy::overrides::{Change, Forced, Override};

use crate::setup::{NOON, overrides, past_noon};

const REFUSED: &str = include_str!("refused.txt");

#[test]
fn each_kind_can_be_written() {
    let written = overrides(&[
        "override: static, route: assist",
        "override: breaker, route: assist, region: us-east-1, state: open",
        "override: breaker, state: off",
        "override: rate_limit, service: router, scale: 0.25",
        "override: isolate, region: eu-south-1",
        "override: drain, region: us-east-1",
        "override: shadow",
    ]);
    let region = |name: &str| name.to_owned();
    let expected = [
        Change::Static,
        Change::Breaker { region: Some(region("us-east-1")), state: Forced::Open },
        Change::Breaker { region: None, state: Forced::Off },
        Change::RateLimit { scale: 0.25 },
        Change::Isolate { region: region("eu-south-1") },
        Change::Drain { region: region("us-east-1") },
        Change::Shadow,
    ];
    assert!(written.iter().map(|it| &it.change).eq(&expected), "{written:?}");
    assert_eq!(written[0].route.as_deref(), Some("assist"));
    assert_eq!(written[3].service.as_deref(), Some("router"));
    assert_eq!(written[6].until, past_noon(7));
}

#[test]
fn json_is_read_as_well() {
    let json =
        br#"{"overrides": [{"override": "shadow", "until": "2026-01-31T12:15:00Z", "reason": "r", "author": "a"}]}"#;
    assert_eq!(Override::parse(json, NOON).unwrap()[0].until, past_noon(15));
    assert_eq!(Override::parse(br#"{"overrides": []}"#, NOON), Ok(Vec::new()));
}

#[test]
fn one_that_has_ended_can_still_be_read() {
    assert!(overrides(&["override: shadow"])[0].is_over(past_noon(1)));
    assert!(!overrides(&["override: shadow"])[0].is_over(NOON));
}

#[test]
fn a_day_is_the_longest() {
    let until = |text: &str| {
        let text = format!("overrides: [{{ override: shadow, until: {text}, reason: r, author: a }}]");
        Override::parse(text.as_bytes(), NOON).is_ok()
    };
    assert!(until("2026-02-01T12:00:00Z"));
    assert!(until("2026-02-01T12:01:00Z"), "clocks differ");
    assert!(!until("2026-02-01T12:01:01Z"));
}

#[test]
fn what_is_wrong_is_said_in_these_words() {
    let cases = REFUSED.split("--- ").skip(1);
    let mut count = 0;
    for case in cases {
        let (title, rest) = case.split_once('\n').unwrap();
        let (document, message) = rest.split_once(">>>\n").unwrap();
        let error = Override::parse(document.as_bytes(), NOON).expect_err(title);
        assert_eq!(error.to_string(), message.trim_end(), "{title}");
        count += 1;
    }
    assert!(count >= 7, "{count}");
}

#[test]
fn there_are_64_at_most() {
    let entries = |count| vec!["override: shadow"; count];
    let text = |count| {
        let entry = "{ override: shadow, until: 2026-01-31T12:15:00Z, reason: r, author: a }";
        format!("overrides: [{}]", entries(count).iter().map(|_| entry).collect::<Vec<_>>().join(", "))
    };
    assert_eq!(Override::parse(text(64).as_bytes(), NOON).map(|it| it.len()), Ok(64));
    let error = Override::parse(text(65).as_bytes(), NOON).unwrap_err().to_string();
    assert!(error.contains("has more than 64 entries; remove those that are no longer needed"), "{error}");
}
