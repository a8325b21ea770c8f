//! gRPC, as far as an answer's headers speak of it.

use crate::fields::Fields;

/// The header that has the status of an answer with nothing behind it.
pub(crate) const STATUS: &str = "grpc-status";

/// The type of a request, and of an answer.
pub(crate) const TYPE: &str = "application/grpc";

/// Whether a request with these headers is one of gRPC.
pub(crate) fn is_grpc(headers: &Fields) -> bool {
    headers.text("content-type") == TYPE
}

/// The verdict's word for an answer with this status.
pub(crate) fn word_of(status: &str) -> &'static str {
    match status {
        "0" => "ok",
        "4" => "timeout",
        "8" => "rate_limited",
        "2" | "13" | "14" | "15" => "5xx",
        _ => "client_error",
    }
}

/// What Envoy makes of a reply with this status of HTTP.
pub(crate) const fn status_of(http: u16) -> &'static str {
    match http {
        400 => "13",
        401 => "16",
        403 => "7",
        404 => "12",
        429 | 502..=504 => "14",
        _ => "2",
    }
}
