//! Today.

use super::sweep::finding;
use crate::pages::parts::{Name, Night, NightRow, Spark, Told, number};
use crate::pages::shell::Shell;
use crate::pages::today::{Today as Page, TrainingNow};
use curfew_core::{Cost, HourlyRate, Timestamp, money::Total, say};
use curfew_engine::{RunView, Today};
use jiff::{SignedDuration, Zoned};

/// How much of the night is shown.
const NIGHT: SignedDuration = SignedDuration::from_hours(12);

/// The page. `sparks` holds the newest loss of each run that trains, by run id.
pub fn today(shell: Shell, today: &Today, sparks: &[(String, Spark)], nothing_ever: bool) -> Page {
    let now = shell.now.clone();
    let needs: Vec<_> = today.needs_you.iter().map(|row| finding(row, &now)).collect();
    let rates = Total::of_rates(today.needs_you.iter().map(|r| &r.resource.rate));
    let needs_sum = rates.sum().and_then(|HourlyRate(m)| m.times(rust_decimal::Decimal::from(24)).ok());
    let training = today
        .training
        .iter()
        .map(|run| {
            let id = run.spec.id.to_string();
            let spark = sparks.iter().find(|(i, _)| *i == id).map(|(_, s)| s.clone()).unwrap_or_default();
            let spark = if spark.says.is_empty() { Spark::of("loss", Vec::new()) } else { spark };
            TrainingNow { name: Name::from(&run.spec.name), line: line(run, &now), spark, id }
        })
        .collect();
    Page {
        headline: headline(&now),
        sub: sub(today),
        told: today.account_problems.iter().map(Told::from).collect(),
        keys: super::accounts::keys_lines(&today.accounts, &now),
        needs,
        needs_sum: needs_sum.map_or_else(String::new, |sum| format!("{sum} a day for nobody")),
        gaps: today.gaps.iter().map(super::gap).collect(),
        night: night(today, &now),
        training,
        month: None,
        first_time: nothing_ever,
        swept: today.swept.is_some(),
        shell,
    }
}

/// "Friday evening".
pub fn headline(now: &Zoned) -> String {
    let part = match now.hour() {
        5..12 => "morning",
        12..18 => "afternoon",
        18..22 => "evening",
        _ => "night",
    };
    format!("{} {part}", now.strftime("%A"))
}

fn sub(today: &Today) -> String {
    let forgotten = match today.needs_you.len() {
        0 => String::new(),
        n => format!("{} forgotten.", say::count(n, "thing looks", "things look")),
    };
    let curfews = match (today.running, today.no_curfew) {
        (0, _) => "Nothing is running.".into(),
        (_, 0) if forgotten.is_empty() => "Everything has a curfew.".into(),
        (_, 0) => "Everything else has a curfew.".into(),
        (_, n) => format!("{} no curfew.", say::count(n, "thing has", "things have")),
    };
    let gaps = match today.gaps.len() {
        0 => String::new(),
        n => format!("{} could not be read.", say::count(n, "place", "places")),
    };
    [forgotten, curfews, gaps].iter().filter(|s| !s.is_empty()).cloned().collect::<Vec<_>>().join(" ")
}

fn night(today: &Today, now: &Zoned) -> Night {
    let from = now.timestamp() - SignedDuration::from_secs(i64::from(now.minute()) * 60 + i64::from(now.second()));
    let to = from + NIGHT;
    let clock = |at: Timestamp| at.to_zoned(now.time_zone().clone()).strftime("%H:%M").to_string();
    let rows = today.night.iter().map(|row| {
        let share = |at: Timestamp| at.duration_since(from).as_secs_f64() / NIGHT.as_secs_f64() * 100.0;
        let percent = row.at.map_or(100.0, |at| (share(at).clamp(0.5, 100.0) * 10.0).round() / 10.0);
        NightRow {
            name: Name::from(&row.name),
            href: format!("/{}s/{}", row.what, row.id),
            percent,
            end: row.at.map_or_else(|| "no end".into(), |at| short_when(at, now)),
            says: row.enforcer.as_ref().map_or_else(|| "nobody ends it".into(), ToString::to_string),
            open: row.at.is_none(),
            beyond: row.at.is_some_and(|at| at > to),
        }
    });
    Night { window: format!("{} → {}", clock(from), clock(to)), rows: rows.collect() }
}

/// "22:05" within a day; "Mon 08:00" after, which still fits the column.
fn short_when(at: Timestamp, now: &Zoned) -> String {
    let zoned = at.to_zoned(now.time_zone().clone());
    let within = at.duration_since(now.timestamp()) < SignedDuration::from_hours(24);
    zoned.strftime(if within { "%H:%M" } else { "%a %H:%M" }).to_string()
}

fn line(run: &RunView, now: &Zoned) -> String {
    let mut parts = Vec::new();
    match run.epochs {
        Some((done, Some(total))) => parts.push(format!("epoch {} of {}", number(done.floor()), number(total))),
        Some((done, None)) => parts.push(format!("epoch {}", number(done.floor()))),
        None => parts.push(run.status.state.word().to_owned()),
    }
    if let Some(loss) = &run.loss {
        parts.push(format!("{} {}", say::clean(&loss.name, 40), number(loss.last)));
    }
    parts.push(match &run.status.so_far {
        Cost::Billed { amount, .. } | Cost::Estimated { amount, .. } => format!("{amount} so far"),
        Cost::Unknown { .. } => "price unknown".into(),
        Cost::NotBilled { .. } => "not billed".into(),
    });
    if let Some(finish) = &run.finish {
        parts.push(format!("done about {}", say::when(finish.at, now)));
    }
    parts.join(" · ")
}
