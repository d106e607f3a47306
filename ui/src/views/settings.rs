//! Settings.

use super::at_field;
use crate::fields::Fields;
use crate::pages::parts::{Field, Name, Price, Told};
use crate::pages::settings::{Account, Habits, Policy as PolicyPart, PowerForm};
use curfew_core::provider::Provider;
use curfew_core::{Cost, Error, HourlyRate, policy::Policy};
use curfew_engine::{JournalMode, Power, Settings};
use rust_decimal::Decimal;

/// An account, with what its provider can do. A part that a cloud lacks is absent here too.
pub fn account(provider: &dyn Provider) -> Account {
    let mut does = Vec::new();
    if provider.training().is_some() {
        does.push("trains");
    }
    if provider.serving().is_some() {
        does.push("serves models");
    }
    if !provider.kinds().is_empty() {
        does.push("is swept");
    }
    let regions = provider.regions();
    let id = match regions.len() {
        1 => format!("{} · {}", provider.cloud(), provider.account()),
        n => format!("{} · {} · {n} regions", provider.cloud(), provider.account()),
    };
    let href = match provider.access() {
        Some(_) => super::account::address(provider.cloud(), provider.account()),
        None => String::new(),
    };
    Account { title: Name(provider.title()), id: Name(id), does: does.join(", "), href }
}

/// What is kept of power and tariff.
pub fn power(settings: &Settings) -> PowerForm {
    let text = |n: Decimal| Field::of(n.normalize().to_string());
    match settings.power {
        None => PowerForm {
            says: "Runs here are not billed, and electricity is not counted. State both to have it estimated.".into(),
            ..PowerForm::default()
        },
        Some(power) => PowerForm {
            watts: text(power.watts),
            usd_per_kwh: text(power.usd_per_kwh),
            says: says(&power),
            ..PowerForm::default()
        },
    }
}

fn says(power: &Power) -> String {
    let hour = power.watts.checked_mul(power.usd_per_kwh).and_then(|n| n.checked_div(Decimal::ONE_THOUSAND));
    let Some(hour) = hour else { return "The numbers are too large.".into() };
    let price = Price::of(
        &Cost::Estimated {
            amount: HourlyRate::usd(hour),
            as_of: curfew_core::Timestamp::UNIX_EPOCH,
            basis: String::new(),
        },
        &jiff::tz::TimeZone::UTC,
    );
    format!("{} an hour of work, estimated: {} W at ${} per kWh.", price.main, power.watts, power.usd_per_kwh)
}

/// What the form says of power, or what is wrong.
pub fn power_of(fields: &Fields) -> Result<Option<Power>, Vec<Error>> {
    let number = |name: &'static str, what: &str| -> Result<Option<Decimal>, Error> {
        let Some(text) = fields.get(name) else { return Ok(None) };
        let plain = text.trim_start_matches('$').trim_end_matches(['W', 'w']).trim().replace(',', ".");
        plain
            .parse()
            .map(Some)
            .map_err(|_| Error::input(name, format!("“{}” is not {what}", curfew_core::say::clean(text, 40))))
    };
    match (number("watts", "a number of watts, such as 85"), number("usd_per_kwh", "a price, such as 0.30")) {
        (Ok(None), Ok(None)) => Ok(None),
        (Ok(Some(watts)), Ok(Some(usd_per_kwh))) => Ok(Some(Power { watts, usd_per_kwh })),
        (Ok(Some(_)), Ok(None)) => Err(vec![Error::input("usd_per_kwh", "give the tariff too, or leave both empty")]),
        (Ok(None), Ok(Some(_))) => Err(vec![Error::input("watts", "give the power draw too, or leave both empty")]),
        (watts, tariff) => Err([watts.err(), tariff.err()].into_iter().flatten().collect()),
    }
}

