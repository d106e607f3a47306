//! Settings: accounts, this computer's power, the team's policy, notifications, the store.

use super::parts::{Field, Name, Told};
use super::shell::Shell;
use askama::Template;

/// The page.
#[derive(Debug, Clone, Template)]
#[template(path = "settings.html")]
pub struct Settings {
    /// The frame.
    pub shell: Shell,
    /// The accounts.
    pub accounts: Vec<Account>,
    /// Power and tariff.
    pub power: PowerForm,
    /// Notifications and autostart.
    pub habits: Habits,
    /// The policy.
    pub policy: Policy,
    /// Where everything lies.
    pub home: Name,
    /// How the store keeps its journal, and why.
    pub journal: String,
    /// Which process runs the background loop.
    pub looping: String,
}

/// An account.
#[derive(Debug, Clone)]
pub struct Account {
    /// "This computer".
    pub title: Name,
    /// "local · this-computer".
    pub id: Name,
    /// What it can do: "trains, serves, is swept".
    pub does: String,
    /// The page on which its rights and its set-up stand; nothing for this computer.
    pub href: String,
}

/// The form of power draw and tariff.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "power.html")]
pub struct PowerForm {
    /// Watts while it works.
    pub watts: Field,
    /// US dollars per kWh.
    pub usd_per_kwh: Field,
    /// "85 W at $0.30 per kWh: $0.0255 an hour", or that nothing is counted.
    pub says: String,
    /// It has just been kept.
    pub kept: bool,
    /// What went wrong.
    pub told: Vec<Told>,
}

/// The form of notifications and autostart.
#[expect(clippy::struct_excessive_bools, reason = "a form of boxes to tick is a row of bools")]
#[derive(Debug, Clone, Default, Template)]
#[template(path = "habits.html")]
pub struct Habits {
    /// Tell when a run ends.
    pub notify_ended: bool,
    /// Tell before a curfew.
    pub notify_curfew: bool,
    /// Tell when something looks forgotten.
    pub notify_forgotten: bool,
    /// Start with the session; `None` where the host cannot.
    pub autostart: Option<bool>,
    /// It has just been kept.
    pub kept: bool,
    /// What went wrong.
    pub told: Vec<Told>,
}

/// The team's policy as shown.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// The file.
    pub path: Name,
    /// Is there one? Else the defaults hold.
    pub there: bool,
    /// What is wrong with it, and where: line and column.
    pub wrong: Option<Told>,
    /// The rules in force.
    pub rules: Vec<(&'static str, Name)>,
}
