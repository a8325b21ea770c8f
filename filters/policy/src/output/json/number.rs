//! Numbers as they are written, compared exactly: 1 is 1.0, and nothing is rounded to a float first.

use std::cmp::Ordering;

/// A number in decimal: 0.`digits` times ten to the power of `point`.
///
/// The digits are two slices of the text, because a number may have a dot among them. They neither begin nor end with
/// a zero, so that every value has one form only; zero itself has none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decimal<'a> {
    is_negative: bool,
    head: &'a [u8],
    tail: &'a [u8],
    point: i64,
}

impl<'a> Decimal<'a> {
    /// Takes apart what the reader has accepted as a number.
    pub(crate) fn of(text: &'a str) -> Self {
        let text = text.as_bytes();
        let (is_negative, unsigned) = match text {
            [b'-', unsigned @ ..] => (true, unsigned),
            unsigned => (false, unsigned),
        };
        let (mantissa, exponent) = split(unsigned, |byte| matches!(byte, b'e' | b'E'));
        let (whole, fraction) = split(mantissa, |byte| *byte == b'.');
        let (mut head, mut tail) = (without_leading(whole), fraction);
        let mut point = length(head);
        if head.is_empty() {
            let digits = without_leading(tail);
            point = length(digits).saturating_sub(length(tail));
            tail = digits;
        }
        tail = without_trailing(tail);
        if tail.is_empty() {
            head = without_trailing(head);
        }
        if head.is_empty() && tail.is_empty() {
            return Self { is_negative: false, head, tail, point: 0 };
        }
        Self { is_negative, head, tail, point: point.saturating_add(power(exponent)) }
    }

    fn digits(self) -> impl Iterator<Item = u8> + 'a {
        self.head.iter().chain(self.tail).copied()
    }

    fn is_zero(self) -> bool {
        self.head.is_empty() && self.tail.is_empty()
    }

    /// The power of ten that its last digit stands for.
    fn last_power(self) -> i64 {
        self.point.saturating_sub(length(self.head)).saturating_sub(length(self.tail))
    }

    /// Whether its size is below ten to the power of `power`, as far as that can be said at a glance.
    pub(crate) const fn is_surely_below(self, power: i64) -> bool {
        self.point <= power
    }

    /// Whether it has no fraction: 1.0 and 1e3 have none either.
    pub(crate) fn is_integer(self) -> bool {
        self.last_power() >= 0
    }

    /// Its value, if it is a whole number from zero on; the largest that there is, if it is larger than that.
    pub(crate) fn count(self) -> Option<usize> {
        if self.is_negative || !self.is_integer() {
            return None;
        }
        let digits = self.digits().fold(0, then_digit);
        // Twenty digits are more than any count has, so more zeros change nothing.
        Some((0..self.last_power().min(20)).fold(digits, |value, _| value.saturating_mul(10)))
    }

    pub(crate) fn compare(self, other: Self) -> Ordering {
        match (self.is_negative, other.is_negative) {
            (false, false) => self.compare_size(other),
            (true, true) => other.compare_size(self),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }

    fn compare_size(self, other: Self) -> Ordering {
        match (self.is_zero(), other.is_zero()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => self.point.cmp(&other.point).then_with(|| self.digits().cmp(other.digits())),
        }
    }
}

/// What stands before a byte, and what behind it.
fn split(text: &[u8], is_it: impl Fn(&u8) -> bool) -> (&[u8], &[u8]) {
    let end = text.iter().position(is_it).unwrap_or(text.len());
    let (before, rest) = text.split_at_checked(end).unwrap_or((text, &[]));
    (before, rest.split_first().map_or(&[], |(_, behind)| behind))
}

/// An exponent with its sign. The reader bounds its digits, so that nothing is near an overflow.
fn power(exponent: &[u8]) -> i64 {
    let (is_negative, digits) = match exponent {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    let shift = |value: i64, digit: &u8| value.saturating_mul(10).saturating_add(i64::from(digit.saturating_sub(b'0')));
    let size = digits.iter().fold(0, shift);
    if is_negative { size.saturating_neg() } else { size }
}

fn then_digit(value: usize, digit: u8) -> usize {
    value.saturating_mul(10).saturating_add(usize::from(digit.saturating_sub(b'0')))
}

fn length(digits: &[u8]) -> i64 {
    i64::try_from(digits.len()).unwrap_or(i64::MAX)
}

fn without_leading(mut digits: &[u8]) -> &[u8] {
    while let [b'0', rest @ ..] = digits {
        digits = rest;
    }
    digits
}

fn without_trailing(mut digits: &[u8]) -> &[u8] {
    while let [rest @ .., b'0'] = digits {
        digits = rest;
    }
    digits
}

/// What numbers are to be a multiple of: `mantissa` times ten to the power of `power`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Divisor {
    mantissa: u64,
    power: i64,
}

impl Divisor {
    /// Most digits of the mantissa: one more digit behind a remainder still fits into 64 bits.
    pub(crate) const DIGITS: usize = 18;

