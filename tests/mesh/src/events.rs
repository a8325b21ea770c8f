//! Streams of events (`text/event-stream`), told a second time.

use crate::fields::Fields;

/// The type of an answer that is one.
pub(crate) const EVENT_STREAM: &str = "text/event-stream";

/// Whether a request with these headers asks for one.
pub(crate) fn wants_events(headers: &Fields) -> bool {
    headers.text("accept").starts_with(EVENT_STREAM)
}

/// Whether an answer with these headers is one.
pub(crate) fn is_stream(headers: &Fields) -> bool {
    headers.status() == Some(200) && headers.text("content-type").starts_with(EVENT_STREAM)
}

/// After how many bytes the first event is there. Here lines end with a line feed only.
pub(crate) fn first_event(body: &[u8]) -> Option<usize> {
    let text = String::from_utf8_lossy(body);
    let data = if text.starts_with("data:") { 0 } else { text.find("\ndata:")? };
    Some(data + text[data..].find("\n\n")? + 2)
}

/// A text as the only event of a stream.
pub(crate) fn framed(text: &str) -> String {
    let lines = text.split('\n').map(|line| format!("data: {line}\n"));
    lines.chain(["\n".to_owned()]).collect()
}

#[cfg(test)]
mod tests {
    use super::first_event;

    #[test]
    fn a_comment_is_no_event_and_one_without_its_empty_line_is_none_yet() {
        assert_eq!(first_event(b": a\n\ndata: b\n\ndata: c\n\n"), Some(14));
        assert_eq!(first_event(b"data: b\n\n"), Some(9));
        assert_eq!(first_event(b": a\n\ndata: b\n"), None);
        assert_eq!(first_event(b": a\n\n: b\n\n"), None);
    }
}
