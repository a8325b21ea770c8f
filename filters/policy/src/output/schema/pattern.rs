//! Regular expressions of ECMA-262, as JSON Schema has them, on an engine whose time is linear.
//!
//! A pattern is translated, because the engine's syntax is a dialect of its own:
//!
//! | ECMA-262 | here |
//! |---|---|
//! | `\d` `\D` `\w` `\W` `\b` `\B` | the same: ASCII |
//! | `\s` `\S` | all that ECMA-262 calls white space and line ends |
//! | `.` | anything but its four line ends |
//! | `(...)` `(?<name>...)` | a group; what it captures nobody asks |
//! | `[]` `[^]` | nothing, and anything |
//! | `\xhh` `\uhhhh` `\u{h}` `\cX` `\0`, pairs of surrogates | the character |
//! | a backslash before what is no letter or digit | the character |
//! | `{` `}` `]` where they mean nothing | the character |
//! | `^` `$` | the text's beginning and end |
//!
//! Refused by name, because no engine does them in linear time or the filter's has them not: look-ahead and
//! look-behind, back-references, `\p{...}`, flags, and what other dialects add (`\A`, `\z`, `\h`, ...). Refused for its
//! size is what expands to more than [`MAX_WEIGHT`] steps: time is that number times the text's length.

use std::borrow::Cow;

use regex_lite::Regex;

/// Most steps of a pattern, repetitions written out.
const MAX_WEIGHT: usize = 2_000;

/// Most bytes of a pattern.
const MAX_LENGTH: usize = 2_000;

const SPACES: &str = r"\t-\r\x20\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}";
const NO_SPACES: &str = r"\x00-\x08\x0e-\x1f!-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027}\x{202a}-\x{202e}\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{fefe}\x{ff00}-\x{10ffff}";

/// A pattern, ready to be looked for.
#[derive(Debug)]
pub(super) struct Pattern {
    regex: Regex,
    /// Its steps, repetitions written out: what one character of a text costs at most.
    pub(super) weight: usize,
}

impl Pattern {
    /// Reads a pattern, or says what is wrong with it, as a clause.
    pub(super) fn compile(pattern: &str) -> Result<Self, Wrong> {
        if pattern.len() > MAX_LENGTH {
            return Err(format!("has more than {MAX_LENGTH} bytes").into());
        }
        let mut translation = Translation::of(pattern);
        translation.run()?;
        if translation.total > MAX_WEIGHT {
            return Err(format!("repeats so much that it expands to more than {MAX_WEIGHT} steps").into());
        }
        let regex = Regex::new(&translation.out)
            .map_err(|error| Cow::Owned(format!("is not a regular expression: {error}")))?;
        Ok(Self { regex, weight: translation.total })
    }

    /// Whether it is anywhere in the text.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

/// What is wrong with a pattern, as a clause.
type Wrong = Cow<'static, str>;

type Step = Result<(), Wrong>;

/// What of a pattern has not been read.
struct Rest {
    chars: Vec<char>,
    at: usize,
}

impl Rest {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn peek_second(&self) -> Option<char> {
        self.chars.get(self.at.saturating_add(1)).copied()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek();
        self.at = self.at.saturating_add(1);
        next
    }

    /// Takes the character if it is the next one.
    fn skip(&mut self, c: char) -> bool {
        let is_next = self.peek() == Some(c);
        if is_next {
            self.next();
        }
        is_next
    }
}

struct Translation {
    rest: Rest,
    out: String,
    /// Steps so far, in the group that is open.
    total: usize,
    /// Steps of the groups around it.
    outer: Vec<usize>,
    /// Steps of what stands before, if that can be repeated.
    last: Option<usize>,
}

impl Translation {
    fn of(pattern: &str) -> Self {
        let rest = Rest { chars: pattern.chars().collect(), at: 0 };
        Self { rest, out: String::new(), total: 0, outer: Vec::new(), last: None }
    }

