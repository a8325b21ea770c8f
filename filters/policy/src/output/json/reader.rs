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

type Read<'a> = Result<Value<'a>, Failure<'a>>;

/// Reads a whole body whose lists and objects are at most `depth` deep, and never more than [`MAX_DEPTH`].
pub(crate) fn read(body: &[u8], depth: usize) -> Read<'_> {
    let text = std::str::from_utf8(body).map_err(|error| {
        // `None` says that the last character is not whole.
        if error.error_len().is_none() { Rule::Truncated } else { Rule::NotUnicode }
    })?;
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(depth.min(MAX_DEPTH))?;
    reader.skip_blanks();
    if reader.peek().is_none() { Ok(value) } else { Err(Rule::NotJson.into()) }
}

/// What reads a part that has no parts of its own says only what is wrong, because a failure with its path takes time.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip(&mut self, count: usize) {
        self.at = self.at.saturating_add(count);
    }

    /// Takes the next byte.
    fn next(&mut self) -> Result<u8, Rule> {
        let next = self.peek().ok_or(Rule::Truncated)?;
        self.skip(1);
        Ok(next)
    }

    /// Takes the next byte if it is this one.
    fn has(&mut self, byte: u8) -> bool {
        let has = self.peek() == Some(byte);
        if has {
            self.skip(1);
        }
        has
    }

    /// What has been read since `start`.
    fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.skip(1);
        }
    }

    /// The first byte after blanks, which is taken.
    fn sign(&mut self) -> Result<u8, Rule> {
        self.skip_blanks();
        self.next()
    }

    fn value(&mut self, depth: usize) -> Read<'a> {
        self.skip_blanks();
        Ok(match self.peek().ok_or(Rule::Truncated)? {
            b'{' => return self.object(depth),
            b'[' => return self.list(depth),
            b'"' => Value::Text(self.text()?),
            b'-' | b'0'..=b'9' => Value::Number(Cow::Borrowed(self.number()?)),
            b't' => self.word("true", Value::Bool(true))?,
            b'f' => self.word("false", Value::Bool(false))?,
            b'n' => self.word("null", Value::Null)?,
            _ => return Err(Rule::NotJson.into()),
        })
    }

    fn word(&mut self, word: &str, value: Value<'a>) -> Result<Value<'a>, Rule> {
        for expected in word.bytes() {
            if self.next()? != expected {
                return Err(Rule::NotJson);
            }
        }
        Ok(value)
    }

    fn list(&mut self, depth: usize) -> Read<'a> {
        let depth = depth.checked_sub(1).ok_or(Rule::TooDeep)?;
        self.skip(1);
        let mut items = Vec::new();
        self.skip_blanks();
        if self.has(b']') {
            return Ok(Value::List(items));
        }
        loop {
            match self.value(depth) {
                Ok(item) => items.push(item),
                Err(failure) => return Err(failure.at(items.len())),
            }
            match self.sign()? {
                b',' => {}
                b']' => return Ok(Value::List(items)),
                _ => return Err(Rule::NotJson.into()),
            }
        }
    }

    fn object(&mut self, depth: usize) -> Read<'a> {
        let depth = depth.checked_sub(1).ok_or(Rule::TooDeep)?;
        self.skip(1);
        let mut members = Vec::new();
        self.skip_blanks();
        if self.has(b'}') {
            return Ok(Value::Map(members));
        }
        loop {
            let key = self.key()?;
            match self.value(depth) {
                Ok(value) => members.push((key, value)),
                Err(failure) => return Err(failure.below(key)),
            }
            match self.sign()? {
                b',' => {}
                b'}' => return sorted(members),
                _ => return Err(Rule::NotJson.into()),
            }
        }
    }

    /// A key with its colon.
    fn key(&mut self) -> Result<Cow<'a, str>, Rule> {
        self.skip_blanks();
        if self.peek().ok_or(Rule::Truncated)? != b'"' {
            return Err(Rule::NotJson);
        }
        let key = self.text()?;
        if self.sign()? == b':' { Ok(key) } else { Err(Rule::NotJson) }
    }

    /// A string, from its opening quote on.
    fn text(&mut self) -> Result<Cow<'a, str>, Rule> {
        self.skip(1);
        let plain = self.plain()?;
        if self.has(b'"') {
            return Ok(Cow::Borrowed(plain));
        }
        let mut text = plain.to_owned();
        // Behind a plain part stands a quote or a backslash.
        while self.next()? != b'"' {
            text.push(self.escape()?);
            text.push_str(self.plain()?);
        }
        Ok(Cow::Owned(text))
    }

    /// Characters that stand for themselves, up to a quote or a backslash.
    fn plain(&mut self) -> Result<&'a str, Rule> {
        let start = self.at;
        loop {
            match self.peek().ok_or(Rule::Truncated)? {
                b'"' | b'\\' => return Ok(self.since(start)),
                0..=0x1f => return Err(Rule::NotJson),
                _ => self.skip(1),
            }
        }
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Result<char, Rule> {
        Ok(match self.next()? {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.code(),
            _ => return Err(Rule::NotJson),
        })
    }

    /// What follows `\u`: a character's code, or a pair of surrogates.
    fn code(&mut self) -> Result<char, Rule> {
        let first = self.hex()?;
        if !(0xd800..0xe000).contains(&first) {
            return char::from_u32(first).ok_or(Rule::NotUnicode);
        }
        if self.next()? != b'\\' || self.next()? != b'u' {
            return Err(Rule::NotUnicode);
        }
        let second = self.hex()?;
        if first >= 0xdc00 || !(0xdc00..0xe000).contains(&second) {
            return Err(Rule::NotUnicode);
        }
        let (high, low) = (first & 0x3ff, second & 0x3ff);
        char::from_u32((high.wrapping_shl(10) | low).saturating_add(0x1_0000)).ok_or(Rule::NotUnicode)
    }

    fn hex(&mut self) -> Result<u32, Rule> {
        let mut code = 0_u32;
        for _ in 0..4 {
            let digit = char::from(self.next()?).to_digit(16).ok_or(Rule::NotJson)?;
            code = code.wrapping_shl(4) | digit;
        }
        Ok(code)
    }

    fn number(&mut self) -> Result<&'a str, Rule> {
        let start = self.at;
        self.has(b'-');
        if !self.has(b'0') {
            self.digits()?;
        }
        if self.has(b'.') {
            self.digits()?;
        }
        if self.has(b'e') || self.has(b'E') {
            if !self.has(b'+') {
                self.has(b'-');
            }
            if self.digits()? > EXPONENT_DIGITS {
                return Err(Rule::HugeExponent);
            }
        }
        Ok(self.since(start))
    }

    /// Takes one digit or more, and says how many.
    fn digits(&mut self) -> Result<usize, Rule> {
        let start = self.at;
        if !self.next()?.is_ascii_digit() {
            return Err(Rule::NotJson);
        }
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.skip(1);
        }
        Ok(self.at.saturating_sub(start))
    }
}

/// The members as an object, if no key stands twice.
fn sorted<'a>(mut members: Vec<(Cow<'a, str>, Value<'a>)>) -> Read<'a> {
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