/// The form as typed, with what is wrong.
pub fn power_typed(fields: &Fields, errors: &[Error]) -> PowerForm {
    let mut form = PowerForm {
        watts: Field::of(fields.raw("watts")),
        usd_per_kwh: Field::of(fields.raw("usd_per_kwh")),
        says: "Nothing was changed.".into(),
        ..PowerForm::default()
    };
    for error in errors {
        if !at_field(error, &mut [("watts", &mut form.watts), ("usd_per_kwh", &mut form.usd_per_kwh)]) {
            form.told.push(Told::from(error));
        }
    }
    form
}

/// Notifications and autostart.
pub fn habits(settings: &Settings, autostart: Option<bool>) -> Habits {
    Habits {
        notify_ended: settings.notify_ended,
        notify_curfew: settings.notify_curfew,
        notify_forgotten: settings.notify_forgotten,
        autostart,
        ..Habits::default()
    }
}

/// The policy in force, or what is wrong with its file.
pub fn policy(path: &std::path::Path, there: bool, read: &Result<Policy, Error>) -> PolicyPart {
    let mut rules = Vec::new();
    if let Ok(policy) = read {
        let name = |text: String| Name(text);
        let list = |items: &[String]| if items.is_empty() { "all".into() } else { items.join(", ") };
        let money = |limit: Option<Decimal>| limit.map_or_else(|| "no limit".into(), |l| format!("${l} an hour"));
        rules.push(("A run’s curfew", name(policy.run_curfew.to_string())));
        rules.push(("An endpoint’s curfew", name(policy.endpoint_curfew.to_string())));
        rules.push(("Longest curfew", name(policy.longest_curfew.to_string())));
        rules.push(("Dearest machine", name(money(policy.max_usd_per_hour))));
        rules.push(("Spot required above", name(money(policy.spot_above_usd_per_hour))));
        rules.push(("Machine families", name(list(&policy.families))));
        rules.push(("Regions", name(list(&policy.regions))));
        if let Some(team) = policy.monthly_budget_usd.team {
            rules.push(("Budget a month", name(format!("${team}"))));
        }
        let budgets = &policy.monthly_budget_usd;
        for (title, by) in [("Budgets of people", &budgets.people), ("Budgets of projects", &budgets.projects)] {
            if !by.is_empty() {
                let each: Vec<String> = by.iter().map(|(who, usd)| format!("{who} ${usd}")).collect();
                rules.push((title, name(each.join(", "))));
            }
        }
        if !policy.protected_tags.is_empty() {
            rules.push(("Never removed", name(list(&policy.protected_tags))));
        }
    }
    PolicyPart {
        path: Name(path.to_string_lossy().into_owned()),
        there,
        wrong: read.as_ref().err().map(Told::from),
        rules,
    }
}

/// How the store keeps its journal, for people.
pub fn journal(mode: JournalMode) -> String {
    match mode {
        JournalMode::Wal => "SQLite, write-ahead log: several Curfews can read while one writes.".into(),
        JournalMode::Delete => {
            "SQLite, rollback journal: this folder does not carry a write-ahead log (a network file system does not), \
             so readers wait while one writes."
                .into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn power_is_both_or_nothing() {
        let check = |form: &str, expect: &str| {
            let got = match power_of(&Fields::parse(form.as_bytes())) {
                Ok(None) => "none".into(),
                Ok(Some(p)) => says(&p),
                Err(errors) => {
                    errors.iter().map(|e| format!("{}: {e}", e.field().unwrap_or(""))).collect::<Vec<_>>().join("; ")
                }
            };
            assert_eq!(got, expect, "{form}");
        };
        check("watts=&usd_per_kwh=", "none");
        check("watts=85&usd_per_kwh=0.30", "$0.03 an hour of work, estimated: 85 W at $0.30 per kWh.");
        check("watts=85+W&usd_per_kwh=$0,30", "$0.03 an hour of work, estimated: 85 W at $0.30 per kWh.");
        check("watts=85", "usd_per_kwh: give the tariff too, or leave both empty");
        check(
            "watts=x&usd_per_kwh=y",
            "watts: “x” is not a number of watts, such as 85; usd_per_kwh: “y” is not a price, such as 0.30",
        );
    }
}
