//! Exact dollars in integers: a price is a whole number of picodollars (1e-12 USD), so no sum is ever a float.
//!
//! AWS writes ten decimals, Google nanodollars times a GiB count of at most two decimals: twelve decimals hold both.

use curfew_core::Money;
use rust_decimal::Decimal;
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Neg, Sub};

/// Picodollars in a dollar.
const PICO: i128 = 1_000_000_000_000;
/// Decimals of a picodollar.
const PLACES: u32 = 12;

/// US dollars, exact to a picodollar. May be negative (a refund, a difference).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Usd(i128);

impl Usd {
    /// No dollars: the start of a sum, never a stand-in for an unknown price.
    pub const ZERO: Self = Self(0);

    /// From picodollars.
    pub const fn from_pico(pico: i128) -> Self {
        Self(pico)
    }
    /// In picodollars.
    pub const fn pico(self) -> i128 {
        self.0
    }
    /// From whole cents.
    pub const fn from_cents(cents: i64) -> Self {
        Self(cents as i128 * PICO / 100)
    }
    /// Reads a plain decimal (`0.379998`, `-3`, `1.0060000000`) exactly; `None` for anything else, for more than
    /// twelve significant decimals, and for amounts beyond a trillion dollars.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let plain = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !plain(whole) || !plain(part) || whole.len() > 12 {
            return None;
        }
        let part = part.trim_end_matches('0');
        if part.len() > PLACES as usize || (digits.contains('.') && digits.ends_with('.')) {
            return None;
        }
        let mut pico: i128 = 0;
        for b in whole.bytes().chain(part.bytes()) {
            pico = pico * 10 + i128::from(b - b'0');
        }
        pico *= 10_i128.pow(PLACES - u32::try_from(part.len()).ok()?);
        Some(Self(if negative { -pico } else { pico }))
    }
    /// From an exact decimal; rounds half to even beyond twelve decimals.
    pub fn from_decimal(d: Decimal) -> Option<Self> {
        let d = d.round_dp(PLACES);
        let factor = 10_i128.checked_pow(PLACES.checked_sub(d.scale())?)?;
        d.mantissa().checked_mul(factor).map(Self)
    }
    /// As a decimal without trailing zeros; `None` beyond what 96 bits hold.
    pub fn to_decimal(self) -> Option<Decimal> {
        Decimal::try_from_i128_with_scale(self.0, PLACES).ok().map(|d| d.normalize())
    }
    /// As the core's money. Amounts too large for it (beyond 10^16 dollars) are cut there.
    pub fn to_money(self) -> Money {
        Money::usd(self.to_decimal().unwrap_or(Decimal::MAX))
    }
    /// In dollars, for ranking keys and pictures only.
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / PICO as f64
    }
    /// Times `num / den`, rounded half up; `None` on overflow.
    pub fn times(self, num: i128, den: i128) -> Option<Self> {
        if den <= 0 {
            return None;
        }
        let product = self.0.checked_mul(num)?.checked_mul(2)?.checked_add(den)?;
        Some(Self(product.div_euclid(den.checked_mul(2)?)))
    }
}

impl Add for Usd {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}
impl Sub for Usd {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}
impl Neg for Usd {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}
impl Sum for Usd {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::ZERO, Add::add)
    }
}

/// The exact figure, no trailing zeros, no sign of currency: `0.379998`, `2`, `-0.5`.
impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0.unsigned_abs() / PICO.unsigned_abs(), self.0.unsigned_abs() % PICO.unsigned_abs());
        let mut text = format!("{}{whole}", if self.0 < 0 { "-" } else { "" });
        if part > 0 {
            let digits = format!("{part:012}");
            text.push('.');
            text.push_str(digits.trim_end_matches('0'));
        }
        f.pad(&text)
    }
}

impl serde::Serialize for Usd {
    /// A JSON number with exactly the figure's digits (through `serde_json`).
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let raw = serde_json::value::RawValue::from_string(self.to_string()).map_err(serde::ser::Error::custom)?;
        raw.serialize(s)
    }
}

/// Dollars an hour of one machine, exact to a picodollar; at most 9.2 million dollars an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(i64);

impl Rate {
    /// From picodollars an hour.
    pub const fn from_pico(pico: i64) -> Self {
        Self(pico)
    }
    /// In picodollars an hour.
    pub const fn pico(self) -> i64 {
        self.0
    }
    /// Reads a plain decimal exactly.
    pub fn parse(text: &str) -> Option<Self> {
        Self::from_usd(Usd::parse(text)?)
    }
    /// From dollars, where they fit.
    pub fn from_usd(usd: Usd) -> Option<Self> {
        i64::try_from(usd.0).ok().map(Self)
    }
    /// As dollars.
    pub const fn usd(self) -> Usd {
        Usd(self.0 as i128)
    }
    /// What it comes to over `ms` milliseconds, rounded half up to a picodollar.
    pub fn over_ms(self, ms: i64) -> Usd {
        self.usd().times(i128::from(ms.max(0)), 3_600_000).unwrap_or(Usd(i128::MAX))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.usd().fmt(f)
    }
}
impl serde::Serialize for Rate {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.usd().serialize(s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expect: Option<&str>) {
        assert_eq!(Usd::parse(text).map(|u| u.to_string()).as_deref(), expect, "{text}");
    }

    #[test]
    fn read_exactly() {
        check("0.379998", Some("0.379998"));
        check("1.0060000000", Some("1.006"));
        check("2", Some("2"));
        check("-0.50", Some("-0.5"));
        check("0.000000000001", Some("0.000000000001"));
        check("0.0000000000001", None);
        for bad in ["", ".5", "5.", "1e3", "NaN", "+1", "1,000", "-", "9999999999999"] {
            check(bad, None);
        }
        assert_eq!(Rate::parse("55.04").unwrap().over_ms(1_800_000).to_string(), "27.52");
        assert_eq!(Rate::parse("1").unwrap().over_ms(1).to_string(), "0.000000277778");
        assert_eq!(serde_json::to_string(&Rate::parse("3.673385").unwrap()).unwrap(), "3.673385");
        assert_eq!(Usd::parse("3.3").unwrap().to_money().to_string(), "$3.30");
    }

    proptest! {
        #[test]
        fn text_and_back(pico in -1_000_000_000_000_000_000_i64..1_000_000_000_000_000_000) {
            let usd = Usd::from_pico(i128::from(pico));
            prop_assert_eq!(Usd::parse(&usd.to_string()), Some(usd));
            prop_assert_eq!(usd.to_decimal().and_then(Usd::from_decimal), Some(usd));
            prop_assert_eq!(usd.to_string(), usd.to_decimal().unwrap().to_string());
        }
    }
}
