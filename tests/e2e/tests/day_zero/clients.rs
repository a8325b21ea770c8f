//! What the clients ask, what they can use, and what they saw.

use std::io::{Write, stderr};

use helius_e2e::{Sent, lean_post};
use jsonschema::Validator;
use serde_json::{Value, json};

/// The rungs in the order of the ladder, as the answers name them.
const RUNGS: [&str; 3] = ["primary", "secondary", "static"];

/// What a decision has to be.
pub(crate) fn output() -> Value {
    json!({ "schema": schema(), "min_confidence": { "pointer": "/confidence", "bound": 0.5 } })
}

fn schema() -> Value {
    json!({
        "type": "object",
        "required": ["action", "confidence"],
        "properties": {
            "action": { "type": "string", "minLength": 1 },
            "confidence": { "type": "number", "minimum": 0, "maximum": 1 },
        },
    })
}

/// Most ask with a body, and each tenth without.
pub(crate) fn question(number: u32) -> Vec<u8> {
    if number.is_multiple_of(10) {
        return b"GET /assist HTTP/1.1\r\nhost: mesh\r\n\r\n".to_vec();
    }
    lean_post("/assist", &[], r#"{"id": 7, "question": "does it hold?"}"#)
}

/// What became of the requests, in order.
pub(crate) struct Seen<'a> {
    sent: &'a [Sent],
    validator: Validator,
}

impl<'a> Seen<'a> {
    pub(crate) fn of(sent: &'a [Sent]) -> Self {
        Self { sent, validator: jsonschema::validator_for(&schema()).unwrap() }
    }

    pub(crate) fn len(&self) -> u32 {
        self.sent.len().try_into().unwrap()
    }

    /// How many each rung has answered.
    pub(crate) fn by_rung(&self) -> [u64; 3] {
        count(self.sent)
    }

    /// A table, on the terminal also when the test passes.
    pub(crate) fn tell(&self, phases: &[(&str, u32)]) {
        let mut out = stderr().lock();
        let _ = writeln!(out, "  phase              requests  primary secondary   static      p50      p99");
        let ends = phases.iter().skip(1).map(|(_, begin)| *begin).chain([self.len()]);
        for ((what, begin), end) in phases.iter().zip(ends) {
            let sent = &self.sent[*begin as usize..end as usize];
            let [primary, secondary, fixed] = count(sent);
            let mut took: Vec<_> = sent.iter().map(|sent| sent.took.as_secs_f64() * 1000.0).collect();
            took.sort_unstable_by(f64::total_cmp);
            let [p50, p99] = [50, 99].map(|percent| took[took.len() * percent / 100]);
            let total = sent.len();
            let _ = writeln!(
                out,
                "  {what:<18} {total:>8} {primary:>8} {secondary:>9} {fixed:>8} {p50:>5.1} ms {p99:>5.1} ms"
            );
        }
    }

    /// Each is an answer that its reader can use, and says so where it is not what a healthy primary would have said.
    pub(crate) fn assert_all_good(&self) {
        for sent in self.sent {
            let number = sent.number;
            let Some(answer) = &sent.answer else { panic!("request {number} has no answer") };
            assert_eq!(answer.status(), 200, "request {number}: {answer:?}");
            let body = answer.body().unwrap_or_else(|| panic!("request {number}: {answer:?}"));
            let body: Value = serde_json::from_slice(body).unwrap_or_else(|_| panic!("request {number}: {answer:?}"));
            assert!(self.validator.is_valid(&body), "request {number}: {answer:?}");
            let confidence = body["confidence"].as_f64();
            let marks = ["served-by", "degraded", "attempts"].map(|mark| sent.header(&format!("x-helius-{mark}")));
            match (rung(sent), sent.header("region")) {
                ("primary", Some("us-east-1")) => assert_eq!((confidence, marks), (Some(0.93), [None; 3])),
                ("secondary", Some("us-west-2")) => {
                    assert!(
                        confidence == Some(0.93) && marks.iter().all(Option::is_some),
                        "request {number}: {answer:?}"
                    );
                }
                ("static", None) => {
                    assert!(
                        confidence == Some(0.0) && marks.iter().all(Option::is_some),
                        "request {number}: {answer:?}"
                    );
                }
                _ => panic!("request {number}: {answer:?}"),
            }
        }
    }

    /// In each of these phases some answers were the secondary's and some were static: both rungs were needed.
    pub(crate) fn assert_degraded_in_each(&self, begins: &[u32]) {
        for begin in begins {
            let sent = &self.sent[*begin as usize..];
            let [_, secondary, fixed] = count(&sent[..8000]);
            assert!(secondary > 0 && fixed > 0, "from request {begin}: {secondary} and {fixed}");
        }
    }

    /// From this request on all is as if nothing had happened.
    pub(crate) fn assert_plain_since(&self, number: u32) {
        let strays = self.sent[number as usize..].iter().filter(|sent| rung(sent) != "primary").count();
        assert_eq!(strays, 0, "not the primary's, of the last {}", self.len() - number);
    }
}

fn rung(sent: &Sent) -> &str {
    sent.header("x-helius-served-by").unwrap_or(RUNGS[0])
}

fn count(sent: &[Sent]) -> [u64; 3] {
    RUNGS.map(|it| sent.iter().filter(|sent| rung(sent) == it).count() as u64)
}
