//! Durations, sizes, numbers and instants in plain words, the same on every page and in the terminal.

use jiff::{SignedDuration, Timestamp, Zoned, tz::TimeZone};

/// "2h30m", exact to the second, readable back as a curfew.
pub fn exact_duration(time: SignedDuration) -> String {
    let total = time.as_secs().max(0);
    let parts = [(total / 86_400, "d"), (total / 3600 % 24, "h"), (total / 60 % 60, "m"), (total % 60, "s")];
    let text: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
    if text.is_empty() { "0s".into() } else { text.concat() }
}

/// "1 h 52 m", "44 m", "9 s", "3 d 4 h": the two largest units.
pub fn duration(time: SignedDuration) -> String {
    let total = time.as_secs().max(0);
    let (d, h, m, s) = (total / 86_400, total / 3600 % 24, total / 60 % 60, total % 60);
    match (d, h, m) {
        (0, 0, 0) => format!("{s} s"),
        (0, 0, _) if s > 0 && m < 10 => format!("{m} m {s:02} s"),
        (0, 0, _) => format!("{m} m"),
        (0, ..) => format!("{h} h {m:02} m"),
        _ => format!("{d} d {h} h"),
    }
}

/// "just now", "4 minutes ago", "9 days ago".
pub fn ago(then: Timestamp, now: Timestamp) -> String {
    let secs = now.duration_since(then).as_secs();
    let (n, unit) = match secs {
        i64::MIN..60 => return "just now".into(),
        60..3600 => (secs / 60, "minute"),
        3600..86_400 => (secs / 3600, "hour"),
        _ => (secs / 86_400, "day"),
    };
    format!("{n} {unit}{} ago", if n == 1 { "" } else { "s" })
}

/// "22:05" today, "tomorrow 08:00", "Mon 23 Nov 08:00" else.
pub fn when(at: Timestamp, now: &Zoned) -> String {
    let at = at.to_zoned(now.time_zone().clone());
    let days = now.date().until(at.date()).map_or(99, |s| s.get_days());
    let time = at.strftime("%H:%M");
    match days {
        0 => time.to_string(),
        1 => format!("tomorrow {time}"),
        -1 => format!("yesterday {time}"),
        _ => at.strftime("%a %-d %b %H:%M").to_string(),
    }
}

/// "2026-11-21 18:30" in `zone`, for tables and proofs.
pub fn date_time(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
}

/// A number as pages show it: four digits that count, plain from 0.001 to a million, exponents beyond.
pub fn number(value: f64) -> String {
    if value.is_nan() {
        return "not a number".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "∞".into() } else { "−∞".into() };
    }
    let abs = value.abs();
    let sign = if value < 0.0 { "−" } else { "" };
    if abs == 0.0 {
        return "0".into();
    }
    if !(0.001..1_000_000.0).contains(&abs) {
        let text = format!("{abs:.3e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{sign}{}e{exponent}", trim(mantissa));
    }
    if abs >= 1000.0 && abs.fract() == 0.0 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, and below a million")]
        return format!("{sign}{}", grouped(abs as u64));
    }
    // Digits after the point such that four count.
    let places = (0..=6).find(|p| abs * 10f64.powi(*p) >= 1000.0).unwrap_or(6);
    format!("{sign}{}", trim(&format!("{abs:.*}", places.unsigned_abs() as usize)))
}

fn trim(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// "9,654".
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// "0 B", "3.2 MiB", "1.46 GiB": binary units, said so.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = n as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit < UNITS.len() - 1 {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{n} B")
    } else if value < 10.0 {
        format!("{value:.2} {}", UNITS[unit])
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

/// "1 run", "2 runs".
pub fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// Text from outside made fit for a line on a terminal or a page: control characters become visible, length is bounded.
/// Escaping for HTML is the templates' work.
pub fn clean(text: &str, most: usize) -> String {
    let mut out = String::new();
    for (i, c) in text.chars().enumerate() {
        if i == most {
            out.push('…');
            break;
        }
        // Bidirectional overrides can make a name read as another.
        let hidden =
            matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}'..='\u{200f}' | '\u{feff}');
        if c.is_control() || hidden { out.extend(c.escape_unicode()) } else { out.push(c) }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        let check = |value: f64, expect: &str| assert_eq!(number(value), expect);
        check(0.412, "0.412");
        check(0.41237, "0.4124");
        check(2.0, "2");
        check(0.0, "0");
        check(-1.5, "−1.5");
        check(18_600.0, "18,600");
        check(1234.56, "1235");
        check(0.000_123_4, "1.234e-4");
        check(3e12, "3e12");
        check(f64::NAN, "not a number");
        check(f64::NEG_INFINITY, "−∞");
    }

    #[test]
    fn plain_words() {
        let check = |secs, expect: &str| assert_eq!(duration(SignedDuration::from_secs(secs)), expect);
        check(9, "9 s");
        check(69, "1 m 09 s");
        check(44 * 60, "44 m");
        check(6720, "1 h 52 m");
        check(90_000, "1 d 1 h");
        check(-5, "0 s");
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(1536), "1.50 KiB");
        assert_eq!(bytes(3 << 40), "3.00 TiB");
        assert_eq!(clean("a\u{1b}[31mb\u{202e}", 99), "a\\u{1b}[31mb\\u{202e}");
        assert_eq!(clean("abcdef", 3), "abc…");
        let now: Zoned = "2026-11-21T18:30:00+01:00[Europe/Berlin]".parse().unwrap();
        assert_eq!(when(now.timestamp() + SignedDuration::from_hours(14), &now), "tomorrow 08:30");
        assert_eq!(ago(now.timestamp() - SignedDuration::from_hours(25), now.timestamp()), "1 day ago");
    }
}