    /// `None` if the number is not above zero, or has too many digits that are not zeros at an end.
    pub(crate) fn of(number: Decimal<'_>) -> Option<Self> {
        let digits = number.head.len().saturating_add(number.tail.len());
        if number.is_negative || number.is_zero() || digits > Self::DIGITS {
            return None;
        }
        let mantissa = number.digits().fold(0, |value: u64, digit| {
            value.saturating_mul(10).saturating_add(u64::from(digit.saturating_sub(b'0')))
        });
        Some(Self { mantissa, power: number.last_power() })
    }

    /// Whether the number is a multiple, exactly.
    pub(crate) fn divides(self, number: Decimal<'_>) -> bool {
        if number.is_zero() {
            return true;
        }
        let zeros = number.last_power().saturating_sub(self.power);
        if zeros < 0 {
            // It would have to end with a zero where its last digit stands.
            return false;
        }
        let shift = |remainder: u64, digit: u8| {
            remainder
                .wrapping_mul(10)
                .wrapping_add(u64::from(digit.saturating_sub(b'0')))
                .checked_rem(self.mantissa)
                .unwrap_or(0)
        };
        let remainder = number.digits().fold(0, shift);
        // Each zero takes away at most a factor 2 and a factor 5 of the mantissa, which has less than 64 of either.
        (0..zeros.min(64)).fold(remainder, |remainder, _| shift(remainder, b'0')) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(a: &str, b: &str) -> Ordering {
        Decimal::of(a).compare(Decimal::of(b))
    }

    #[test]
    fn a_value_is_the_same_however_it_is_written() {
        for same in [
            ["1", "1.0"],
            ["1", "10e-1"],
            ["1", "0.1E+1"],
            ["-0", "0.000e7"],
            ["0", "0e-999999999"],
            ["1200", "1.2e3"],
            ["0.00120", "12e-4"],
            ["9007199254740993", "9007199254740993.000"],
            ["1e999999999", "10e999999998"],
        ] {
            assert_eq!(compare(same[0], same[1]), Ordering::Equal, "{same:?}");
        }
    }

    #[test]
    fn values_are_in_order() {
        let sorted = [
            "-1e999999999",
            "-1e400",
            "-9007199254740993",
            "-9007199254740992",
            "-2",
            "-1.5",
            "-1",
            "-0.1",
            "-1e-400",
            "0",
            "1e-400",
            "0.099999999999999999999",
            "0.1",
            "0.10000000000000000001",
            "1",
            "1.5",
            "2",
            "10",
            "9007199254740992",
            "9007199254740993",
            "9007199254740993.5",
            "18446744073709551616",
            "1e400",
            "1e999999999",
        ];
        for (i, a) in sorted.iter().enumerate() {
            for (j, b) in sorted.iter().enumerate() {
                assert_eq!(compare(a, b), i.cmp(&j), "{a} and {b}");
            }
        }
    }

    #[test]
    fn an_integer_has_no_fraction_whatever_its_form() {
        for integer in ["0", "-0.0", "1.0", "1e3", "1.5e1", "-12", "123456789012345678901234567890", "10e-1"] {
            assert!(Decimal::of(integer).is_integer(), "{integer}");
        }
        for other in ["0.5", "1.0000000000000000000000001", "1e-1", "12345e-3", "9007199254740993.5"] {
            assert!(!Decimal::of(other).is_integer(), "{other}");
        }
    }

    #[test]
    fn a_count_is_a_whole_number_from_zero_on() {
        for (text, count) in [("0", 0), ("2.0", 2), ("1.2e2", 120), ("-0", 0), ("1e999999999", usize::MAX)] {
            assert_eq!(Decimal::of(text).count(), Some(count), "{text}");
        }
        assert_eq!(Decimal::of("99999999999999999999").count(), Some(usize::MAX));
        assert_eq!(Decimal::of("-1").count(), None);
        assert_eq!(Decimal::of("1.5").count(), None);
    }

    #[test]
    fn multiples_are_told_exactly() {
        let divides =
            |divisor: &str, number: &str| Divisor::of(Decimal::of(divisor)).unwrap().divides(Decimal::of(number));
        for (divisor, number) in [
            ("0.0001", "0.0075"),
            ("0.01", "19.99"),
            ("0.1", "0.3"),
            ("0.1", "1e300"),
            ("2", "-4"),
            ("2", "0.0"),
            ("1.5", "4.5"),
            ("1e2", "300"),
            ("2.5e-3", "1"),
            ("1024", "1e10"),
            ("3", "9007199254740993"),
            ("999999999999999999", "999999999999999999000000000000000000"),
            ("1000000000000000000000", "3e21"),
            ("576460752303423488", "1e59"),
        ] {
            assert!(divides(divisor, number), "{number} is a multiple of {divisor}");
        }
        for (divisor, number) in [
            ("0.0001", "0.00751"),
            ("0.01", "19.995"),
            ("2", "3"),
            ("3", "9007199254740992"),
            ("0.123456789", "1e308"),
            ("1e2", "350"),
            ("576460752303423488", "1e58"),
            ("7", "1e999999999"),
        ] {
            assert!(!divides(divisor, number), "{number} is no multiple of {divisor}");
        }
        for refused in ["0", "-1", "0.0", "1234567890123456789"] {
            assert_eq!(Divisor::of(Decimal::of(refused)), None, "{refused}");
        }
    }
}
