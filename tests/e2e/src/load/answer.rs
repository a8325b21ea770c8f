//! What came back for a request.

use std::fmt;

use super::message::{head, header};

/// An answer as it came over the wire.
#[derive(Clone, PartialEq, Eq)]
pub struct LeanAnswer(Box<[u8]>);

impl LeanAnswer {
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// The status code; 0 where there is none.
    pub fn status(&self) -> u16 {
        let status = self.0.split(|byte| *byte == b' ').nth(1).and_then(|code| std::str::from_utf8(code).ok());
        status.and_then(|code| code.parse().ok()).unwrap_or(0)
    }

    /// The first value of a header, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.0[head(&self.0)?], name)
    }

    /// The bytes of the body; none where it was sent in chunks.
    pub fn body(&self) -> Option<&[u8]> {
        let head = head(&self.0)?;
        header(&self.0[head.clone()], "transfer-encoding").is_none().then(|| &self.0[head.end..])
    }

    /// Whether the connection is not to be used again.
    pub(super) fn closes(&self) -> bool {
        self.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

impl fmt::Debug for LeanAnswer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&String::from_utf8_lossy(&self.0))
    }
}
