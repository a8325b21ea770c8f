//! How many requests of whom are let in: `rate_limit`.

use std::time::Duration;

use super::super::document::Value;
use super::super::scalar;
use super::super::section::Cursor;
use super::{LARGEST_MAX_KEYS, header_name};
use crate::rate_limit::{KeyPart, Quota, Rate, RateLimit};

/// Keys that a limit remembers at a time. Ten thousand take 160 KiB of Envoy's memory, once for all workers.
const DEFAULT_MAX_KEYS: u32 = 10_000;
/// Beyond it the time between two requests, in whole nanoseconds, no longer says the rate to 1 %.
const HIGHEST_PER_SECOND: u64 = 10_000_000;

const RATE: &str = "write a number and a unit of time, such as 500000/s, 20/min or 1000/h";
const KEY: &str = "write a list such as [{ header: x-tenant }, path, method, source_address]";

/// Reads the limits of the route whose shared state lies under `scope`.
pub(super) fn read(at: &mut Cursor<'_, '_>, scope: &str) -> Option<Vec<RateLimit>> {
    let mut index = 0_u32;
    at.list("write a list of limits such as { key: [{ header: x-tenant }], rate: 100/s, burst: 200 }", |at| {
        let limit = limit(at, &format!("{scope}/{index}"));
        index = index.saturating_add(1);
        limit
    })
}

fn limit(at: &mut Cursor<'_, '_>, name: &str) -> Option<RateLimit> {
    let mut section = at.section("write a section such as { rate: 100/s, burst: 200 }")?;
    let key = section.optional("key", |at| at.list(KEY, key_part));
    let rate = section.required("rate", RATE, rate);
    let burst = section.optional("burst", |at| scalar::count(at, 1, u32::MAX, "a number of requests"));
    let max_keys = section.optional("max_keys", |at| scalar::count(at, 1, LARGEST_MAX_KEYS, "a number of keys"));
    let headers = section
        .optional("headers", |at| scalar::word(at, "a choice of headers", &[("retry_after", false), ("all", true)]));
    section.close();
    let rate = rate?;
    let quota = Quota::new(rate, burst?.unwrap_or_else(|| rate.in_a_second()));
    let limit = RateLimit::new(name, key?.unwrap_or_default(), quota, max_keys?.unwrap_or(DEFAULT_MAX_KEYS));
    Some(if headers?.unwrap_or(false) { limit.telling_all() } else { limit })
}

fn key_part(at: &mut Cursor<'_, '_>) -> Option<KeyPart> {
    if !matches!(at.node.value, Value::Map(_)) {
        let words = [("path", KeyPart::Path), ("method", KeyPart::Method), ("source_address", KeyPart::SourceAddress)];
        return scalar::key_part(at, &words.each_ref().map(|(word, part)| (*word, part)), KEY).cloned();
    }
    let mut section = at.section(KEY)?;
    let header = section.required("header", "write the header's name, such as x-tenant", header_name);
    section.close();
    Some(KeyPart::Header(header?))
}

fn rate(at: &mut Cursor<'_, '_>) -> Option<Rate> {
    let text = at.text(RATE)?;
    let Some(rate) = parse_rate(text) else { return at.refuse("is not a rate", RATE) };
    if u64::from(rate.count) > rate.per.as_secs().saturating_mul(HIGHEST_PER_SECOND) {
        return at.refuse(
            format!("is too high: at most {HIGHEST_PER_SECOND}/s"),
            "write a lower rate, or no limit where none is needed",
        );
    }
    Some(rate)
}

fn parse_rate(text: &str) -> Option<Rate> {
    let (count, unit) = text.split_once('/')?;
    let per = match unit.trim() {
        "s" => 1,
        "min" => 60,
        "h" => 3_600,
        _ => return None,
    };
    let count = count.trim().parse().ok().filter(|count| *count > 0)?;
    Some(Rate { count, per: Duration::from_secs(per) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_a_number_and_a_unit() {
        let rate = |count, seconds| Some(Rate { count, per: Duration::from_secs(seconds) });
        let cases = [
            ("500000/s", rate(500_000, 1)),
            ("20/min", rate(20, 60)),
            ("1 / h", rate(1, 3_600)),
            ("4294967295/h", rate(u32::MAX, 3_600)),
            ("4294967296/h", None),
            ("0/s", None),
            ("-1/s", None),
            ("1.5/s", None),
            ("10", None),
            ("10/", None),
            ("10/day", None),
            ("/s", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_rate(text), expected, "{text}");
        }
    }
}
