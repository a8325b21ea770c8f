//! Which requests have the same answer.
//!
//! A key is spelled out and not only hashed: it lies in the record beside the answer and is compared as a whole, so that
//! no two clients who happen to share a hash share an answer. The body alone is hashed, with 128 bits and a salt.

use std::hash::{DefaultHasher, Hasher};

use crate::http::Headers;

/// One property of a request in which those with the same answer agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyPart {
    /// The whole path, with its query: two users may differ in nothing else.
    Path,
    /// All values of this header. To have none is something else than to have an empty one.
    Header(String),
    /// The whole body.
    Body,
}

/// What tells the answer to a request from the answers to others, as far as the request has come.
#[derive(Debug)]
pub struct Key {
    /// Everything but the body.
    spelled: Vec<u8>,
    body: Body,
}

#[derive(Debug)]
enum Body {
    /// It makes no difference.
    Any,
    /// It is on its way.
    Growing(Growing),
    Whole([u64; 2]),
    /// Nobody will know.
    Unknown,
}

#[derive(Debug)]
struct Growing {
    hashers: [DefaultHasher; 2],
    length: usize,
    most: usize,
}

impl Key {
    /// The key of a request with these headers, of whose body at most `most` bytes are read.
    ///
    /// `salt` is a number that clients do not know: who could choose two bodies with the same hash could have one
    /// answered with the answer to the other.
    pub(super) fn new(parts: &[KeyPart], headers: &Headers, end_of_stream: bool, salt: u64, most: usize) -> Self {
        let mut spelled = Vec::new();
        write_all(&mut spelled, headers, ":method");
        write_all(&mut spelled, headers, ":authority");
        for part in parts {
            match part {
                KeyPart::Path => write_all(&mut spelled, headers, ":path"),
                KeyPart::Header(name) => write_all(&mut spelled, headers, name),
                KeyPart::Body => {}
            }
        }
        let body = if parts.contains(&KeyPart::Body) {
            let hashers = [1, 2].map(|number| {
                let mut hasher = DefaultHasher::new();
                hasher.write_u64(salt);
                hasher.write_u8(number);
                hasher
            });
            Body::Growing(Growing { hashers, length: 0, most })
        } else {
            Body::Any
        };
        let mut this = Self { spelled, body };
        if headers.length().is_some_and(|announced| announced > most) {
            this.give_up();
        } else if end_of_stream {
            this.extend(&[], 0, true);
        }
        this
    }

    /// Whether the body makes a difference, and more of it is still to come.
    pub const fn is_growing(&self) -> bool {
        matches!(self.body, Body::Growing(_))
    }

    /// More of the body has come, `size` bytes, which should be those of the chunk.
    pub fn extend(&mut self, chunk: &[u8], size: usize, end_of_stream: bool) {
        let Body::Growing(Growing { hashers, length, most }) = &mut self.body else { return };
        *length = length.saturating_add(size);
        if chunk.len() != size || *length > *most {
            return self.give_up();
        }
        for hasher in hashers.iter_mut() {
            hasher.write(chunk);
        }
        if end_of_stream {
            self.body = Body::Whole(hashers.each_ref().map(Hasher::finish));
        }
    }

    /// The body will not be known, if it makes a difference.
    pub fn give_up(&mut self) {
        if self.is_growing() {
            self.body = Body::Unknown;
        }
    }

    /// The key as bytes, where all of it is known.
    pub fn whole(&self) -> Option<Vec<u8>> {
        let mut bytes = self.spelled.clone();
        match self.body {
            Body::Any => bytes.push(0),
            Body::Whole(hash) => {
                bytes.push(1);
                bytes.extend(hash.iter().flat_map(|half| half.to_le_bytes()));
            }
            Body::Growing(_) | Body::Unknown => return None,
        }
        Some(bytes)
    }
}

/// A header with its name, because another document may ask for another one under the same route, and with the number and
/// the lengths of its values, so that no two lists of values look the same.
fn write_all(bytes: &mut Vec<u8>, headers: &Headers, name: &str) {
    let write = |bytes: &mut Vec<u8>, value: &[u8]| {
        bytes.extend_from_slice(&u32::try_from(value.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend_from_slice(value);
    };
    write(bytes, name.as_bytes());
    bytes.extend_from_slice(&u32::try_from(headers.all(name).count()).unwrap_or(u32::MAX).to_le_bytes());
    for value in headers.all(name) {
        write(bytes, value);
    }
}

/// A hash of a whole key, that says where its record lies.
pub(super) fn hash(key: &[u8], salt: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write_u64(salt);
    hasher.write(key);
    hasher.finish()
}
