//! Numbers and layouts of proxy-wasm 0.2.1.

use crate::fields::Fields;

/// What a host call answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Status {
    /// Done.
    Ok = 0,
    /// There is nothing of that name.
    NotFound = 1,
    /// An argument makes no sense, or none in this phase of a stream.
    BadArgument = 2,
    /// Somebody else was faster.
    CasMismatch = 8,
    /// Envoy could not.
    InternalFailure = 10,
}

/// What most host calls give back.
pub(crate) type Outcome<T = ()> = Result<T, Status>;

pub(crate) const LOG_INFO: u32 = 2;
pub(crate) const LOG_WARN: u32 = 3;

/// Which header map a host call means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Map {
    RequestHeaders,
    RequestTrailers,
    ResponseHeaders,
    ResponseTrailers,
    CallHeaders,
    CallTrailers,
}

impl Map {
    pub(crate) fn of(number: u32) -> Outcome<Self> {
        Ok(match number {
            0 => Self::RequestHeaders,
            1 => Self::RequestTrailers,
            2 => Self::ResponseHeaders,
            3 => Self::ResponseTrailers,
            6 => Self::CallHeaders,
            7 => Self::CallTrailers,
            _ => return Err(Status::BadArgument),
        })
    }
}

/// Which buffer a host call means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Buffer {
    RequestBody,
    ResponseBody,
    CallBody,
    VmConfiguration,
    PluginConfiguration,
}

impl Buffer {
    pub(crate) fn of(number: u32) -> Outcome<Self> {
        Ok(match number {
            0 => Self::RequestBody,
            1 => Self::ResponseBody,
            4 => Self::CallBody,
            6 => Self::VmConfiguration,
            7 => Self::PluginConfiguration,
            _ => return Err(Status::BadArgument),
        })
    }
}

/// What a stream callback returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Continue,
    Pause,
}

/// A header map as it crosses the border: the number of pairs, their lengths, then each string with a zero behind it.
pub(crate) fn encode(fields: &Fields) -> Vec<u8> {
    let mut bytes = length(fields.len()).to_vec();
    for (name, value) in fields.iter() {
        bytes.extend(length(name.len()));
        bytes.extend(length(value.len()));
    }
    for (name, value) in fields.iter() {
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(value);
        bytes.push(0);
    }
    bytes
}

/// The reverse of [`encode`].
pub(crate) fn decode(bytes: &[u8]) -> Outcome<Fields> {
    if bytes.is_empty() {
        return Ok(Fields::default());
    }
    let number = |at: usize| -> Option<usize> {
        let four: [u8; 4] = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        usize::try_from(u32::from_le_bytes(four)).ok()
    };
    let read = || -> Option<Fields> {
        let count = number(0)?;
        let mut at = 4 + count * 8;
        let mut fields = Fields::default();
        for index in 0..count {
            let (name, value) = (number(4 + index * 8)?, number(8 + index * 8)?);
            let text = String::from_utf8(bytes.get(at..at + name)?.to_vec()).ok()?;
            at += name + 1;
            fields.push(&text, bytes.get(at..at + value)?);
            at += value + 1;
        }
        Some(fields)
    };
    read().ok_or(Status::BadArgument)
}

fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};
    use crate::fields::Fields;

    #[test]
    fn a_map_crosses_the_border_unchanged() {
        let fields = Fields::from_iter([("a", &b"1"[..]), ("odd", b"\xff\x00"), ("empty", b"")]);
        assert_eq!(decode(&encode(&fields)).unwrap(), fields);
        assert!(decode(&encode(&fields)[..20]).is_err());
        assert!(decode(b"").unwrap().is_empty());
    }
}
