//! Event streams (`text/event-stream`, WHATWG HTML, section 9.2.6): whether one has begun, and an answer in their form.

use crate::http::{Headers, Response};

const CONTENT_TYPE: &str = "content-type";
const EVENT_STREAM: &str = "text/event-stream";

/// Whether the client asks for a stream of events.
pub fn is_wanted(headers: &Headers) -> bool {
    headers.starts_with("accept", EVENT_STREAM)
}

/// Whether an answer with these headers is one.
pub fn is_one(headers: &Headers) -> bool {
    headers.starts_with(CONTENT_TYPE, EVENT_STREAM)
}

/// Whether a stream that begins with these bytes has brought an event: data, and the empty line after it. A comment, such
/// as servers send to keep a connection open, is none.
pub fn has_event(bytes: &[u8]) -> bool {
    let mut has_data = false;
    for line in lines(bytes) {
        match line {
            b"" if has_data => return true,
            b"data" => has_data = true,
            _ => has_data |= line.starts_with(b"data:"),
        }
    }
    false
}

/// The lines of `bytes` that have come to their end, by a line feed, a carriage return, or both.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    std::iter::from_fn(move || {
        let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'))?;
        let (line, behind) = rest.split_at_checked(end)?;
        let behind = behind.strip_prefix(b"\r\n").or_else(|| behind.get(1..)).unwrap_or_default();
        rest = behind;
        Some(line)
    })
}

/// The same answer as a stream of one event, unless it is a stream already.
#[must_use]
pub fn framed(mut response: Response) -> Response {
    if is_one(&response.headers) || !response.may_have_body() {
        return response;
    }
    response.headers.retain(|name| name != CONTENT_TYPE);
    response.headers.push(CONTENT_TYPE, EVENT_STREAM);
    let text = String::from_utf8_lossy(&response.body).replace("\r\n", "\n");
    let lines = text.split(['\n', '\r']).map(|line| format!("data: {line}\n"));
    response.body = lines.chain(["\n".to_owned()]).collect::<String>().into_bytes();
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_data_and_an_end() {
        let events: [&[u8]; 7] = [
            b"data: 1\n\n",
            b"data:1\r\n\r\n",
            b"data\r\r",
            b": keep-alive\n\nevent: token\ndata: 1\nid: 7\n\n",
            b"data: 1\n\nda",
            b"\xef\xbb\xbfdata: 1\n\n",
            b"data: \xff\n\n",
        ];
        for bytes in events {
            assert!(has_event(bytes), "{:?}", String::from_utf8_lossy(bytes));
        }
        let none: [&[u8]; 7] =
            [b"", b"data: 1\n", b"data: 1\r\n", b": keep-alive\n\n", b"retry: 10\n\n", b"database: 1\n\n", b"\n\n\n"];
        for bytes in none {
            assert!(!has_event(bytes), "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn an_answer_becomes_a_stream_of_one_event() {
        let framed_text = |text: &str| {
            let headers = Headers::from_iter([(CONTENT_TYPE, "application/json"), ("x-own", "kept")]);
            let response = framed(Response { status: 200, headers, body: text.into() });
            assert!(has_event(&response.body));
            assert_eq!(response.headers, Headers::from_iter([("x-own", "kept"), (CONTENT_TYPE, EVENT_STREAM)]));
            String::from_utf8(response.body).unwrap()
        };
        assert_eq!(framed_text(r#"{"confidence":0.0}"#), "data: {\"confidence\":0.0}\n\n");
        assert_eq!(framed_text("a\r\nb\rc\n"), "data: a\ndata: b\ndata: c\ndata: \n\n");
        assert_eq!(framed_text(""), "data: \n\n");
    }

    #[test]
    fn a_stream_is_left_as_it_is() {
        let headers = Headers::from_iter([(CONTENT_TYPE, "text/event-stream; charset=utf-8")]);
        let response = Response { status: 200, headers, body: b"data: [DONE]\n\n".into() };
        assert_eq!(framed(response.clone()), response);
    }
}
