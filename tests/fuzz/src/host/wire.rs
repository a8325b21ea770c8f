//! Header maps as they cross the border: the number of pairs, their lengths, then each string with a zero behind it.

use helius_policy::http::Headers;

/// A map for the module.
pub(super) fn encode(fields: &Headers) -> Vec<u8> {
    let length = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    let mut bytes = length(fields.iter().count()).to_vec();
    for (name, value) in fields.iter() {
        bytes.extend(length(name.len()));
        bytes.extend(length(value.len()));
    }
    for (name, value) in fields.iter() {
        bytes.extend([name.as_bytes(), &[0], value, &[0]].concat());
    }
    bytes
}

/// A map from the module.
///
/// # Panics
///
/// When it is none, or a name in it is not text.
pub(super) fn decode(bytes: &[u8]) -> Headers {
    let number = |at: usize| -> usize {
        let four = bytes[at..at + 4].try_into().expect("four bytes are four bytes");
        usize::try_from(u32::from_le_bytes(four)).expect("a length fits")
    };
    let count = if bytes.is_empty() { 0 } else { number(0) };
    let mut at = 4 + count * 8;
    let mut fields = Headers::new();
    for index in 0..count {
        let (name, value) = (number(4 + index * 8), number(8 + index * 8));
        let text = std::str::from_utf8(&bytes[at..at + name]).expect("the name of a header is text");
        at += name + 1;
        fields.push(text, &bytes[at..at + value]);
        at += value + 1;
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_crosses_the_border_unchanged() {
        let fields = Headers::from(vec![
            ("a".to_owned(), b"1".to_vec()),
            ("odd".to_owned(), b"\xff\x00".to_vec()),
            ("empty".to_owned(), Vec::new()),
        ]);
        assert_eq!(decode(&encode(&fields)), fields);
        assert_eq!(decode(b""), Headers::new());
    }
}
