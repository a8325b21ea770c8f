//! The filter's own calls: the oldest is answered first.

use helius_policy::http::Headers;

use super::vm::call;
use crate::host::{CallAnswer, border, host};

/// Answers the oldest call, if there is one. Without headers it was reset; what no answer can have is left out.
pub(crate) fn answer_call(headers: Headers, mut body: Vec<u8>) -> bool {
    let Some(it) = host(|host| host.calls.pop_front()) else { return false };
    let count = headers.iter().count();
    if count == 0 || it.is_head || matches!(headers.status(), Some(204 | 304)) {
        body.clear();
    }
    let size = body.len();
    host(|host| {
        if let Some(stream) = it.stream.and_then(|stream| host.streams.get_mut(&stream)) {
            stream.ledger.is_told(headers.status(), body.clone());
        }
        host.call_answer = Some(CallAnswer { headers, body });
    });
    call(it.root, || border::proxy_on_http_call_response(it.root, it.token, count, size, 0));
    true
}

/// Answers the oldest question to the agent, if there is one. Without headers it was reset.
pub(crate) fn answer_agent(headers: Headers, mut body: Vec<u8>) -> bool {
    let Some(it) = host(|host| host.asked.pop_front()) else { return false };
    let count = headers.iter().count();
    if count == 0 || matches!(headers.status(), Some(204 | 304)) {
        body.clear();
    }
    let size = body.len();
    host(|host| host.call_answer = Some(CallAnswer { headers, body }));
    call(it.root, || border::proxy_on_http_call_response(it.root, it.token, count, size, 0));
    true
}
