//! Power draw and tariff, as the user has stated them last: a file in the home, so that every process counts the same.

use crate::files;
use curfew_core::machine::Power;
use curfew_core::{Error, Home, Result};

/// What was stated; `None` where nothing was, or it cannot be read (then nothing is estimated).
pub(crate) fn read(home: &Home) -> Option<Power> {
    files::read_json(&home.power(), "the power draw").unwrap_or_default()
}

/// States it, or takes it back.
pub(crate) fn write(home: &Home, power: Option<&Power>) -> Result<()> {
    let io = |e| Error::io("keep the power draw", "the power draw cannot be kept", e);
    match power {
        Some(power) => {
            files::make_private_folder(home.root()).map_err(io)?;
            files::write_json(&home.power(), power).map_err(io)
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
    use curfew_core::{Money, Timestamp};

    #[test]
    fn is_kept_and_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().join("home"));
        assert_eq!(read(&home), None);
        let per_kwh = Money::usd(rust_decimal::Decimal::new(30, 2));
        let power = Power { watts: 85.into(), per_kwh, stated: Timestamp::UNIX_EPOCH };
        write(&home, Some(&power)).unwrap();
        assert_eq!(read(&home), Some(power));
        write(&home, None).unwrap();
        write(&home, None).unwrap();
        assert_eq!(read(&home), None);
    }
}