    fn run(&mut self) -> Step {
        while let Some(c) = self.rest.next() {
            match c {
                '\\' => self.escape()?,
                '[' => self.class()?,
                '(' => self.open()?,
                ')' => self.close()?,
                '*' | '+' | '?' => self.repeat(1, c.encode_utf8(&mut [0; 4]))?,
                '{' => self.counted()?,
                '|' | '^' | '$' => self.mark(c.encode_utf8(&mut [0; 4])),
                '.' => self.atom(r"[^\n\r\x{2028}\x{2029}]"),
                c => self.literal(c),
            }
        }
        if self.outer.is_empty() { Ok(()) } else { Err("has a group without its end".into()) }
    }

    /// What matches one character.
    fn atom(&mut self, text: &str) {
        self.out.push_str(text);
        self.total = self.total.saturating_add(1);
        self.last = Some(1);
    }

    /// What matches no character, and is not repeated.
    fn mark(&mut self, text: &str) {
        self.out.push_str(text);
        self.total = self.total.saturating_add(1);
        self.last = None;
    }

    fn literal(&mut self, c: char) {
        literal(c, &mut self.out);
        self.atom("");
    }

    fn open(&mut self) -> Step {
        if self.rest.skip('?') {
            match self.rest.next() {
                Some(':') => {}
                Some('=' | '!') => return Err("looks ahead, which is not supported".into()),
                Some('<') if matches!(self.rest.peek(), Some('=' | '!')) => {
                    return Err("looks behind, which is not supported".into());
                }
                Some('<') => {
                    // The name is for captures, which nobody asks for.
                    while self.rest.next().ok_or("has a group whose name does not end")? != '>' {}
                }
                Some(c) => return Err(format!("has a group that begins with (?{c}, which is not supported").into()),
                None => return Err("has a group without its end".into()),
            }
        }
        self.out.push_str("(?:");
        self.outer.push(std::mem::take(&mut self.total));
        self.last = None;
        Ok(())
    }

    fn close(&mut self) -> Step {
        let outer = self.outer.pop().ok_or("has the end of a group that does not begin")?;
        self.out.push(')');
        self.last = Some(self.total.max(1));
        self.total = self.total.saturating_add(outer);
        Ok(())
    }

    /// Repeats what stands before, which takes as much as `times` of it.
    fn repeat(&mut self, times: usize, text: &str) -> Step {
        let last = self.last.take().ok_or("repeats what cannot be repeated")?;
        self.total = self.total.saturating_add(last.saturating_mul(times.saturating_sub(1))).saturating_add(1);
        self.out.push_str(text);
        if self.rest.skip('?') {
            self.out.push('?');
        }
        Ok(())
    }

    /// `{n}`, `{n,}` or `{n,m}`, or else a brace that means nothing.
    fn counted(&mut self) -> Step {
        let start = self.rest.at;
        let Some(count) = counted(&mut self.rest) else {
            self.rest.at = start;
            self.literal('{');
            return Ok(());
        };
        match count {
            (min, None) => self.repeat(min.saturating_add(1), &format!("{{{min},}}")),
            (min, Some(max)) => self.repeat(max, &format!("{{{min},{max}}}")),
        }
    }

    fn escape(&mut self) -> Step {
        match self.rest.peek() {
            Some('b') => self.mark(r"\b"),
            Some('B') => self.mark(r"\B"),
            Some('s') => self.atom(&format!("[{SPACES}]")),
            Some('S') => self.atom(&format!("[^{SPACES}]")),
            Some(c @ ('d' | 'D' | 'w' | 'W')) => {
                self.out.push('\\');
                self.atom(c.encode_utf8(&mut [0; 4]));
            }
            _ => {
                let c = escaped(&mut self.rest)?;
                self.literal(c);
                return Ok(());
            }
        }
        self.rest.next();
        Ok(())
    }

    fn class(&mut self) -> Step {
        let is_negated = self.rest.skip('^');
        let mut class = String::new();
        loop {
            let from = self.class_item(&mut class)?;
            match from {
                Item::End => break,
                Item::Set => {}
                Item::Character(from) => self.range(from, &mut class)?,
            }
        }
        match (class.is_empty(), is_negated) {
            (false, false) => self.atom(&format!("[{class}]")),
            (false, true) => self.atom(&format!("[^{class}]")),
            // A place that is at a word's edge and is not: nowhere.
            (true, false) => self.atom(r"(?:\b\B)"),
            (true, true) => self.atom(r"[\x00-\x{10ffff}]"),
        }
        Ok(())
    }

