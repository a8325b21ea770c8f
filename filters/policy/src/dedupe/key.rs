//! What makes two requests the same message.

use std::hash::{DefaultHasher, Hasher};

use crate::http::Headers;

/// By what a message is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// The first value of this header.
    Header(String),
    /// The body, with the method and the whole path: the same reading of two sensors is two messages where the path says
    /// which one it is.
    Body,
}

impl Key {
    /// The hash of a message, or `None` where there is nothing to tell it apart by: without the header, with an empty
    /// one, without a body.
    ///
    /// `salt` is a number that clients do not know: who could choose a message with the hash of another could make it
    /// disappear.
    pub(super) fn hash(&self, headers: &Headers, body: &[u8], salt: u64) -> Option<u64> {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(salt);
        match self {
            Self::Header(name) => {
                let value = headers.first(name).filter(|value| !value.is_empty())?;
                write(&mut hasher, b"header");
                write(&mut hasher, name.as_bytes());
                write(&mut hasher, value);
            }
            Self::Body if body.is_empty() => return None,
            Self::Body => {
                write(&mut hasher, b"body");
                write(&mut hasher, headers.first(":method").unwrap_or_default());
                write(&mut hasher, headers.first(":path").unwrap_or_default());
                write(&mut hasher, body);
            }
        }
        Some(hasher.finish())
    }
}

/// With its length, so that no two lists of values look the same.
fn write(hasher: &mut DefaultHasher, value: &[u8]) {
    hasher.write_usize(value.len());
    hasher.write(value);
}
