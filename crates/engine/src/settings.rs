//! What the user has set, and the team's policy.

use crate::Engine;
use curfew_core::policy::{BadPolicy, Policy};
use curfew_core::{Error, ErrorKind, Result};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Settings of this home.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own on the settings page")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Power draw and tariff of this computer, if the user has stated them.
    pub power: Option<Power>,
    /// What an hour of the user's time is worth, in US dollars.
    pub hour_usd: Option<Decimal>,
    /// Tell by a notification when a run ends.
    pub notify_ended: bool,
    /// Tell ten minutes before a curfew.
    pub notify_curfew: bool,
    /// Tell when something looks forgotten.
    pub notify_forgotten: bool,
    /// Start with the desktop session.
    pub autostart: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            power: None,
            hour_usd: None,
            notify_ended: true,
            notify_curfew: true,
            notify_forgotten: true,
            autostart: false,
        }
    }
}

/// What this computer draws and what that costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Power {
    /// Watts while it works.
    pub watts: Decimal,
    /// US dollars per kWh.
    pub usd_per_kwh: Decimal,
}

impl Engine {
    /// The settings.
    pub async fn settings(&self) -> Result<Settings> {
        Ok(self.store.fact("settings").await?.unwrap_or_default())
    }
    /// Keeps new settings. Watts from 0 to 100,000 and tariffs from 0 to 100 $ per kWh are taken.
    pub async fn set_settings(&self, settings: &Settings) -> Result<()> {
        if let Some(power) = settings.power {
            let within = |n: Decimal, most: i64| n >= Decimal::ZERO && n <= Decimal::from(most);
            if !within(power.watts, 100_000) {
                return Err(Error::input("watts", "the power draw is a number of watts from 0 to 100,000"));
            }
            if !within(power.usd_per_kwh, 100) {
                return Err(Error::input("usd_per_kwh", "the tariff is a price per kWh from $0 to $100"));
            }
        }
        self.store.put_fact("settings", settings).await?;
        self.state_power(settings.power)
    }
    /// Power and tariff lie in a file too, where the provider that prices this computer reads them.
    fn state_power(&self, power: Option<Power>) -> Result<()> {
        let path = self.home.power();
        let io = |e| Error::io("keep the power draw", path.display(), e);
        let Some(Power { watts, usd_per_kwh }) = power else {
            return match std::fs::remove_file(&path) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(io(e)),
                _ => Ok(()),
            };
        };
        let per_kwh = curfew_core::Money::usd(usd_per_kwh);
        let stated = curfew_core::machine::Power { watts, per_kwh, stated: self.clock.now() };
        let text = serde_json::to_vec(&stated).map_err(|e| io(e.into()))?;
        let whole = path.with_extension("json.new");
        std::fs::write(&whole, text).and_then(|()| std::fs::rename(&whole, &path)).map_err(io)
    }
    /// The team's policy: the file `policy.toml` of the home, or the defaults. A file that cannot be understood is an
    /// error, never "no rules".
    pub fn policy(&self) -> Result<Policy> {
        match std::fs::read_to_string(self.home.policy()) {
            Ok(text) => Policy::parse(&text).map_err(|bad: BadPolicy| {
                Error::new(ErrorKind::Policy, "read the team policy", format!("the policy file has an error at {bad}"))
                    .with("file", self.home.policy().display())
                    .next("Correct policy.toml (curfew policy check FILE shows the place), or remove it")
            }),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Policy::default()),
            Err(e) => Err(Error::io("read the team policy", self.home.policy().display(), e)),
        }
    }
}