    /// A character of a class, or with what follows a range of them.
    fn range(&mut self, from: char, class: &mut String) -> Step {
        literal(from, class);
        if self.rest.peek() != Some('-') || self.rest.peek_second() == Some(']') {
            return Ok(());
        }
        self.rest.next();
        match self.class_item(&mut String::new())? {
            Item::Character(to) if from <= to => {
                class.push('-');
                literal(to, class);
                Ok(())
            }
            _ => Err("has a range of characters without two ends in order".into()),
        }
    }

    /// The next item of a class. A set of characters is written down; what a single one means is for the caller.
    fn class_item(&mut self, class: &mut String) -> Result<Item, Wrong> {
        let Some(c) = self.rest.next() else { return Err("has a class without its end".into()) };
        if c == ']' {
            return Ok(Item::End);
        }
        if c != '\\' {
            return Ok(Item::Character(c));
        }
        match self.rest.peek() {
            Some('b') => {
                self.rest.next();
                return Ok(Item::Character('\u{8}'));
            }
            Some('s') => class.push_str(SPACES),
            Some('S') => class.push_str(NO_SPACES),
            Some(c @ ('d' | 'D' | 'w' | 'W')) => {
                class.push('\\');
                class.push(c);
            }
            _ => return escaped(&mut self.rest).map(Item::Character),
        }
        self.rest.next();
        Ok(Item::Set)
    }
}

enum Item {
    End,
    Set,
    Character(char),
}

/// Writes a character as the engine takes it, wherever it stands.
fn literal(c: char, out: &mut String) {
    // Before these two a backslash would mean the edge of a word.
    if c.is_ascii_punctuation() && !matches!(c, '<' | '>') {
        out.push('\\');
    }
    out.push(c);
}

/// The rest of a counted repetition, its opening brace being taken.
fn counted(rest: &mut Rest) -> Option<(usize, Option<usize>)> {
    let min = digits(rest)?;
    let max = if !rest.skip(',') {
        Some(min)
    } else if rest.peek() == Some('}') {
        None
    } else {
        Some(digits(rest)?)
    };
    rest.skip('}').then_some((min, max))
}

/// A number of at least one digit. It saturates, which is far beyond what is accepted.
fn digits(rest: &mut Rest) -> Option<usize> {
    let mut value = None;
    while let Some(digit) = rest.peek().and_then(|c| c.to_digit(10)) {
        rest.next();
        let digit = usize::try_from(digit).ok()?;
        value = Some(value.unwrap_or(0_usize).saturating_mul(10).saturating_add(digit));
    }
    value
}

/// The character that an escape stands for, its backslash being taken.
fn escaped(rest: &mut Rest) -> Result<char, Wrong> {
    let Some(c) = rest.next() else { return Err("ends with a backslash".into()) };
    match c {
        't' => Ok('\t'),
        'n' => Ok('\n'),
        'v' => Ok('\u{b}'),
        'f' => Ok('\u{c}'),
        'r' => Ok('\r'),
        '0' if !rest.peek().is_some_and(|c| c.is_ascii_digit()) => Ok('\0'),
        'c' => {
            let letter = rest.next().filter(char::is_ascii_alphabetic).ok_or("has \\c without a letter")?;
            char::from_u32(u32::from(letter) & 0x1f).ok_or(Cow::Borrowed("has \\c without a letter"))
        }
        'x' => hex(rest, 2).and_then(char::from_u32).ok_or(Cow::Borrowed("has \\x without two digits")),
        'u' => unicode(rest).ok_or(Cow::Borrowed("has \\u without a character")),
        'p' | 'P' => Err(format!("uses \\{c}{{...}}, a class of Unicode, which is not supported").into()),
        'k' | '0'..='9' => Err("refers back to a group, which is not supported".into()),
        c if c.is_alphanumeric() => Err(format!("uses \\{c}, which is not of ECMA-262").into()),
        c => Ok(c),
    }
}

/// The character of `\u`, those two being taken.
fn unicode(rest: &mut Rest) -> Option<char> {
    if rest.skip('{') {
        let mut code = 0_u32;
        loop {
            match rest.next()? {
                '}' => return char::from_u32(code),
                digit => code = code.saturating_mul(16).saturating_add(digit.to_digit(16)?),
            }
        }
    }
    let first = hex(rest, 4)?;
    if !(0xd800..0xdc00).contains(&first) {
        return char::from_u32(first);
    }
    let pair = rest.next() == Some('\\') && rest.next() == Some('u');
    let second = hex(rest, 4).filter(|second| pair && (0xdc00..0xe000).contains(second))?;
    char::from_u32(((first & 0x3ff).wrapping_shl(10) | (second & 0x3ff)).saturating_add(0x1_0000))
}

fn hex(rest: &mut Rest, digits: usize) -> Option<u32> {
    (0..digits).try_fold(0_u32, |code, _| Some(code.wrapping_shl(4) | rest.next()?.to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_in(pattern: &str, text: &str) -> bool {
        Pattern::compile(pattern).unwrap_or_else(|error| panic!("{pattern} {error}")).is_in(text)
    }

    fn refused(pattern: &str) -> String {
        Pattern::compile(pattern).expect_err("a refusal").into_owned()
    }

    #[test]
    fn a_pattern_is_looked_for_anywhere_in_the_text() {
        assert!(is_in("b+", "abbc"));
        assert!(is_in("", ""));
        assert!(!is_in("^b", "abbc"));
    }

    #[test]
    fn classes_of_letters_and_digits_are_those_of_ascii() {
        assert!(is_in(r"^\d\D\w\W$", "7x_-"));
        assert!(!is_in(r"\d", "٣"));
        assert!(!is_in(r"\w", "é"));
        assert!(is_in(r"^[\d\w-]+$", "7x_-"));
        assert!(is_in(r"^[^\W\d]+$", "x_"));
        assert!(!is_in(r"[^\W\d]", "7-"));
        assert!(is_in(r"\bb\b", "a b c"));
        assert!(!is_in(r"\Bb", "a b c"));
    }

    #[test]
    fn white_space_is_that_of_ecma_262() {
        let spaces =
            "\t\n\u{b}\u{c}\r \u{a0}\u{1680}\u{2000}\u{2005}\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}\u{feff}";
        let others = "\u{8}\u{e}\u{1f}!a\u{85}\u{9f}\u{a1}\u{180e}\u{1fff}\u{200b}\u{2027}\u{2060}\u{3001}\u{fefe}\u{ff00}\u{10ffff}";
        for c in spaces.chars() {
            assert!(is_in(r"^\s$", &c.to_string()) && is_in(r"^[\s]$", &c.to_string()), "{c:?}");
            assert!(!is_in(r"\S", &c.to_string()) && !is_in(r"[\S]", &c.to_string()), "{c:?}");
        }
        for c in others.chars() {
            assert!(!is_in(r"\s", &c.to_string()) && !is_in(r"[\s]", &c.to_string()), "{c:?}");
            assert!(is_in(r"^\S$", &c.to_string()) && is_in(r"^[\S]$", &c.to_string()), "{c:?}");
        }
    }

    #[test]
    fn a_dot_is_anything_but_a_line_end() {
        for (text, yes) in [
            ("a", true),
            ("é", true),
            ("😀", true),
            ("\u{85}", true),
            ("\n", false),
            ("\r", false),
            ("\u{2028}", false),
        ] {
            assert_eq!(is_in("^.$", text), yes, "{text:?}");
        }
    }

    #[test]
    fn the_end_is_the_end_of_the_text() {
        assert!(is_in("^a$", "a"));
        assert!(!is_in("^a$", "a\n"));
        assert!(!is_in("^a$", "b\na"));
    }

    #[test]
    fn groups_need_no_names_of_the_engine() {
        assert!(is_in("^(?<été>a|b)+(?:c)(d)$", "abcd"));
        assert!(is_in("^(?<x>a)|(?<x>b)$", "b"));
        assert!(is_in("^(|a)$", ""));
    }

    #[test]
    fn escapes_are_characters() {
        for (pattern, text) in [
            (r"^\x41\u00e9\u{1F600}\ud83d\ude00$", "Aé😀😀"),
            (r"^\t\n\v\f\r\0\cJ$", "\t\n\u{b}\u{c}\r\0\n"),
            (r"^\/\-\.\_\ \@\$\^\{\}\[\]\(\)\|\*\+\?\\$", "/-._ @$^{}[]()|*+?\\"),
            (r"^[\b\x41\-\]\\^&&~~[:x:-]+$", "\u{8}A-]\\^&~[:x"),
            (r"^[a-c\u00e0-\u00ff]+$", "abcé"),
            (r"^[+--]+$", "+,-"),
            (r"^[!-~]$", "~"),
            (r"^[a-]+$", "a-"),
            (r"^[-a]+$", "a-"),
            (r"^a{,2}}]#$", "a{,2}}]#"),
        ] {
            assert!(is_in(pattern, text), "{pattern}");
        }
    }

    #[test]
    fn an_empty_class_is_nothing_and_its_negation_anything() {
        assert!(!is_in("[]", "a") && !is_in("[]", ""));
        assert!(is_in("^[^]$", "\n"));
        assert!(is_in("^a[]*$", "a"));
    }

    #[test]
    fn repetitions_are_those_of_the_engine() {
        assert!(is_in("^a{2}b{1,}c{0,1}?d+?e*?f??$", "aabbd"));
        assert!(!is_in("^a{2,3}$", "aaaa"));
        assert!(is_in("^(ab){2}$", "abab"));
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        for (pattern, message) in [
            ("(?=a)", "looks ahead, which is not supported"),
            ("a(?!b)", "looks ahead, which is not supported"),
            ("(?<=a)b", "looks behind, which is not supported"),
            ("(?<!a)b", "looks behind, which is not supported"),
            (r"(a)\1", "refers back to a group, which is not supported"),
            (r"(?<n>a)\k<n>", "refers back to a group, which is not supported"),
            (r"^\p{L}+$", "uses \\p{...}, a class of Unicode, which is not supported"),
            (r"[\P{Lu}]", "uses \\P{...}, a class of Unicode, which is not supported"),
            ("(?i)a", "has a group that begins with (?i, which is not supported"),
            ("(?P<n>a)", "has a group that begins with (?P, which is not supported"),
            (r"\Aa\z", "uses \\A, which is not of ECMA-262"),
            (r"[\A]", "uses \\A, which is not of ECMA-262"),
            ("(a", "has a group without its end"),
            ("(?", "has a group without its end"),
            ("(?<n", "has a group whose name does not end"),
            ("a)", "has the end of a group that does not begin"),
            ("*a", "repeats what cannot be repeated"),
            ("a**", "repeats what cannot be repeated"),
            ("^*", "repeats what cannot be repeated"),
            (r"\b{2}", "repeats what cannot be repeated"),
            ("a|{2}", "repeats what cannot be repeated"),
            ("[a", "has a class without its end"),
            ("[a-", "has a class without its end"),
            ("[b-a]", "has a range of characters without two ends in order"),
            (r"[a-\d]", "has a range of characters without two ends in order"),
            ("\\", "ends with a backslash"),
            (r"\x4", "has \\x without two digits"),
            (r"\u{110000}", "has \\u without a character"),
            (r"\ud800", "has \\u without a character"),
            (r"\ud800\n", "has \\u without a character"),
            (r"\c1", "has \\c without a letter"),
            ("a{3,2}", "is not a regular expression: found counted repetition with a min bigger than its max"),
        ] {
            assert_eq!(refused(pattern), message, "{pattern}");
        }
    }

    #[test]
    fn what_is_too_large_is_refused() {
        assert!(Pattern::compile("^[a-z]{1,1000}$").is_ok());
        for pattern in [
            "a{2001}",
            "a{1999}b",
            "(a{50}){50}",
            "((((a{9}){9}){9}){9})",
            "a{99999999999999999999999}",
            "(a{1000}){1000,}",
        ] {
            assert_eq!(refused(pattern), "repeats so much that it expands to more than 2000 steps", "{pattern}");
        }
        assert_eq!(refused(&"a".repeat(2_001)), "has more than 2000 bytes");
        assert!(refused(&["(".repeat(100), ")".repeat(100)].concat()).starts_with("is not a regular expression"));
    }

    #[test]
    fn what_explodes_where_engines_go_back_takes_no_time_here() {
        let text = ["a".repeat(20_000), "!".to_owned()].concat();
        for pattern in ["^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "^(.*)*$x", "^([a-z]+)*$"] {
            assert!(!is_in(pattern, &text), "{pattern}");
        }
    }
}
