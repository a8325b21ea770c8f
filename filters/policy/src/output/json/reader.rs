//! A strict reader of JSON (RFC 8259) that refuses what two readers would read differently.
//!
//! Refused besides what is no JSON: a key that stands twice in an object, however it is escaped; half of a surrogate
//! pair, which no text can hold; an exponent of more than nine digits; nesting below `depth`.

use std::borrow::Cow;

use super::Value;
use super::sort::sort;
use crate::output::violation::{Failure, Rule};

/// Deepest nesting that is ever read: a level is a call, and calls take stack, of which a Wasm module has little.
const MAX_DEPTH: usize = 128;

/// Most digits of an exponent, leading zeros included: no reader knows larger ones, and powers stay far from overflow.
const EXPONENT_DIGITS: usize = 9;

type Read<'a, T> = Result<T, Failure<'a>>;

/// Reads a whole body whose lists and objects are at most `depth` deep, and never more than [`MAX_DEPTH`].
pub(crate) fn read(body: &[u8], depth: usize) -> Read<'_, Value<'_>> {
    let rest = std::str::from_utf8(body).map_err(|error| {
        // `None` says that the last character is not whole.
        Failure::new(if error.error_len().is_none() { Rule::Truncated } else { Rule::NotUnicode })
    })?;
    let mut reader = Reader { rest };
    let value = reader.value(depth.min(MAX_DEPTH))?;
    reader.skip_blanks();
    if reader.rest.is_empty() { Ok(value) } else { fail(Rule::NotJson) }
}

