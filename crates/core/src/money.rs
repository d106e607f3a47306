//! Exact decimal money. Sums are checked, and adding dollars to euros is an error instead of a number.

use jiff::{SignedDuration, Timestamp};
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A currency by its ISO 4217 code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// US dollar, in which both clouds list their prices.
    pub const USD: Self = Self(*b"USD");

    /// Three capital letters, or `None`.
    pub fn new(code: &str) -> Option<Self> {
        let bytes: [u8; 3] = code.as_bytes().try_into().ok()?;
        bytes.iter().all(u8::is_ascii_uppercase).then_some(Self(bytes))
    }
    /// The code, such as `USD`.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("???")
    }
}

impl Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.code())
    }
}
impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        Self::new(&text).ok_or_else(|| serde::de::Error::custom("a currency is three capital letters"))
    }
}

/// Why a sum has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Two currencies met.
    #[error("cannot add {0} to {1}")]
    Mixed(String, String),
    /// The number does not fit 28 decimal digits.
    #[error("the amount is too large")]
    Overflow,
}

/// An amount in one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    amount: Decimal,
    currency: Currency,
}

impl Money {
    /// An amount of `currency`.
    pub const fn new(amount: Decimal, currency: Currency) -> Self {
        Self { amount, currency }
    }
    /// US dollars.
    pub const fn usd(amount: Decimal) -> Self {
        Self::new(amount, Currency::USD)
    }
    /// No dollars: the start of a sum, never a stand-in for an unknown price.
    pub const fn zero_usd() -> Self {
        Self::usd(Decimal::ZERO)
    }
    /// The number.
    pub const fn amount(&self) -> Decimal {
        self.amount
    }
    /// The currency.
    pub const fn currency(&self) -> Currency {
        self.currency
    }
    /// Adds, if the currencies agree.
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::Mixed(other.currency.code().into(), self.currency.code().into()));
        }
        let amount = self.amount.checked_add(other.amount).ok_or(MoneyError::Overflow)?;
        Ok(Self { amount, currency: self.currency })
    }
    /// Multiplies by a plain number.
    pub fn times(self, factor: Decimal) -> Result<Self, MoneyError> {
        let amount = self.amount.checked_mul(factor).ok_or(MoneyError::Overflow)?;
        Ok(Self { amount, currency: self.currency })
    }
    /// Compares, if the currencies agree.
    pub fn compare(&self, other: &Self) -> Option<std::cmp::Ordering> {
        (self.currency == other.currency).then(|| self.amount.cmp(&other.amount))
    }
}

/// Cents from a cent on; below that as many digits as show two that count (`$0.0082`), so that a small rate is not "$0.00".
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cent = Decimal::new(1, 2);
        let abs = self.amount.abs();
        let places = if abs.is_zero() || abs >= cent {
            2
        } else {
            (3..=8).find(|&p| abs >= Decimal::new(1, p - 1)).unwrap_or(8)
        };
        let rounded = abs.round_dp_with_strategy(places, RoundingStrategy::MidpointAwayFromZero);
        let digits = format!("{rounded:.*}", places as usize);
        let (whole, part) = digits.split_once('.').unwrap_or((&digits, "00"));
        let mut grouped = String::new();
        for (i, c) in whole.chars().enumerate() {
            if i > 0 && (whole.len() - i).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(c);
        }
        let sign = if self.amount.is_sign_negative() && !rounded.is_zero() { "−" } else { "" };
        let text = if self.currency == Currency::USD {
            format!("{sign}${grouped}.{part}")
        } else {
            format!("{sign}{grouped}.{part} {}", self.currency.code())
        };
        f.pad(&text)
    }
}

/// Money an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HourlyRate(pub Money);

impl HourlyRate {
    /// Dollars an hour.
    pub const fn usd(amount: Decimal) -> Self {
        Self(Money::usd(amount))
    }
    /// What it comes to over `time`; negative times count as none.
    pub fn over(&self, time: SignedDuration) -> Result<Money, MoneyError> {
        let millis = i64::try_from(time.as_millis().max(0)).map_err(|_| MoneyError::Overflow)?;
        let hours = Decimal::from(millis).checked_div(Decimal::from(3_600_000)).ok_or(MoneyError::Overflow)?;
        self.0.times(hours)
    }
    /// What it comes to over 24 hours.
    pub fn per_day(&self) -> Result<Money, MoneyError> {
        self.0.times(Decimal::from(24))
    }
    /// Adds, if the currencies agree.
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        self.0.plus(other.0).map(Self)
    }
}

impl fmt::Display for HourlyRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// What is known of a cost (`Cost<Money>`) or of a rate (`Cost<HourlyRate>`). There is no default and no zero.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Cost<T = Money> {
    /// On the provider's bill, up to `through`.
    Billed {
        /// How much.
        amount: T,
        /// The end of the billed time.
        through: Timestamp,
    },
    /// Worked out by us.
    Estimated {
        /// How much.
        amount: T,
        /// The date of the price used.
        as_of: Timestamp,
        /// What it is based on ("list price us-east-1", "85 W at $0.30 per kWh").
        basis: String,
    },
    /// Not known, and so never counted as zero.
    Unknown {
        /// Why not.
        why: String,
    },
    /// Nobody sends a bill for it.
    NotBilled {
        /// What is left out ("electricity not counted").
        note: String,
    },
}

