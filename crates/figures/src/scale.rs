//! Axes: which ticks a range gets, and how numbers and times are written on them.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

/// A mark on an axis. `at` is on the axis as drawn: for a logarithmic one, the exponent of ten.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tick {
    pub(crate) at: f64,
    pub(crate) label: String,
}

/// The marks of an axis.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Ticks {
    pub(crate) major: Vec<Tick>,
    /// Without labels.
    pub(crate) minor: Vec<f64>,
    /// What every label is to be multiplied with, as `10⁻⁵`; said beside the axis's name.
    pub(crate) factor: Option<String>,
}

/// What the numbers of an axis are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Numbers {
    /// Values: any number.
    Any,
    /// Steps, epochs: counted, so that there is nothing between 3 and 4 to mark.
    Counts,
}

fn superscript(n: i32) -> String {
    n.to_string()
        .chars()
        .map(|c| match c {
            '-' => '⁻',
            '1' => '¹',
            '2' => '²',
            '3' => '³',
            digit => char::from_u32('⁰' as u32 + digit.to_digit(10).unwrap_or(0)).unwrap_or(digit),
        })
        .collect()
}

fn minus(text: String) -> String {
    if text.starts_with('-') { text.replacen('-', "−", 1) } else { text }
}

/// A value in a sentence: four digits that count, `1.2×10⁻⁵` where it is very small or large.
pub(crate) fn number(value: f64) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "∞".into() } else { "−∞".into() };
    }
    let size = value.abs();
    if value == 0.0 {
        return "0".into();
    }
    if !(1e-4..1e7).contains(&size) {
        let text = format!("{value:.3e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let mantissa = mantissa.trim_end_matches('0').trim_end_matches('.');
        return minus(format!("{mantissa}×10{}", superscript(exponent.parse().unwrap_or(0))));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 8 by the range above")]
    let decimals = (3.0 - size.log10().floor()).clamp(0.0, 8.0) as usize;
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text };
    minus(text)
}

/// "1,204", "20k", "1.5M": counts are written short from a hundred thousand on.
pub(crate) fn count(value: f64, decimals: usize, short: bool) -> String {
    if short && value != 0.0 {
        let (by, unit) = match value.abs() {
            v if v >= 1e9 => (1e9, "B"),
            v if v >= 1e6 => (1e6, "M"),
            _ => (1e3, "k"),
        };
        let text = format!("{:.6}", value / by);
        return minus(format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.')));
    }
    let text = format!("{:.decimals$}", value.abs());
    let (whole, part) = text.split_once('.').map_or((text.as_str(), ""), |(w, p)| (w, p));
    let mut grouped = String::new();
    for (i, c) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(c);
    }
    let sign = if value < 0.0 { "−" } else { "" };
    if part.is_empty() { format!("{sign}{grouped}") } else { format!("{sign}{grouped}.{part}") }
}

/// The smallest of 1, 2, 5 × 10ⁿ that is at least `step`.
fn round_up(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    [1.0, 2.0, 5.0].iter().map(|m| m * power).find(|nice| *nice >= step * 0.999_999).unwrap_or(10.0 * power)
}

#[expect(clippy::cast_possible_truncation, reason = "an f64's exponent is between -324 and 308")]
fn exponent(value: f64) -> i32 {
    if value == 0.0 { 0 } else { value.abs().log10().floor() as i32 }
}

/// Whole multiples of `step` within a range; none where the numbers are too coarse to tell them apart.
fn multiples(low: f64, high: f64, step: f64) -> Vec<f64> {
    let (first, last) = ((low / step - 1e-9).ceil(), (high / step + 1e-9).floor());
    // 2⁵³: beyond it the next whole number is no longer another one.
    if !(first.is_finite() && last.is_finite()) || last - first > 1000.0 || last.abs().max(first.abs()) > 9e15 {
        return Vec::new();
    }
    let mut out = Vec::new();
    let mut n = first;
    while n <= last {
        out.push(n * step);
        n += 1.0;
    }
    out
}

/// The finest marks over a linear range that are no more than `most`.
pub(crate) fn linear(low: f64, high: f64, most: usize, numbers: Numbers) -> Ticks {
    let mut step = round_up((high - low) / (most + 1) as f64);
    if numbers == Numbers::Counts && high - low >= 1.0 {
        step = step.max(1.0);
    }
    let mut at = multiples(low, high, step);
    while at.len() > most.max(1) {
        step = round_up(step * 1.5);
        at = multiples(low, high, step);
    }
    let size = low.abs().max(high.abs());
    let power = exponent(size);
    let decimals_of = |step: f64| usize::try_from(-exponent(step * 1.000_001)).unwrap_or(0);
    let (factor, scale) = match numbers {
        Numbers::Any if !(-3..=5).contains(&power) => (Some(format!("10{}", superscript(power))), power),
        _ => (None, 0),
    };
    let major = at
        .into_iter()
        .map(|value| {
            let label = match numbers {
                Numbers::Counts => count(value, decimals_of(step), size >= 1e5 && step >= 100.0),
                Numbers::Any => {
                    let (value, step) = if factor.is_some() {
                        (value / 10f64.powi(scale), step / 10f64.powi(scale))
                    } else {
                        (value, step)
                    };
                    let text = format!("{value:.*}", decimals_of(step).min(12));
                    minus(if text.trim_start_matches(['-', '0', '.']).is_empty() {
                        text.replace('-', "")
                    } else {
                        text
                    })
                }
            };
            Tick { at: value, label }
        })
        .collect();
    Ticks { major, minor: Vec::new(), factor }
}

