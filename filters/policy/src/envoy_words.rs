//! What went wrong, read from Envoy's own words.
//!
//! A failed answer of the primary carries Envoy's response code details (`response.code_details`), such as
//! `via_upstream` or `upstream_reset_before_response_started{remote_connection_failure|…}`. A failed callout carries
//! no details: Envoy makes up a 503 or a 504 whose body says the same in prose (`upstream connect error or
//! disconnect/reset before headers. reset reason: remote connection failure, …`). The words in the middle are the
//! same, so one table reads both. The spellings are those of Envoy 1.36 to 1.40.

use crate::http::Headers;
use crate::verdict::Failure;

/// Response code details of an answer that the upstream itself gave.
const VIA_UPSTREAM: &[u8] = b"via_upstream";

/// Only an answer that came from an upstream has this header; one that Envoy made up for a callout lacks it.
const SERVICE_TIME: &str = "x-envoy-upstream-service-time";

/// Whether an answer with these response code details came from the upstream and not from Envoy.
pub fn is_from_upstream(details: &[u8]) -> bool {
    details == VIA_UPSTREAM
}

/// What kind of failure a 5xx of the primary is, by its response code details.
pub fn failure_of_details(details: &[u8]) -> Failure {
    if is_from_upstream(details) {
        return Failure::ServerError;
    }
    let text = String::from_utf8_lossy(details);
    // The transport's own words come behind the bar and may say anything ("Connection_reset"): not ours to read.
    let reason = text.split_once('{').map_or(text.as_ref(), |(_, inside)| inside);
    failure_of_reason(reason.split(['|', '}']).next().unwrap_or_default())
}

/// How Envoy itself ended a stream whose answer had begun, by the stream's response code details; `None` where it was
/// the client who left, or where nothing went wrong.
pub fn failure_of_broken_off(details: &[u8]) -> Option<Failure> {
    let text = String::from_utf8_lossy(details);
    let by_upstream =
        text.starts_with("upstream_") || text.starts_with("response_") || text.starts_with("max_duration");
    by_upstream.then(|| failure_of_details(details))
}

/// What kind of failure a 5xx of a callout is.
pub fn failure_of_callout(headers: &Headers, body: &[u8]) -> Failure {
    if headers.first(SERVICE_TIME).is_some() {
        return Failure::ServerError;
    }
    if body.is_empty() {
        // What Envoy makes up for a HEAD has no words: a timeout has a status of its own, and of the rest a connection
        // that could not be made is by far the commonest.
        return if headers.status() == Some(504) { Failure::Timeout } else { Failure::Connect };
    }
    let text = String::from_utf8_lossy(body);
    let reason = text.split_once("reset reason: ").map_or(text.as_ref(), |(_, behind)| behind);
    failure_of_reason(&reason.split(',').next().unwrap_or_default().replace(' ', "_"))
}

/// The table that both spellings share.
fn failure_of_reason(reason: &str) -> Failure {
    const TABLE: [(&str, Failure); 12] = [
        ("connection_failure", Failure::Connect),
        ("connection_timeout", Failure::Connect),
        ("overflow", Failure::Overflow),
        ("no_healthy_upstream", Failure::NoHealthyUpstream),
        ("cluster_not_found", Failure::NoHealthyUpstream),
        ("timeout", Failure::Timeout),
        ("max_stream_duration", Failure::Timeout),
        ("max_duration", Failure::Timeout),
        ("reset", Failure::Reset),
        ("connection_termination", Failure::Reset),
        ("protocol_error", Failure::Reset),
        ("premature_upstream", Failure::Reset),
    ];
    TABLE.iter().find(|(words, _)| reason.contains(words)).map_or(Failure::ServerError, |(_, failure)| *failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_of_the_router_name_the_failure() {
        let cases = [
            ("via_upstream", Failure::ServerError),
            (
                "upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused}",
                Failure::Connect,
            ),
            ("upstream_reset_before_response_started{connection_timeout}", Failure::Connect),
            ("upstream_reset_before_response_started{connection_termination}", Failure::Reset),
            ("upstream_reset_before_response_started{remote_reset|timeout_in_the_transport's_words}", Failure::Reset),
            ("upstream_reset_before_response_started{protocol_error}", Failure::Reset),
            ("upstream_reset_before_response_started{overflow}", Failure::Overflow),
            ("upstream_per_try_timeout", Failure::Timeout),
            ("response_timeout", Failure::Timeout),
            ("upstream_max_stream_duration_reached", Failure::Timeout),
            ("no_healthy_upstream", Failure::NoHealthyUpstream),
            ("cluster_not_found", Failure::NoHealthyUpstream),
            ("fault_filter_abort", Failure::ServerError),
            ("", Failure::ServerError),
        ];
        for (details, failure) in cases {
            assert_eq!(failure_of_details(details.as_bytes()), failure, "{details}");
        }
        assert_eq!(failure_of_details(&[0xff, b'{', 0xfe]), Failure::ServerError);
    }

    #[test]
    fn a_callout_that_envoy_answered_itself_is_read_by_its_body() {
        let made_up = Headers::from_iter([(":status", "503"), ("content-type", "text/plain")]);
        let cases = [
            (
                "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure, transport failure reason: delayed connect error: Connection refused",
                Failure::Connect,
            ),
            (
                "upstream connect error or disconnect/reset before headers. reset reason: connection termination",
                Failure::Reset,
            ),
            ("upstream connect error or disconnect/reset before headers. reset reason: overflow", Failure::Overflow),
            ("upstream request timeout", Failure::Timeout),
            ("no healthy upstream", Failure::NoHealthyUpstream),
            ("words that nobody knows", Failure::ServerError),
            ("", Failure::Connect),
        ];
        for (body, failure) in cases {
            assert_eq!(failure_of_callout(&made_up, body.as_bytes()), failure, "{body}");
        }
    }

    #[test]
    fn a_callout_that_envoy_answered_without_a_word_is_read_by_its_status() {
        let made_up = Headers::from_iter([(":status", "504")]);
        assert_eq!(failure_of_callout(&made_up, b""), Failure::Timeout);
    }

    #[test]
    fn a_callout_that_a_region_answered_is_a_5xx_whatever_its_body_says() {
        let real = Headers::from_iter([(":status", "504"), (SERVICE_TIME, "12")]);
        assert_eq!(failure_of_callout(&real, b"upstream request timeout"), Failure::ServerError);
    }
}