const fn fail<'a, T>(rule: Rule) -> Read<'a, T> {
    Err(Failure::new(rule))
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Read<'a, u8> {
        self.rest.as_bytes().first().copied().ok_or(Failure::new(Rule::Truncated))
    }

    /// Takes the next `count` bytes, which end with a whole character.
    fn take(&mut self, count: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(count).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    fn skip_blanks(&mut self) {
        let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        self.take(self.rest.bytes().take_while(is_blank).count());
    }

    /// The first byte after blanks, which is taken.
    fn sign(&mut self) -> Read<'a, u8> {
        self.skip_blanks();
        let sign = self.peek()?;
        if sign.is_ascii() {
            self.take(1);
        }
        Ok(sign)
    }

    fn value(&mut self, depth: usize) -> Read<'a, Value<'a>> {
        self.skip_blanks();
        match self.peek()? {
            b'{' => self.object(depth),
            b'[' => self.list(depth),
            b'"' => self.text().map(Value::Text),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            b'n' => self.word("null", Value::Null),
            _ => fail(Rule::NotJson),
        }
    }

    fn word(&mut self, word: &str, value: Value<'a>) -> Read<'a, Value<'a>> {
        if let Some(rest) = self.rest.strip_prefix(word) {
            self.rest = rest;
            return Ok(value);
        }
        fail(if word.starts_with(self.rest) { Rule::Truncated } else { Rule::NotJson })
    }

    fn list(&mut self, depth: usize) -> Read<'a, Value<'a>> {
        let Some(depth) = depth.checked_sub(1) else { return fail(Rule::TooDeep) };
        self.take(1);
        let mut items = Vec::new();
        self.skip_blanks();
        if self.peek()? == b']' {
            self.take(1);
            return Ok(Value::List(items));
        }
        loop {
            let item = self.value(depth).map_err(|failure| failure.at(items.len()))?;
            items.push(item);
            match self.sign()? {
                b',' => {}
                b']' => return Ok(Value::List(items)),
                _ => return fail(Rule::NotJson),
            }
        }
    }

    fn object(&mut self, depth: usize) -> Read<'a, Value<'a>> {
        let Some(depth) = depth.checked_sub(1) else { return fail(Rule::TooDeep) };
        self.take(1);
        let mut members = Vec::new();
        self.skip_blanks();
        if self.peek()? == b'}' {
            self.take(1);
            return Ok(Value::Map(members));
        }
        loop {
            self.skip_blanks();
            if self.peek()? != b'"' {
                return fail(Rule::NotJson);
            }
            let key = self.text()?;
            if self.sign()? != b':' {
                return fail(Rule::NotJson);
            }
            match self.value(depth) {
                Ok(value) => members.push((key, value)),
                Err(failure) => return Err(failure.below(key)),
            }
            match self.sign()? {
                b',' => {}
                b'}' => return sorted(members),
                _ => return fail(Rule::NotJson),
            }
        }
    }

    /// A string, from its opening quote on.
    fn text(&mut self) -> Read<'a, Cow<'a, str>> {
        self.take(1);
        let plain = self.plain()?;
        if self.peek()? == b'"' {
            self.take(1);
            return Ok(Cow::Borrowed(plain));
        }
        let mut text = plain.to_owned();
        loop {
            // Behind a plain part stands a quote or a backslash.
            let sign = self.peek()?;
            self.take(1);
            if sign == b'"' {
                return Ok(Cow::Owned(text));
            }
            text.push(self.escape()?);
            text.push_str(self.plain()?);
        }
    }

    /// Characters that stand for themselves, up to a quote or a backslash.
    fn plain(&mut self) -> Read<'a, &'a str> {
        let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
        let Some(end) = self.rest.as_bytes().iter().position(special) else { return fail(Rule::Truncated) };
        let plain = self.take(end);
        if self.peek()? < b' ' { fail(Rule::NotJson) } else { Ok(plain) }
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Read<'a, char> {
        let escaped = match self.peek()? {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.code(),
            _ => return fail(Rule::NotJson),
        };
        self.take(1);
        Ok(escaped)
    }

    /// `uXXXX`, or two of them that are a surrogate pair.
    fn code(&mut self) -> Read<'a, char> {
        let first = self.hex()?;
        if !(0xd800..0xe000).contains(&first) {
            return char::from_u32(first).ok_or(Failure::new(Rule::NotUnicode));
        }
        if !self.rest.starts_with("\\u") && !"\\u".starts_with(self.rest) {
            return fail(Rule::NotUnicode);
        }
        self.take(1);
        self.peek()?;
        let second = self.hex()?;
        if first >= 0xdc00 || !(0xdc00..0xe000).contains(&second) {
            return fail(Rule::NotUnicode);
        }
        let (high, low) = (first & 0x3ff, second & 0x3ff);
        char::from_u32((high.wrapping_shl(10) | low).saturating_add(0x1_0000)).ok_or(Failure::new(Rule::NotUnicode))
    }

    /// The letter u and four hexadecimal digits.
    fn hex(&mut self) -> Read<'a, u32> {
        self.take(1);
        let mut code = 0_u32;
        for _ in 0..4 {
            let Some(digit) = char::from(self.peek()?).to_digit(16) else { return fail(Rule::NotJson) };
            self.take(1);
            code = code.wrapping_shl(4) | digit;
        }
        Ok(code)
    }

    fn number(&mut self) -> Read<'a, Value<'a>> {
        let start = self.rest;
        if self.peek()? == b'-' {
            self.take(1);
        }
        if self.peek()? == b'0' {
            self.take(1);
        } else {
            self.digits()?;
        }
        if self.rest.starts_with('.') {
            self.take(1);
            self.digits()?;
        }
        if self.rest.starts_with(['e', 'E']) {
            self.take(1);
            if matches!(self.peek()?, b'+' | b'-') {
                self.take(1);
            }
            if self.digits()? > EXPONENT_DIGITS {
                return fail(Rule::HugeExponent);
            }
        }
        let text = start.get(..start.len().saturating_sub(self.rest.len())).unwrap_or_default();
        Ok(Value::Number(Cow::Borrowed(text)))
    }

    /// Takes one digit or more, and says how many.
    fn digits(&mut self) -> Read<'a, usize> {
        if !self.peek()?.is_ascii_digit() {
            return fail(Rule::NotJson);
        }
        let count = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        self.take(count);
        Ok(count)
    }
}

