//! HTTP messages as the filter sees them: names in lower case, values as bytes.
//!
//! Values are bytes because a header need not be UTF-8, and a request must not be able to stop the filter by sending
//! one that is not.

use std::time::{Duration, UNIX_EPOCH};

use crate::time::Timestamp;

/// The header that announces how long a body is.
pub const CONTENT_LENGTH: &str = "content-length";

/// Header fields in the order in which they came, pseudo-headers (`:path`, `:status`) included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, Vec<u8>)>);

impl Headers {
    /// No headers.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The first value of `name`, which is given in lower case.
    pub fn first(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_slice())
    }

    /// Every value of `name`.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.0.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.as_slice())
    }

    /// The path without the query string; empty where there is none.
    pub fn path(&self) -> &[u8] {
        let path = self.first(":path").unwrap_or_default();
        path.split(|byte| *byte == b'?').next().unwrap_or_default()
    }

    /// Puts a field behind those that are there.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        self.0.push((name.into(), value.into()));
    }

    /// Puts the fields of `other` behind those that are there.
    pub fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Keeps the fields for whose name `keep` says yes.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.0.retain(|(name, _)| keep(name));
    }

    /// The fields in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// The value of `:status`, if it is a number.
    pub fn status(&self) -> Option<u16> {
        self.first(":status").and_then(decimal)
    }

    /// The announced length of the body in bytes, if there is one that can be read.
    pub fn length(&self) -> Option<usize> {
        self.first(CONTENT_LENGTH).and_then(decimal)
    }

    /// Whether the first value of `name` starts with `prefix`, letter case aside.
    pub fn starts_with(&self, name: &str, prefix: &str) -> bool {
        self.first(name)
            .and_then(|value| value.get(..prefix.len()))
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
    }
}

impl From<Vec<(String, Vec<u8>)>> for Headers {
    fn from(fields: Vec<(String, Vec<u8>)>) -> Self {
        Self(fields)
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Headers {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(fields: I) -> Self {
        Self(fields.into_iter().map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).collect())
    }
}

/// A whole answer that the filter can give by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// 200 to 599.
    pub status: u16,
    /// Without pseudo-headers, and without the fields that say how the body is framed.
    pub headers: Headers,
    /// The bytes of the body, as the client gets them.
    pub body: Vec<u8>,
}

impl Response {
    /// An answer from what a callout brought: what belonged to that connection alone is left out.
    ///
    /// The answer to a HEAD keeps its `content-length`, which there speaks of a body that is never sent.
    pub fn from_callout(status: u16, mut headers: Headers, body: Vec<u8>, to_head: bool) -> Self {
        let is_kept = |name: &str| to_head && name == CONTENT_LENGTH;
        headers.retain(|name| is_kept(name) || !(name.starts_with(':') || is_hop_by_hop(name)));
        Self { status, headers, body }
    }

    /// Whether HTTP lets an answer with this status have a body.
    pub const fn may_have_body(&self) -> bool {
        !matches!(self.status, 204 | 205 | 304)
    }

    /// Sets `content-length`, unless it is there or the status forbids it.
    pub fn announce_length(&mut self) {
        if self.may_have_body() && self.headers.first(CONTENT_LENGTH).is_none() {
            self.headers.push(CONTENT_LENGTH, self.body.len().to_string());
        }
    }
}

