//! Power draw and tariff, as the user has stated them last: a file in the home, so that every process counts the same.

use crate::files;
use crate::settings::Power;
use curfew_core::money::Money;
use curfew_core::{Error, Home, Result, Timestamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Stated {
    watts: Decimal,
    per_kwh: Money,
    at: Timestamp,
}

/// What was stated; `None` where nothing was, or it cannot be read (then nothing is estimated).
pub(crate) fn read(home: &Home) -> Option<Power> {
    let stated: Stated = files::read_json(&home.power(), "the power draw").unwrap_or_default()?;
    Some(Power { watts: stated.watts, per_kwh: stated.per_kwh, stated: stated.at })
}

/// States it, or takes it back.
pub(crate) fn write(home: &Home, power: Option<&Power>) -> Result<()> {
    let io = |e| Error::io("keep the power draw", "the power draw cannot be kept", e);
    match power {
        Some(power) => {
            files::make_private_folder(home.root()).map_err(io)?;
            let Power { watts, per_kwh, stated } = power.clone();
            files::write_json(&home.power(), &Stated { watts, per_kwh, at: stated }).map_err(io)
        }
        None => match std::fs::remove_file(home.power()) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(io(e)),
            _ => Ok(()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_kept_and_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().join("home"));
        assert_eq!(read(&home), None);
        let power = Power { watts: 85.into(), per_kwh: Money::usd(Decimal::new(30, 2)), stated: Timestamp::UNIX_EPOCH };
        write(&home, Some(&power)).unwrap();
        assert_eq!(read(&home), Some(power));
        write(&home, None).unwrap();
        write(&home, None).unwrap();
        assert_eq!(read(&home), None);
    }
}
