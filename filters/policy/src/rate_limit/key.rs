//! Whom a limit counts together.

use std::hash::{DefaultHasher, Hasher};

use crate::http::Headers;

/// One property of a request by which a limit tells clients apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyPart {
    /// The first value of this header. All requests without it count together, so that nobody escapes by leaving it
    /// out.
    Header(String),
    /// The path, without the query string.
    Path,
    /// The method.
    Method,
    /// The client's address as Envoy sees it, without the port.
    SourceAddress,
}

/// What a limit looks at in a request.
pub trait Subject {
    /// The request's headers.
    fn headers(&self) -> &Headers;

    /// The client's address and port, such as `10.0.0.7:40112`. Asking Envoy for it costs a call.
    fn source(&self) -> Vec<u8>;
}

/// The hash of what `parts` find in a request.
///
/// `salt` is a number that clients do not know: who could choose keys that share a record could take the places in it.
pub(super) fn hash(parts: &[KeyPart], subject: &impl Subject, salt: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write_u64(salt);
    for part in parts {
        match part {
            KeyPart::Header(name) => write(&mut hasher, subject.headers().first(name)),
            KeyPart::Path => write(&mut hasher, Some(subject.headers().path())),
            KeyPart::Method => write(&mut hasher, subject.headers().first(":method")),
            KeyPart::SourceAddress => write(&mut hasher, Some(without_port(&subject.source()))),
        }
    }
    hasher.finish()
}

/// With its length, so that no two lists of values look the same.
fn write(hasher: &mut DefaultHasher, value: Option<&[u8]>) {
    let value = value.unwrap_or_default();
    hasher.write_usize(value.len());
    hasher.write(value);
}

fn without_port(address: &[u8]) -> &[u8] {
    let end = address.iter().rposition(|byte| *byte == b':').unwrap_or(address.len());
    address.get(..end).unwrap_or(address)
}
