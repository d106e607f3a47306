//! What the user may set about this computer.

use curfew_core::machine::Power;
use curfew_core::money::{Cost, HourlyRate};
use curfew_core::{Error, ErrorKind, Result};
use rust_decimal::Decimal;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// How a supervisor is started: `program args… FOLDER`.
#[derive(Debug, Clone)]
pub struct Launcher {
    /// The program.
    pub program: PathBuf,
    /// What comes before the folder.
    pub args: Vec<OsString>,
}

impl Launcher {
    /// The program that runs now, with `supervise` before the folder.
    pub fn this_program() -> Result<Self> {
        let program = std::env::current_exe()
            .map_err(|e| Error::io("find this program", "the running program's own file cannot be found", e))?;
        // Replaced by an update while it runs: what runs can still be started again through /proc.
        let program = if program.exists() { program } else { PathBuf::from("/proc/self/exe") };
        Ok(Self { program, args: vec!["supervise".into()] })
    }
}

/// What may be set. [`Settings::default`] is what a new user has.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long a script may take to end after it was asked to, before it is killed.
    pub grace: Duration,
    /// Power draw and tariff; where `None`, what [`crate::Local::set_power`] has kept in the home.
    pub power: Option<Power>,
    /// The Python to use instead of `$CURFEW_PYTHON` or the PATH's.
    pub python: Option<PathBuf>,
    /// The largest script folder that is copied, in bytes.
    pub largest_code: u64,
    /// How long a log may grow before its middle is given back to the disk, in bytes.
    pub longest_log: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(10),
            power: None,
            python: None,
            largest_code: 500 << 20,
            longest_log: 2 << 30,
        }
    }
}

impl Settings {
    /// The rate of what does no work: files.
    pub(crate) fn idle_rate() -> Cost<HourlyRate> {
        Cost::NotBilled { note: "disk space of this computer".into() }
    }
    /// For an error's next step.
    pub(crate) fn check(&self) -> Result<()> {
        if self.grace > Duration::from_hours(1) {
            return Err(Error::new(ErrorKind::InvalidInput, "check the settings", "a grace time is at most an hour"));
        }
        Ok(())
    }
}

/// What an hour of work costs.
pub(crate) fn rate_of(power: Option<&Power>) -> Cost<HourlyRate> {
    let Some(power) = power else { return Cost::NotBilled { note: NOT_COUNTED.into() } };
    let kilowatts = power.watts.checked_div(Decimal::from(1000));
    match kilowatts.map(|kw| power.per_kwh.times(kw)) {
        Some(Ok(amount)) => Cost::Estimated {
            amount: HourlyRate(amount),
            as_of: power.stated,
            basis: format!("{} W at {} per kWh", power.watts.normalize(), power.per_kwh),
        },
        _ => Cost::Unknown { why: "the power draw or the tariff is too large a number".into() },
    }
}

const NOT_COUNTED: &str = "electricity not counted";

#[cfg(test)]
mod tests {
    use super::*;
    use curfew_core::{Money, Timestamp};

    fn check(power: Option<(i64, Money)>, expect: &str) {
        let power = power.map(|(w, per_kwh)| Power { watts: w.into(), per_kwh, stated: Timestamp::UNIX_EPOCH });
        let cost = rate_of(power.as_ref()).map(|rate| rate.over(jiff::SignedDuration::from_hours(2)));
        let text = match cost {
            Cost::Estimated { amount, basis, .. } => format!("{amount}, {basis}"),
            Cost::NotBilled { note } => note,
            other => other.word().into(),
        };
        assert_eq!(text, expect);
    }

    #[test]
    fn electricity_is_counted_once_it_is_known() {
        check(None, "electricity not counted");
        check(Some((85, Money::usd(Decimal::new(30, 2)))), "$0.05, 85 W at $0.30 per kWh");
        check(Some((9000, Money::usd(Decimal::MAX))), "unknown");
    }
}
