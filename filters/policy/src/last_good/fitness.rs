//! Which answers may be given again, to whoever asks the same.

use super::{KeyPart, LastGood};
use crate::http::{Headers, Response};
use crate::kept_answer::OWN_HEADERS;

/// What a client shows to be somebody.
pub(super) const CREDENTIALS: [&str; 2] = ["authorization", "cookie"];

impl LastGood {
    /// Whether an answer with this status may be worth a look at its headers.
    pub const fn may_keep(status: u16) -> bool {
        matches!(status, 200..=299) && !matches!(status, 204..=206)
    }

    /// Whether an answer that begins so may be kept, should it end well.
    pub fn may_keep_one_with(&self, status: u16, headers: &Headers) -> bool {
        Self::may_keep(status)
            && headers.length().is_none_or(|announced| (1..=self.max_body).contains(&announced))
            && headers.all("content-encoding").all(|encoding| encoding.eq_ignore_ascii_case(b"identity"))
            && !headers.starts_with("content-type", "text/event-stream")
            && headers.first("set-cookie").is_none()
            && headers.first("trailer").is_none()
            && items(headers, "cache-control").all(|directive| self.allows(directive))
            && items(headers, "vary").all(|name| self.tells_apart(name))
            // It is not what a healthy region says, and it says so.
            && !headers.iter().any(|(name, _)| name.starts_with(OWN_HEADERS))
    }

    /// The same of a whole answer.
    pub(super) fn may_keep_whole(&self, response: &Response) -> bool {
        (1..=self.max_body).contains(&response.body.len()) && self.may_keep_one_with(response.status, &response.headers)
    }

    /// Whether a directive of `cache-control` lets the answer be kept. How long it is fresh is not asked: an answer that
    /// is too old is what this rung is for. One for a single user is kept where the key says who that is.
    fn allows(&self, directive: &[u8]) -> bool {
        let name = directive.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii_end();
        let is_shared = !self.across_credentials && !CREDENTIALS.iter().any(|name| self.has_header(name));
        !(name.eq_ignore_ascii_case(b"no-store") || (is_shared && name.eq_ignore_ascii_case(b"private")))
    }

    /// Whether requests that differ in the header of this name have different keys, or the header makes no difference to
    /// an answer that is not encoded.
    fn tells_apart(&self, name: &[u8]) -> bool {
        let name = name.to_ascii_lowercase();
        name == b"accept-encoding" || std::str::from_utf8(&name).is_ok_and(|name| self.has_header(name))
    }

    pub(super) fn has_header(&self, name: &str) -> bool {
        self.parts.iter().any(|part| matches!(part, KeyPart::Header(it) if it == name))
    }
}

/// The items of a list in a header, whatever number of lines it has.
fn items<'a>(headers: &'a Headers, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    let items = headers.all(name).flat_map(|value| value.split(|byte| *byte == b','));
    items.map(<[u8]>::trim_ascii).filter(|item| !item.is_empty())
}