/// Marks of a logarithmic axis; `low` and `high` are exponents of ten, as is each tick's place.
pub(crate) fn logarithmic(low: f64, high: f64, most: usize) -> Ticks {
    let decades = multiples(low, high, 1.0);
    let minor_of = |decade: f64| (2..10).map(move |m| decade + f64::from(m).log10());
    let minor: Vec<f64> =
        multiples(low - 1.0, high, 1.0).into_iter().flat_map(minor_of).filter(|at| (low..=high).contains(at)).collect();
    let label = |at: f64, plain: bool| {
        #[expect(clippy::cast_possible_truncation, reason = "an exponent of an f64")]
        let power = at.round() as i32;
        if plain { number(10f64.powi(power)) } else { format!("10{}", superscript(power)) }
    };
    let plain = low >= -3.1 && high <= 4.1;
    let some: Vec<Tick> = multiples(low - 1.0, high, 1.0)
        .into_iter()
        .flat_map(|decade| [1.0, 2.0, 5.0].map(|m| (decade + f64::log10(m), m * 10f64.powf(decade))))
        .filter(|(at, _)| (low - 1e-9..=high + 1e-9).contains(at))
        .map(|(at, value)| Tick { at, label: number(value) })
        .collect();
    if some.len() >= 3 && some.len() <= most && plain {
        return Ticks { major: some, minor, factor: None };
    }
    if decades.len() >= 2 {
        let every = decades.len().div_ceil(most.max(2)) as f64;
        let major = decades
            .iter()
            .filter(|at| (**at / every).fract() == 0.0)
            .map(|&at| Tick { at, label: label(at, plain) })
            .collect();
        return Ticks { major, minor: if every > 1.0 { decades } else { minor }, factor: None };
    }
    if some.len() >= 3 {
        return Ticks { major: some, minor, factor: None };
    }
    // Less than half a decade: the marks of a linear axis, where they fall.
    let mut ticks = linear(10f64.powf(low), 10f64.powf(high), most, Numbers::Any);
    for tick in &mut ticks.major {
        tick.at = tick.at.log10();
    }
    ticks
}

/// The unit in which a time of so many seconds reads well: its length in seconds and its name.
pub(crate) fn time_unit(seconds: f64) -> (f64, &'static str) {
    match seconds {
        s if s <= 180.0 => (1.0, "s"),
        s if s <= 3.0 * 3600.0 => (60.0, "min"),
        s if s <= 72.0 * 3600.0 => (3600.0, "h"),
        _ => (86_400.0, "days"),
    }
}