/// The members as an object, if no key stands twice.
fn sorted<'a>(mut members: Vec<(Cow<'a, str>, Value<'a>)>) -> Read<'a, Value<'a>> {
    sort(&mut members, |(a, _), (b, _)| a.cmp(b));
    let twice = members.iter().zip(members.iter().skip(1)).find(|((a, _), (b, _))| a == b);
    match twice {
        Some(((key, _), _)) => Err(Failure::new(Rule::DuplicateKey).below(key.clone())),
        None => Ok(Value::Map(members)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Violation;

    fn broken(body: impl AsRef<[u8]>) -> (String, Rule) {
        let violation = Violation::from(read(body.as_ref(), 64).expect_err("a refusal"));
        (violation.pointer, violation.rule)
    }

    fn rule(body: impl AsRef<[u8]>) -> Rule {
        broken(body).1
    }

    #[test]
    fn values_are_read_as_they_are_written() {
        let value = read(b" {\"b\" : [ 1.50E+2 , -0, true,false,null,\"\" ],\"a\":{} }\r\n", 64).unwrap();
        let expected = r#"Map([("a", Map([])), ("b", List([Number("1.50E+2"), Number("-0"), Bool(true), Bool(false), Null, Text("")]))])"#;
        assert_eq!(format!("{value:?}"), expected);
    }

    #[test]
    fn escapes_are_resolved() {
        let Value::Text(text) = read(br#""\"\\\/\b\f\n\r\tA\u00e9\u20ac\ud83d\uDE00 x""#, 64).unwrap() else {
            panic!("not a text")
        };
        assert_eq!(text, "\"\\/\u{8}\u{c}\n\r\tAé€😀 x");
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for body in [
            "{} {}",
            "[1,]",
            "[,1]",
            "{\"a\":1,}",
            "{a:1}",
            "{'a':1}",
            "{\"a\" 1}",
            "[1 2]",
            "[1}",
            "{\"a\":1]",
            "NaN",
            "Infinity",
            "-Infinity",
            "undefined",
            "nul1",
            "True",
            "01",
            "-01",
            "+1",
            ".5",
            "1.",
            "1.e3",
            "1e",
            "0x10",
            "--1",
            "1.2.3",
            "\"\t\"",
            "\"a\nb\"",
            r#""\x41""#,
            r#""\u12g4""#,
            r#""\u12""#,
            "// a\n1",
            "/**/1",
            "\u{feff}1",
            "\u{a0}1",
            "ok",
            "<html>",
            "{]",
            "[\"a\":1]",
        ] {
            let at_the_end = ["1.", "1e"].contains(&body);
            assert_eq!(rule(body), if at_the_end { Rule::Truncated } else { Rule::NotJson }, "{body}");
        }
    }

    #[test]
    fn every_beginning_of_a_body_is_truncated() {
        let body = r#" {"name": "a\n\u00e9\ud83d\ude00é😀", "list": [1.25e-3, -0.5, true, false, null, {}, []], "x": {"y": "z"} }"#;
        assert!(read(body.as_bytes(), 64).is_ok());
        for end in 0..body.len() {
            assert_eq!(
                rule(&body.as_bytes()[..end]),
                Rule::Truncated,
                "{}",
                String::from_utf8_lossy(&body.as_bytes()[..end])
            );
        }
    }

    #[test]
    fn what_is_not_text_is_refused() {
        for body in [b"\"\xff\"".as_slice(), b"\xc3(", b"[\"\xed\xa0\x80\"]"] {
            assert_eq!(rule(body), Rule::NotUnicode, "{body:?}");
        }
        for body in
            [r#""\ud800""#, r#""\udc00""#, r#""\ud800\ud800""#, r#""\ud800x""#, r#""\udc00\ud800""#, r#""\ud83d\n""#]
        {
            assert_eq!(rule(body), Rule::NotUnicode, "{body}");
        }
    }

    #[test]
    fn a_key_that_stands_twice_is_refused_however_it_is_written() {
        assert_eq!(broken(r#"{"x": [{"a": 1, "b": 2, "\u0061": 1}]}"#), ("/x/0/a".to_owned(), Rule::DuplicateKey));
        assert_eq!(rule(r#"{"":1,"":1}"#), Rule::DuplicateKey);
        assert!(read(r#"{"a": 1, "A": 2, "á": 3, "a\u0301": 4}"#.as_bytes(), 64).is_ok());
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| ["[".repeat(depth), "]".repeat(depth)].concat();
        assert!(read(nested(64).as_bytes(), 64).is_ok());
        assert_eq!(rule(nested(65)), Rule::TooDeep);
        assert_eq!(rule("[".repeat(1_000_000)), Rule::TooDeep);
        assert_eq!(rule("{\"a\":".repeat(1_000_000)), Rule::TooDeep);
        assert_eq!(read(nested(MAX_DEPTH + 1).as_bytes(), usize::MAX).unwrap_err().rule, Rule::TooDeep);
        assert!(read(b"1", 0).is_ok());
    }

    #[test]
    fn an_exponent_that_nobody_reads_is_refused() {
        assert!(read(b"1e999999999", 64).is_ok());
        assert_eq!(rule("1e1000000000"), Rule::HugeExponent);
        assert_eq!(rule("1e-1000000000"), Rule::HugeExponent);
    }

    #[test]
    fn a_refusal_says_where() {
        assert_eq!(broken(r#"{"items": [{"id": 1}, {"id": nope}]}"#), ("/items/1/id".to_owned(), Rule::NotJson));
        assert_eq!(broken(r#"{"items": [{"id": 1}, {"id": "#), ("/items/1/id".to_owned(), Rule::Truncated));
        assert_eq!(broken(""), (String::new(), Rule::Truncated));
    }
}