/// Whether a header speaks of one connection or of the framing of one message, and so must not be copied to another.
///
/// The list is RFC 9110 section 7.6.1, `content-length` (Envoy counts again), and Envoy's own `x-envoy-*`, which
/// steer the router that meets them: `x-envoy-upstream-rq-timeout-ms` would override a callout's deadline.
pub fn is_hop_by_hop(name: &str) -> bool {
    const NAMES: [&str; 10] = [
        "connection",
        CONTENT_LENGTH,
        "expect",
        "keep-alive",
        "proxy-authenticate",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    NAMES.contains(&name) || name.starts_with("x-envoy-")
}

/// Whether a request is of a kind that no ladder can take over, whatever its route says, and so passes untouched: an
/// upgrade or a tunnel (its answer never ends).
pub fn passes_untouched(headers: &Headers) -> bool {
    headers.first("upgrade").is_some() || headers.first(":method") == Some(b"CONNECT")
}

/// The wait that the value of a `Retry-After` asks for (RFC 9110, 10.2.3): a number of seconds, or a date that is still to
/// come.
pub fn retry_after(value: &[u8], now: Timestamp) -> Option<Duration> {
    if let Some(seconds) = decimal(value) {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(std::str::from_utf8(value).ok()?).ok()?;
    let date = Timestamp::from_epoch(date.duration_since(UNIX_EPOCH).ok()?);
    Some(date.since(now)).filter(|wait| !wait.is_zero())
}

/// A span as headers write it: whole seconds, rounded up, so that nobody who waits that long is too early.
pub fn whole_seconds(span: Duration) -> u64 {
    span.as_secs().saturating_add(u64::from(span.subsec_nanos() > 0))
}

/// A number as headers write it.
pub fn decimal<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_that_is_not_a_number_is_no_status() {
        assert_eq!(Headers::from_iter([(":status", "204")]).status(), Some(204));
        assert_eq!(Headers::from_iter([(":status", "ok")]).status(), None);
        assert_eq!(Headers::from(vec![(":status".to_owned(), vec![0xff])]).status(), None);
        assert_eq!(Headers::new().status(), None);
    }

    #[test]
    fn a_prefix_is_compared_without_letter_case_and_without_panic() {
        let headers = Headers::from_iter([("content-type", "Application/GRPC+proto"), ("accept", "a")]);
        assert!(headers.starts_with("content-type", "application/grpc"));
        assert!(!headers.starts_with("accept", "application/grpc"));
        assert!(!headers.starts_with("absent", "a"));
    }

    #[test]
    fn what_no_ladder_can_take_over_passes_untouched() {
        let untouched = [[(":method", "GET"), ("upgrade", "websocket")], [(":method", "CONNECT"), ("x", "")]];
        for headers in untouched {
            assert!(passes_untouched(&headers.into_iter().collect()), "{headers:?}");
        }
        let plain = [(":method", "POST"), ("content-type", "application/json"), ("accept", "*/*")];
        assert!(!passes_untouched(&plain.into_iter().collect()));
    }

    #[test]
    fn a_wait_is_a_number_of_seconds_or_a_date() {
        // 25 November 2026, 12:00:00.
        let now = Timestamp::from_millis(1_795_608_000_000);
        let cases = [
            ("0", Some(0)),
            ("7", Some(7)),
            ("Wed, 25 Nov 2026 12:00:30 GMT", Some(30)),
            ("Wed, 25 Nov 2026 12:00:00 GMT", None),
            ("Wed, 25 Nov 2026 11:59:59 GMT", None),
            ("Thu, 01 Jan 1970 00:00:00 GMT", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ];
        for (value, seconds) in cases {
            assert_eq!(retry_after(value.as_bytes(), now), seconds.map(Duration::from_secs), "{value}");
        }
        assert_eq!(retry_after(&[0xff], now), None);
    }

    #[test]
    fn a_span_is_written_as_whole_seconds_and_never_too_short() {
        for (millis, seconds) in [(0, 0), (1, 1), (999, 1), (1_000, 1), (1_001, 2)] {
            assert_eq!(whole_seconds(Duration::from_millis(millis)), seconds);
        }
    }

    #[test]
    fn an_answer_of_a_callout_loses_what_belonged_to_its_connection() {
        let headers = Headers::from_iter([
            (":status", "200"),
            ("content-type", "application/json"),
            ("content-length", "17"),
            ("transfer-encoding", "chunked"),
            ("x-envoy-upstream-service-time", "3"),
            ("x-model", "v7"),
        ]);
        let response = Response::from_callout(200, headers, b"{}".to_vec(), false);
        assert_eq!(response.headers.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["content-type", "x-model"]);
    }
}
