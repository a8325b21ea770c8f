//! Where an HTTP/1.1 message begins and ends. Only what Envoy and the stand-ins here send: a length or chunks, and no
//! trailers.

use std::io;
use std::ops::Range;

const END_OF_HEAD: &[u8] = b"\r\n\r\n";
const END_OF_LINE: &[u8] = b"\r\n";

/// A POST of JSON with these headers more.
pub fn lean_post(path: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let headers: String = headers.iter().flat_map(|(name, value)| [name, ": ", value, "\r\n"]).collect();
    format!(
        "POST {path} HTTP/1.1\r\nhost: mesh\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// The length of the first message in these bytes, once all of it is there.
pub(super) fn length_of_first(bytes: &[u8]) -> io::Result<Option<usize>> {
    let Some(head) = head(bytes) else { return Ok(None) };
    let body = head.end;
    if header(&bytes[head.clone()], "transfer-encoding").is_some() {
        return chunks_end(bytes, body);
    }
    let length = match header(&bytes[head], "content-length") {
        None => 0,
        Some(value) => value.parse().map_err(|_| malformed("a length that is no number"))?,
    };
    Ok(Some(body + length).filter(|end| *end <= bytes.len()))
}

/// The first line and the headers, with what ends them.
pub(super) fn head(bytes: &[u8]) -> Option<Range<usize>> {
    find(bytes, END_OF_HEAD, 0).map(|at| 0..at + END_OF_HEAD.len())
}

/// The value of the first header of that name, if it is text.
pub(super) fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    let named = |line: &'a [u8]| {
        let (found, value) = line.split_at_checked(name.len())?;
        let value = value.strip_prefix(b":")?;
        found.eq_ignore_ascii_case(name.as_bytes()).then_some(value)
    };
    let value = head.split(|byte| *byte == b'\n').skip(1).find_map(named)?;
    std::str::from_utf8(value).ok().map(str::trim)
}

fn chunks_end(bytes: &[u8], mut at: usize) -> io::Result<Option<usize>> {
    loop {
        let Some(end) = find(bytes, END_OF_LINE, at) else { return Ok(None) };
        let size = std::str::from_utf8(&bytes[at..end]).ok().and_then(|text| usize::from_str_radix(text, 16).ok());
        let size = size.ok_or_else(|| malformed("a chunk without a size"))?;
        at = end + END_OF_LINE.len() + size + END_OF_LINE.len();
        if at > bytes.len() {
            return Ok(None);
        }
        if size == 0 {
            return Ok(Some(at));
        }
    }
}

fn find(bytes: &[u8], what: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    rest.windows(what.len()).position(|window| window == what).map(|at| from + at)
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_ends_where_its_length_or_its_last_chunk_says() {
        let messages = [
            "HTTP/1.1 204 No Content\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\na\r\n0\r\n\r\nworld\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nx-content-length: 9\r\ncontent-length: 0\r\n\r\n",
        ];
        for message in messages {
            let followed = format!("{message}HTTP/1.1 500").into_bytes();
            assert_eq!(length_of_first(&followed).unwrap(), Some(message.len()), "{message}");
            for cut in 0..message.len() {
                assert_eq!(length_of_first(&followed[..cut]).unwrap(), None, "{message} of {cut} bytes");
            }
        }
        assert!(length_of_first(b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n").is_err());
        assert!(length_of_first(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n").is_err());
    }
}