impl<T> Cost<T> {
    /// The amount, where there is one.
    pub const fn amount(&self) -> Option<&T> {
        match self {
            Self::Billed { amount, .. } | Self::Estimated { amount, .. } => Some(amount),
            Self::Unknown { .. } | Self::NotBilled { .. } => None,
        }
    }
    /// Is it unknown?
    pub const fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown { .. })
    }
    /// The same knowledge about another amount.
    pub fn map<U>(self, f: impl FnOnce(T) -> Result<U, MoneyError>) -> Cost<U> {
        match self {
            Self::Billed { amount, through } => match f(amount) {
                Ok(amount) => Cost::Billed { amount, through },
                Err(e) => Cost::Unknown { why: e.to_string() },
            },
            Self::Estimated { amount, as_of, basis } => match f(amount) {
                Ok(amount) => Cost::Estimated { amount, as_of, basis },
                Err(e) => Cost::Unknown { why: e.to_string() },
            },
            Self::Unknown { why } => Cost::Unknown { why },
            Self::NotBilled { note } => Cost::NotBilled { note },
        }
    }
    /// One word for tables and JSON: `billed`, `estimated`, `unknown`, `not billed`.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Billed { .. } => "billed",
            Self::Estimated { .. } => "estimated",
            Self::Unknown { .. } => "unknown",
            Self::NotBilled { .. } => "not billed",
        }
    }
}

/// A total that keeps apart what must not be mixed: billed, estimated, and how many parts are unknown or not billed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total<T = Money> {
    /// Sum of the billed parts.
    pub billed: Option<T>,
    /// Sum of the estimated parts.
    pub estimated: Option<T>,
    /// How many parts have no known price. Shown beside every sum ("and 2 of unknown price").
    pub unknown: usize,
    /// How many parts nobody bills.
    pub not_billed: usize,
}

impl<T> Default for Total<T> {
    fn default() -> Self {
        Self { billed: None, estimated: None, unknown: 0, not_billed: 0 }
    }
}

impl Total<Money> {
    /// Sums costs; a part in another currency than the rest counts as unknown.
    pub fn of<'a>(costs: impl IntoIterator<Item = &'a Cost<Money>>) -> Self {
        let mut total = Self::default();
        for cost in costs {
            total.add(cost, |a, b| a.plus(*b));
        }
        total
    }
    /// Billed and estimated together, if either is known and the currencies agree.
    pub fn sum(&self) -> Option<Money> {
        match (self.billed, self.estimated) {
            (Some(a), Some(b)) => a.plus(b).ok(),
            (one, other) => one.or(other),
        }
    }
}

impl Total<HourlyRate> {
    /// Sums rates; a part in another currency than the rest counts as unknown.
    pub fn of_rates<'a>(rates: impl IntoIterator<Item = &'a Cost<HourlyRate>>) -> Self {
        let mut total = Self::default();
        for rate in rates {
            total.add(rate, |a, b| a.plus(*b));
        }
        total
    }
    /// Billed and estimated together, if either is known and the currencies agree.
    pub fn sum(&self) -> Option<HourlyRate> {
        match (self.billed, self.estimated) {
            (Some(a), Some(b)) => a.plus(b).ok(),
            (one, other) => one.or(other),
        }
    }
}

impl<T: Copy> Total<T> {
    fn add(&mut self, cost: &Cost<T>, plus: impl Fn(T, &T) -> Result<T, MoneyError>) {
        let into =
            |sum: &mut Option<T>, amount: &T, unknown: &mut usize| match sum.map_or(Ok(*amount), |s| plus(s, amount)) {
                Ok(new) => *sum = Some(new),
                Err(_) => *unknown += 1,
            };
        match cost {
            Cost::Billed { amount, .. } => into(&mut self.billed, amount, &mut self.unknown),
            Cost::Estimated { amount, .. } => into(&mut self.estimated, amount, &mut self.unknown),
            Cost::Unknown { .. } => self.unknown += 1,
            Cost::NotBilled { .. } => self.not_billed += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(amount: &str, expect: &str) {
        assert_eq!(Money::usd(amount.parse().unwrap()).to_string(), expect);
    }

    #[test]
    fn shown() {
        check("0", "$0.00");
        check("1.355", "$1.36");
        check("0.0082", "$0.0082");
        check("0.00821", "$0.0082");
        check("0.01", "$0.01");
        check("1234567.8", "$1,234,567.80");
        check("-3.5", "−$3.50");
        check("0.000000001", "$0.00000000");
        assert_eq!(Money::new(Decimal::new(250, 2), Currency::new("EUR").unwrap()).to_string(), "2.50 EUR");
    }

    #[test]
    fn mixed_currencies_are_an_error() {
        let eur = Money::new(Decimal::ONE, Currency::new("EUR").unwrap());
        assert!(matches!(Money::zero_usd().plus(eur), Err(MoneyError::Mixed(..))));
        let as_of = Timestamp::UNIX_EPOCH;
        let estimate = |amount| Cost::Estimated { amount, as_of, basis: String::new() };
        let total =
            Total::of([&estimate(Money::usd(Decimal::ONE)), &estimate(eur), &Cost::Unknown { why: String::new() }]);
        assert_eq!((total.sum(), total.unknown), (Some(Money::usd(Decimal::ONE)), 2));
    }

    #[test]
    fn nothing_known_is_no_sum() {
        assert_eq!(Total::of([&Cost::Unknown { why: String::new() }]).sum(), None);
    }

    proptest! {
        #[test]
        fn rate_over_time_adds_up(cents in 0i64..1_000_000, a in 0i64..10_000, b in 0i64..10_000) {
            let rate = HourlyRate::usd(Decimal::new(cents, 2));
            let split = rate.over(SignedDuration::from_secs(a)).unwrap().plus(rate.over(SignedDuration::from_secs(b)).unwrap()).unwrap();
            let whole = rate.over(SignedDuration::from_secs(a + b)).unwrap();
            prop_assert!((split.amount() - whole.amount()).abs() < Decimal::new(1, 12));
        }
    }
}
