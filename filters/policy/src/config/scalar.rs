//! The small values that sections are made of: names, durations, sizes, methods, paths.

use std::time::Duration;

use serde_json::Number;

use super::document::Value;
use super::section::{Cursor, nearest};

/// Longest name, in bytes: names become parts of metric names and of headers.
const MAX_NAME: usize = 64;

/// Methods that a client of an AI service may use.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// A word that can stand in a metric's label and in a header without escaping.
pub(super) fn name(at: &mut Cursor<'_, '_>) -> Option<String> {
    let hint = "write a name such as \"us-east-1\", of letters, digits, \"-\", \"_\" and \".\", at most 64 long";
    let text = at.text(hint)?;
    let fits = (1..=MAX_NAME).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    if fits { Some(text.to_owned()) } else { at.refuse("is not a name", hint) }
}

/// One of a closed list of words.
pub(super) fn word<T: Copy>(at: &mut Cursor<'_, '_>, what: &str, words: &[(&'static str, T)]) -> Option<T> {
    let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    let list = if let [only] = known.as_slice() {
        format!("write {only}")
    } else {
        format!("write one of {}", known.join(", "))
    };
    let text = at.text(&list)?;
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
        return Some(*value);
    }
    let hint = nearest(text, &known).map_or(list, |near| format!("did you mean {near:?}?"));
    at.refuse(format!("is not {what}"), hint)
}

/// A part of a key that is a word; `list` says how one is written that names a header.
pub(super) fn key_part<T: Copy>(at: &mut Cursor<'_, '_>, words: &[(&'static str, T)], list: &str) -> Option<T> {
    // The nearest mistake is to leave out which one.
    if matches!(&at.node.value, Value::Text(text) if text == "header") {
        return at.refuse("says no header's name", list);
    }
    word(at, "a part of a key", words)
}

/// A span of time such as `250ms`, `1.5s`, `2m` or `1h`, within `least..=most`.
pub(super) fn duration(at: &mut Cursor<'_, '_>, least: Duration, most: Duration) -> Option<Duration> {
    let hint = "write a number and a unit, such as \"250ms\", \"2s\" or \"1m\"";
    let span = match &at.node.value {
        Value::Text(text) => parse_duration(text),
        _ => None,
    };
    let Some(span) = span else {
        return at.refuse("is not a duration", hint);
    };
    if span < least {
        return at.refuse(format!("is too short: at least {least:?}"), "write a longer duration");
    }
    if span > most {
        return at.refuse(format!("is too long: at most {most:?}"), "write a shorter duration");
    }
    Some(span)
}

/// Reads a span of time such as `250ms`, `1.5s`, `2m` or `1h`; nothing where it is none.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split_unit(text)?;
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        _ => return None,
    };
    // Rounded to microseconds: 0.3 s must not come out as 299.999999 ms.
    let micros = number.parse::<f64>().ok()? * seconds * 1e6;
    Duration::try_from_secs_f64(micros.round() / 1e6).ok()
}

/// A number of bytes such as `64KiB`, `1MiB`, `512B` or `4096`, at most `most`.
pub(super) fn size(at: &mut Cursor<'_, '_>, most: usize) -> Option<usize> {
    let hint = "write a number of bytes such as \"64KiB\", \"1MiB\" or 4096";
    let bytes = match &at.node.value {
        Value::Number(number) => whole(number).and_then(|bytes| usize::try_from(bytes).ok()),
        Value::Text(text) => parse_size(text),
        _ => None,
    };
    let Some(bytes) = bytes else {
        return at.refuse("is not a size", hint);
    };
    if bytes > most {
        return at.refuse(format!("is too large: at most {most} bytes"), "write a smaller size");
    }
    Some(bytes)
}

fn parse_size(text: &str) -> Option<usize> {
    let (number, unit) = split_unit(text)?;
    let factor: usize = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        _ => return None,
    };
    number.parse::<usize>().ok()?.checked_mul(factor)
}

/// Splits `1.5s` into `1.5` and `s`.
fn split_unit(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
    let (number, unit) = text.split_at_checked(end)?;
    (!number.is_empty()).then_some((number, unit))
}

/// A whole number, also when it was written as a double (`65536.0`), as tools do that know no other numbers.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the guard lets only whole numbers between 0 and 2^53 through, which a double holds exactly"
)]
pub(super) fn whole(number: &Number) -> Option<u64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    number.as_u64().or_else(|| {
        let double = number.as_f64()?;
        (double.fract() == 0.0 && (0.0..=EXACT).contains(&double)).then_some(double as u64)
    })
}