/// Marks of a time of day axis, in milliseconds since 1970, told in `zone`.
pub(crate) fn clock(low_ms: f64, high_ms: f64, most: usize, zone: &TimeZone) -> Ticks {
    const STEPS: [f64; 20] = [
        1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 10800.0, 21600.0,
        43200.0, 86400.0, 172_800.0, 604_800.0,
    ];
    const DAY: f64 = 86_400.0;
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970")]
    let instant = |ms: f64| Timestamp::from_millisecond(ms as i64).ok();
    let (Some(first), Some(last)) = (instant(low_ms), instant(high_ms)) else { return Ticks::default() };
    let span = (high_ms - low_ms) / 1000.0;
    let room = |step: &&f64| span / **step <= most.max(1) as f64;
    let step = STEPS.iter().find(room).copied().unwrap_or_else(|| DAY * round_up(span / DAY / most.max(1) as f64));
    let midnight = first.to_zoned(zone.clone()).start_of_day();
    let Ok(mut at) = midnight else { return Ticks::default() };
    let days = (step / DAY).round();
    let mut major = Vec::new();
    while at.timestamp() <= last {
        if at.timestamp() >= first {
            let pattern = match step {
                s if s >= DAY => "%-d %b",
                s if s >= 60.0 => "%H:%M",
                _ => "%H:%M:%S",
            };
            let label = at.strftime(pattern).to_string();
            major.push(Tick { at: at.timestamp().as_millisecond() as f64, label });
        }
        // A day is not always 24 hours long; an hour always has 60 minutes.
        #[expect(clippy::cast_possible_truncation, reason = "a step of the table above")]
        let next = if step >= DAY {
            at.checked_add((days as i64).days())
        } else {
            at.checked_add(SignedDuration::from_secs(step as i64))
        };
        let Ok(next) = next else { break };
        at = next;
    }
    Ticks { major, minor: Vec::new(), factor: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(ticks: &Ticks) -> String {
        let labels: Vec<&str> = ticks.major.iter().map(|t| t.label.as_str()).collect();
        format!("{}{}", labels.join(" "), ticks.factor.as_ref().map_or(String::new(), |f| format!(" ×{f}")))
    }

    #[test]
    fn values() {
        let check = |low, high, most, expect: &str| assert_eq!(labels(&linear(low, high, most, Numbers::Any)), expect);
        check(0.0, 1.0, 6, "0.0 0.2 0.4 0.6 0.8 1.0");
        check(0.31, 2.4, 5, "0.5 1.0 1.5 2.0");
        check(-1.0, 1.0, 5, "−1.0 −0.5 0.0 0.5 1.0");
        check(0.0, 3e-5, 4, "0 1 2 3 ×10⁻⁵");
        check(0.0, 40_000.0, 5, "0 10000 20000 30000 40000");
        check(0.0, 2.5e7, 6, "0.0 0.5 1.0 1.5 2.0 2.5 ×10⁷");
        check(99.99, 100.01, 5, "99.990 99.995 100.000 100.005 100.010");
    }

    #[test]
    fn counts() {
        let check =
            |low, high, most, expect: &str| assert_eq!(labels(&linear(low, high, most, Numbers::Counts)), expect);
        check(0.0, 3.0, 9, "0 1 2 3");
        check(0.0, 4000.0, 5, "0 1,000 2,000 3,000 4,000");
        check(0.0, 250_000.0, 6, "0 50k 100k 150k 200k 250k");
        check(0.0, 1.5e6, 4, "0 500k 1M 1.5M");
        check(0.1, 0.5, 5, "0.1 0.2 0.3 0.4 0.5");
    }

    #[test]
    fn powers() {
        let check = |low, high, most, expect: &str| assert_eq!(labels(&logarithmic(low, high, most)), expect);
        check(-2.2, 0.4, 6, "0.01 0.1 1");
        check(-6.0, 0.0, 4, "10⁻⁶ 10⁻⁴ 10⁻² 10⁰");
        check(-0.7, 0.4, 6, "0.2 0.5 1 2");
        check(-0.4, 1.0, 6, "0.5 1 2 5 10");
        check(-0.4, 1.0, 4, "1 10");
        check(-0.05, 0.05, 4, "0.9 1.0 1.1");
    }

    #[test]
    fn times() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let check = |from: &str, to: &str, most, expect: &str| {
            let ms = |t: &str| t.parse::<Timestamp>().unwrap().as_millisecond() as f64;
            assert_eq!(labels(&clock(ms(from), ms(to), most, &berlin)), expect);
        };
        check("2026-11-21T09:00:00Z", "2026-11-21T12:00:00Z", 3, "10:00 11:00 12:00 13:00");
        check("2026-11-21T09:00:03Z", "2026-11-21T09:00:21Z", 4, "10:00:05 10:00:10 10:00:15 10:00:20");
        // The clocks go back on 25 October: that day has 25 hours.
        check("2026-10-24T12:00:00Z", "2026-10-27T12:00:00Z", 4, "25 Oct 26 Oct 27 Oct");
    }

    #[test]
    fn in_a_sentence() {
        let check = |value, expect: &str| assert_eq!(number(value), expect);
        check(0.0, "0");
        check(0.41, "0.41");
        check(-1.0 / 3.0, "−0.3333");
        check(1.0, "1");
        check(1204.0, "1204");
        check(3e-5, "3×10⁻⁵");
        check(-1.25e12, "−1.25×10¹²");
        check(f64::NAN, "NaN");
        check(f64::NEG_INFINITY, "−∞");
    }

    proptest! {
        #[test]
        fn ticks_are_within_and_not_too_many(low in -1e12..1e12f64, span in 1e-9..1e12f64, most in 1usize..12) {
            let high = low + span;
            for ticks in [linear(low, high, most, Numbers::Any), linear(low, high, most, Numbers::Counts)] {
                prop_assert!(ticks.major.len() <= most);
                for tick in &ticks.major {
                    prop_assert!(tick.at >= low - span * 1e-3 - low.abs() * 1e-8 && tick.at <= high + span * 1e-3 + high.abs() * 1e-8);
                }
            }
        }

        #[test]
        fn no_number_is_a_panic(value in any::<f64>(), other in any::<f64>(), most in 0usize..20) {
            let _ = number(value);
            let (low, high) = (value.min(other).clamp(-1e300, 1e300), value.max(other).clamp(-1e300, 1e300));
            if low < high {
                let _ = linear(low, high, most, Numbers::Any);
                let _ = logarithmic(low.abs().max(1e-300).log10(), high.abs().max(1e-300).log10(), most);
                let _ = clock(low, high.min(low + 1e10), most, &TimeZone::UTC);
            }
        }
    }
}
