//! An answer that Envoy makes, for itself or because the filter wants one. One to a client that speaks gRPC is a status
//! in the headers and nothing behind it, whatever else there was to say.

use helius_policy::grpc;
use helius_policy::http::{CONTENT_LENGTH, Headers};

use crate::host::{Reply, Stream};

/// What the client of `stream` gets of a reply.
pub(super) fn form(stream: &Stream, reply: Reply) -> (Headers, Vec<u8>) {
    let Reply { status, headers: given, body, grpc_status } = reply;
    if stream.ledger.is_grpc() {
        let code = u32::try_from(grpc_status).unwrap_or_else(|_| of_http(status)).to_string();
        let mut headers = Headers::from_iter([(":status", "200"), ("content-type", "application/grpc")]);
        headers.push(grpc::STATUS, code);
        if !body.is_empty() {
            headers.push(grpc::MESSAGE, body);
        }
        headers.append(given);
        return (headers, Vec::new());
    }
    let mut headers = Headers::new();
    headers.push(":status", status.to_string());
    headers.append(given);
    if !body.is_empty() {
        headers.retain(|name| name != CONTENT_LENGTH);
        headers.push(CONTENT_LENGTH, body.len().to_string());
    }
    (headers, body)
}

/// Where nobody says a gRPC status, by the mapping of gRPC's own specification.
const fn of_http(status: u32) -> u32 {
    match status {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502..=504 => 14,
        _ => 2,
    }
}