/// A whole number from `least` to `most`, of which `what` says what it counts.
pub(super) fn count(at: &mut Cursor<'_, '_>, least: u32, most: u32, what: &str) -> Option<u32> {
    let count = match &at.node.value {
        Value::Number(number) => whole(number),
        _ => None,
    };
    match count.and_then(|count| u32::try_from(count).ok()) {
        Some(count) if (least..=most).contains(&count) => Some(count),
        _ => at.refuse(format!("is not {what} from {least} to {most}"), "write a whole number, without quotes"),
    }
}

/// `true` or `false`.
pub(super) fn boolean(at: &mut Cursor<'_, '_>) -> Option<bool> {
    match at.node.value {
        Value::Bool(flag) => Some(flag),
        _ => at.refuse("is neither true nor false", "write true or false, without quotes"),
    }
}

/// A number, as it was written.
pub(super) fn number(at: &mut Cursor<'_, '_>) -> Option<String> {
    match &at.node.value {
        Value::Number(number) => Some(number.to_string()),
        _ => at.refuse("is not a number", "write a number such as 0.5, without quotes"),
    }
}

/// A share of something, from `least` to 1.
pub(super) fn share(at: &mut Cursor<'_, '_>, least: f64) -> Option<f64> {
    let share = match &at.node.value {
        Value::Number(number) => number.as_f64(),
        _ => None,
    };
    match share {
        Some(share) if (least..=1.0).contains(&share) => Some(share),
        _ => at.refuse(format!("is not a share from {least} to 1"), "write a number such as 0.5, without quotes"),
    }
}

/// An HTTP method in upper case.
pub(super) fn method(at: &mut Cursor<'_, '_>) -> Option<String> {
    word(at, "a method", &METHODS.map(|method| (method, method))).map(str::to_owned)
}

/// A status that a final answer can have.
pub(super) fn status(at: &mut Cursor<'_, '_>) -> Option<u16> {
    let status = match &at.node.value {
        Value::Number(number) => whole(number).and_then(|status| u16::try_from(status).ok()),
        _ => None,
    };
    match status {
        Some(status @ 200..=599) => Some(status),
        _ => at.refuse("is not the status of an answer", "write a number from 200 to 599, without quotes"),
    }
}

/// The name of a header, in lower case as HTTP/2 has it.
pub(super) fn is_header_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// The name of a header by which requests are told apart.
pub(super) fn header_name(at: &mut Cursor<'_, '_>) -> Option<String> {
    let hint = "write the header's name in lower case";
    let name = at.text(hint)?;
    if is_header_name(name) { Some(name.to_owned()) } else { at.refuse("is no header's name", hint) }
}

/// A header's value: visible, with inner spaces at most.
pub(super) fn header_value(at: &mut Cursor<'_, '_>) -> Option<String> {
    let hint = "write text without line breaks; quote numbers and booleans";
    let text = at.text(hint)?;
    if text.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
        return at.refuse("holds a control character", hint);
    }
    Some(text.to_owned())
}

/// A path that begins with `/` and has no query string, which a route never looks at.
pub(super) fn path(at: &mut Cursor<'_, '_>) -> Option<String> {
    let hint = "write a path such as \"/assist\"";
    let text = at.text(hint)?;
    if !text.starts_with('/') {
        return at.refuse("does not begin with \"/\"", hint);
    }
    if text.contains(['?', '#']) {
        return at.refuse("has a query string or fragment, which a match never looks at", "write the path alone");
    }
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_exactly() {
        let cases = [
            ("250ms", Some(Duration::from_millis(250))),
            ("0.3s", Some(Duration::from_millis(300))),
            ("1.5s", Some(Duration::from_millis(1_500))),
            ("2m", Some(Duration::from_secs(120))),
            ("1h", Some(Duration::from_secs(3_600))),
            ("99999999999999999999h", None),
            ("s", None),
            ("5", None),
            ("-1s", None),
            ("1 s", None),
            ("1.2.3s", None),
            ("1d", None),
        ];
        for (text, span) in cases {
            assert_eq!(parse_duration(text), span, "{text}");
        }
    }

    #[test]
    fn sizes_are_binary_and_do_not_overflow() {
        assert_eq!(parse_size("64KiB"), Some(65_536));
        assert_eq!(parse_size("512B"), Some(512));
        assert_eq!(parse_size("64KB"), None);
        assert_eq!(parse_size("18446744073709551615MiB"), None);
    }

    #[test]
    fn a_double_that_is_whole_is_a_whole_number() {
        assert_eq!(whole(&Number::from_f64(65_536.0).unwrap()), Some(65_536));
        assert_eq!(whole(&Number::from_f64(0.5).unwrap()), None);
        assert_eq!(whole(&Number::from_f64(-1.0).unwrap()), None);
        assert_eq!(whole(&Number::from_f64(1e300).unwrap()), None);
    }
}
