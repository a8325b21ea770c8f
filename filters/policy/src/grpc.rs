//! gRPC (the protocol over HTTP/2): what its status means to the ladder, and an answer that says nothing but a status.

use crate::envoy_words::{failure_of_details, is_from_upstream};
use crate::http::{Headers, Response, decimal};
use crate::verdict::{Failure, Verdict};

/// The header that carries the status.
pub const STATUS: &str = "grpc-status";
/// The header that carries what it says to a person.
pub const MESSAGE: &str = "grpc-message";

const CONTENT_TYPE: &str = "content-type";
const GRPC: &[u8] = b"application/grpc";

/// The names of the statuses, each at the place of its number.
pub const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// The place among them of a service that cannot be reached now.
pub(crate) const UNAVAILABLE: u8 = 14;

/// A status, as an answer of the filter says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrpcStatus {
    /// 0 to 16.
    pub(crate) code: u8,
    /// Visible ASCII without `%`, so that it is the same in every encoding.
    pub(crate) message: String,
}

impl GrpcStatus {
    /// The answer of a server that has nothing else to say.
    pub(crate) fn response(&self) -> Response {
        let code = self.code.to_string();
        let fields = [(CONTENT_TYPE, "application/grpc"), (STATUS, code.as_str()), (MESSAGE, self.message.as_str())];
        let headers = fields.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        Response { status: 200, headers, body: Vec::new() }
    }
}

/// Whether a request with these headers is one of gRPC. One of gRPC-Web is not: its status comes in the body.
pub fn is_request(headers: &Headers) -> bool {
    let rest = headers.first(CONTENT_TYPE).and_then(|kind| kind.strip_prefix(GRPC));
    rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

/// Whether this is an answer that says nothing but a status.
pub fn is_status_alone(response: &Response) -> bool {
    response.body.is_empty() && response.headers.first(STATUS).is_some()
}

/// The judgement of an answer with these headers, of which `details` are Envoy's words, where they have a status. What
/// the service itself says of a request is as good as a 4xx; that it cannot serve is a failure.
pub fn verdict(headers: &Headers, details: &[u8]) -> Option<Verdict> {
    let status: u8 = headers.first(STATUS).and_then(decimal)?;
    let failure = if is_from_upstream(details) { Failure::ServerError } else { failure_of_details(details) };
    Some(match status {
        0 => Verdict::Ok,
        4 => Verdict::Failure(Failure::Timeout),
        8 => Verdict::RateLimited,
        2 | 13 | 14 | 15 => Verdict::Failure(failure),
        _ => Verdict::ClientError,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_known_by_its_type() {
        let cases = [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("application/grpc;charset=utf-8", true),
            ("application/grpc-web", false),
            ("application/json", false),
        ];
        for (kind, expected) in cases {
            assert_eq!(is_request(&Headers::from_iter([(CONTENT_TYPE, kind)])), expected, "{kind}");
        }
    }

    #[test]
    fn a_status_is_judged_as_its_like_in_http() {
        let refused = "upstream_reset_before_response_started{remote_connection_failure|refused}";
        let cases = [
            ("0", "via_upstream", Some(Verdict::Ok)),
            ("3", "via_upstream", Some(Verdict::ClientError)),
            ("16", "via_upstream", Some(Verdict::ClientError)),
            ("8", "via_upstream", Some(Verdict::RateLimited)),
            ("4", "via_upstream", Some(Verdict::Failure(Failure::Timeout))),
            ("14", "via_upstream", Some(Verdict::Failure(Failure::ServerError))),
            ("14", refused, Some(Verdict::Failure(Failure::Connect))),
            ("14", "upstream_per_try_timeout", Some(Verdict::Failure(Failure::Timeout))),
            ("99", "via_upstream", Some(Verdict::ClientError)),
            ("", "via_upstream", None),
        ];
        for (status, details, expected) in cases {
            assert_eq!(verdict(&Headers::from_iter([(STATUS, status)]), details.as_bytes()), expected, "{status}");
        }
        assert_eq!(verdict(&Headers::new(), b"via_upstream"), None);
    }
}
