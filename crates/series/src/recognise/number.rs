//! Numbers as people print them, and the unit that follows.

/// A number found in a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Number {
    pub(super) value: f64,
    /// Set where it was printed as a whole number that fits.
    pub(super) whole: Option<u64>,
    /// Bytes it takes, without unit.
    pub(super) len: usize,
}

/// What follows a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    None,
    Percent,
    /// `ms`, `s`, `min`: a time.
    Time,
    /// `it/s`, `s/it`, `ms/step`: a rate.
    Rate,
    /// `MB`, `k`, `px`: a size or a count.
    Size,
    /// Letters or digits that make it no number at all: a hash, a version, a date, a time of day.
    NotANumber,
}

/// Powers of ten that a double holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// Reads the number at the start of `text`: digits, thousands commas, a fraction, an exponent; nan, inf.
pub(super) fn number(text: &[u8]) -> Option<Number> {
    let (negative, start) = match text.first()? {
        b'-' => (true, 1),
        b'+' => (false, 1),
        _ => (false, 0),
    };
    if !text.get(start).is_some_and(|byte| byte.is_ascii_digit() || *byte == b'.') {
        return named(&text[start..], negative, start);
    }
    let mut at = start;
    let mut digits: u64 = 0;
    let mut count = 0_u32;
    let mut scale: i32 = 0;
    while let Some(byte) = text.get(at) {
        if byte.is_ascii_digit() {
            count += u32::from(digits > 0 || *byte != b'0');
            digits = digits.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
            at += 1;
        } else if *byte == b',' && is_thousands(&text[start..], at - start) {
            at += 1;
        } else {
            break;
        }
    }
    let whole_end = at;
    let mut plain = true;
    if text.get(at) == Some(&b'.')
        && text.get(at + 1).is_none_or(|byte| byte.is_ascii_digit() || !byte.is_ascii_alphabetic())
    {
        let fraction = text[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        // "3." at the end of a sentence is the whole number 3; a lone "." is nothing.
        if fraction == 0 && at == start {
            return None;
        }
        if fraction > 0 {
            plain = false;
            for byte in &text[at + 1..at + 1 + fraction] {
                count += u32::from(digits > 0 || *byte != b'0');
                digits = digits.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
            }
            scale -= i32::try_from(fraction).ok()?;
            at += 1 + fraction;
        }
    }
    if at == start {
        return None;
    }
    if let Some(b'e' | b'E') = text.get(at) {
        let sign = usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        let exponent = text[at + 1 + sign..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if (1..=5).contains(&exponent) {
            let end = at + 1 + sign + exponent;
            let power: i32 =
                std::str::from_utf8(&text[at + 1 + usize::from(text[at + 1] == b'+')..end]).ok()?.parse().ok()?;
            scale += power;
            plain = false;
            at = end;
        }
    }
    let value = if count <= 15 && scale.unsigned_abs() < 23 {
        // Both factors are exact, so one rounding gives what a full parse gives.
        let power = POWERS[scale.unsigned_abs() as usize];
        let exact = digits as f64;
        if scale < 0 { exact / power } else { exact * power }
    } else {
        slow(&text[start..at])?
    };
    let whole = (plain && !negative && count <= 19 && whole_end == at).then_some(digits);
    Some(Number { value: if negative { -value } else { value }, whole, len: at })
}

/// Whether the comma at `at` parts thousands: one to three digits before the first, three after each.
fn is_thousands(digits: &[u8], at: usize) -> bool {
    let after = digits[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let before = digits[..at].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let first = digits[..at].iter().all(u8::is_ascii_digit);
    after == 3 && (before == 3 || (first && (1..=3).contains(&before))) && digits[0] != b'0'
}

fn slow(text: &[u8]) -> Option<f64> {
    let text: String = text.iter().filter(|byte| **byte != b',').map(|byte| char::from(*byte)).collect();
    text.parse().ok()
}

fn named(text: &[u8], negative: bool, before: usize) -> Option<Number> {
    let word = text.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let value = match word {
        3 if text[..3].eq_ignore_ascii_case(b"nan") => f64::NAN,
        3 if text[..3].eq_ignore_ascii_case(b"inf") => f64::INFINITY,
        8 if text[..8].eq_ignore_ascii_case(b"infinity") => f64::INFINITY,
        _ => return None,
    };
    Some(Number { value: if negative { -value } else { value }, whole: None, len: before + word })
}

/// What follows the number, given the text after it, and how many bytes that takes.
pub(super) fn unit(after: &[u8]) -> (Unit, usize) {
    let Some(first) = after.first() else { return (Unit::None, 0) };
    match first {
        b'%' => return (Unit::Percent, 1),
        // 1.2.3, 2026-11-20, 12:30, 0x1f
        b'.' | b'-' | b':' if after.get(1).is_some_and(u8::is_ascii_digit) => return (Unit::NotANumber, 1),
        0xc2 if after.get(1) == Some(&0xb5) => return (Unit::Time, 2),
        byte if !byte.is_ascii_alphabetic() && *byte != b'_' => return (Unit::None, 0),
        _ => {}
    }
    let len = after.iter().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_')).count();
    let word = &after[..len];
    let unit = match word {
        b"s" | b"ms" | b"us" | b"ns" | b"m" | b"h" | b"d" | b"sec" | b"secs" | b"min" | b"mins" | b"hr" | b"hrs"
        | b"seconds" | b"minutes" | b"hours" => Unit::Time,
        b"k" | b"K" | b"M" | b"G" | b"T" | b"B" | b"KB" | b"MB" | b"GB" | b"TB" | b"kB" | b"KiB" | b"MiB" | b"GiB"
        | b"TiB" | b"b" | b"px" | b"x" | b"W" | b"C" => Unit::Size,
        _ if word.contains(&b'/') => Unit::Rate,
        // 1h02m, 3m20s
        _ if word.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'h' | b'm' | b's' | b'd')) => Unit::Time,
        _ => Unit::NotANumber,
    };
    (unit, len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(input: &str, value: f64, whole: Option<u64>, len: usize) {
        let seen = number(input.as_bytes()).unwrap_or_else(|| panic!("{input:?} is a number"));
        assert_eq!((seen.value.to_bits(), seen.whole, seen.len), (value.to_bits(), whole, len), "{input:?}");
    }

    #[test]
    fn numbers_as_printed() {
        check("0.4123, x", 0.4123, None, 6);
        check("120", 120.0, Some(120), 3);
        check("3e-4 ", 3e-4, None, 4);
        check("-1.5E+3", -1500.0, None, 7);
        check("1,234,567 rows", 1_234_567.0, Some(1_234_567), 9);
        check("1,23", 1.0, Some(1), 1);
        check("0,123", 0.0, Some(0), 1);
        check(".5", 0.5, None, 2);
        check("3.", 3.0, Some(3), 1);
        check("nan", f64::NAN, None, 3);
        check("-inf,", f64::NEG_INFINITY, None, 4);
        check("Infinity", f64::INFINITY, None, 8);
        check("0.6931471805599457", 0.693_147_180_559_945_7, None, 18);
        check("123456789012345678901234567890", 123_456_789_012_345_678_901_234_567_890.0, None, 30);
        for not in ["", "-", ".", "abc", "nano", "+x", "infer"] {
            assert_eq!(number(not.as_bytes()), None, "{not:?}");
        }
    }

    #[test]
    fn units_tell_times_rates_and_sizes() {
        for (after, expect) in [
            ("", Unit::None),
            (", x", Unit::None),
            ("%", Unit::Percent),
            ("s", Unit::Time),
            ("ms/step", Unit::Rate),
            ("it/s]", Unit::Rate),
            ("h02m", Unit::Time),
            ("GiB", Unit::Size),
            (".3", Unit::NotANumber),
            (":30", Unit::NotANumber),
            ("f3a", Unit::NotANumber),
        ] {
            assert_eq!(unit(after.as_bytes()).0, expect, "{after:?}");
        }
    }

    proptest! {
        #[test]
        fn what_rust_prints_reads_back_exactly(value in any::<f64>()) {
            for text in [format!("{value}"), format!("{value:e}"), format!("{value:.6}")] {
                let expect: f64 = text.parse().unwrap();
                let seen = number(text.as_bytes()).unwrap();
                prop_assert_eq!(seen.len, text.len());
                prop_assert!(seen.value.to_bits() == expect.to_bits() || (seen.value.is_nan() && expect.is_nan()));
            }
        }
    }
}
