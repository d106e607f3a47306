//! The proof of a lab session's end, to print or to hand in: what was started, what is left, and what could not be read.

use crate::canvas::{SOFT, Type};
use crate::flow::{Flow, ROOM};
use crate::fonts::shown;
use crate::format;
use curfew_core::lab::{CleanState, LabReport, Started};
use curfew_core::money::Total;
use curfew_core::plan::PlanItem;
use curfew_core::{Cost, Gap, Result, Timestamp, say};
use jiff::tz::TimeZone;
use plotters::style::RGBColor;
use std::fmt::Display;

// Dark enough for text and for a black-and-white printer; the words say the same.
const CLEAN: RGBColor = RGBColor(0x1b, 0x6e, 0x42);
const LEFT: RGBColor = RGBColor(0xb0, 0x26, 0x1e);
const UNSURE: RGBColor = RGBColor(0x8a, 0x5a, 0x00);

/// How many characters of a name are shown.
const NAME: usize = 200;
/// How many of a sentence from a provider.
const SENTENCE: usize = 2000;

/// The proof as PDF: A4, as many pages as it takes, text selectable, times told in `zone`.
pub fn proof_pdf(report: &LabReport, zone: &TimeZone) -> Result<Vec<u8>> {
    let name = shown(&report.session.name, NAME);
    let title = format!("Proof: {name}");
    let checked = exact(report.checked, zone);
    let foot = format!("Curfew · lab session {} · checked {checked}", report.session.id);
    let pages = pages(report, zone).finish(&title, &foot)?;
    format::pdf(&pages, &title, Some((report.checked, zone)))
}

fn pages(report: &LabReport, zone: &TimeZone) -> Flow {
    let body = Type::new(9.0);
    let mut flow = Flow::new();
    flow.paragraph("Proof of a lab session’s end", 0.0, Type::new(9.0).color(SOFT));
    flow.space(2.0);
    flow.paragraph(&shown(&report.session.name, NAME), 0.0, Type::new(18.0).bold());
    flow.space(10.0);
    let color = match report.state {
        CleanState::AllClean => CLEAN,
        CleanState::NotClean { .. } => LEFT,
        CleanState::NotFullyChecked { .. } => UNSURE,
    };
    flow.barred(&report.state.headline(&report.still), Type::new(14.0).bold().color(color), color);
    flow.space(8.0);

    let ended = report.session.ended.map_or_else(|| "still on".into(), |at| exact(at, zone));
    flow.fact("Session", report.session.id.as_str());
    flow.fact("Began", &exact(report.session.started, zone));
    flow.fact("Ended", &ended);
    flow.fact("Checked", &format!("{} by {}", exact(report.checked, zone), shown(&report.by, NAME)));
    flow.fact("Times are in", &zone_name(report.checked, zone));
    let nothing = if report.gaps.is_empty() { "nothing" } else { "nothing that was found" };
    flow.fact("Still costs", &total(&report.still, report.still.sum(), " an hour", nothing));
    flow.fact("Has cost", &total(&report.spent, report.spent.sum(), "", "nothing was started"));

    flow.heading("Could not be read");
    if report.gaps.is_empty() {
        let says = if report.read.is_empty() {
            "No gap was met."
        } else {
            "Everything named below could be read: there is no gap."
        };
        flow.paragraph(says, 0.0, body);
    } else {
        flow.paragraph("Something that costs money may be there. This is not clean; it is unknown.", 0.0, body);
        flow.space(3.0);
        for gap in &report.gaps {
            flow.need(30.0);
            flow.space(3.0);
            flow.paragraph(&where_of(gap), 0.0, body.bold());
            flow.paragraph(&shown(&gap.reason, SENTENCE), 12.0, body);
        }
    }

    flow.heading("Still there");
    if report.left.is_empty() {
        let says = if report.gaps.is_empty() { "Nothing." } else { "Nothing was found in what could be read." };
        flow.paragraph(says, 0.0, body);
    }
    for item in &report.left {
        left(&mut flow, item, zone);
    }

    flow.heading("Started in this session");
    if report.started.is_empty() {
        flow.paragraph("Nothing was started.", 0.0, body);
    } else {
        let columns = [("What", 158.0), ("Where", 82.0), ("Started", 80.0), ("State", 62.0), ("Cost", ROOM - 382.0)];
        let rows: Vec<[String; 5]> = report.started.iter().map(|thing| row(thing, zone)).collect();
        flow.table(columns, &rows);
    }

    flow.heading("What was read");
    if report.read.is_empty() {
        flow.paragraph("Nothing.", 0.0, body);
    }
    for line in &report.read {
        flow.paragraph(&shown(line, SENTENCE), 0.0, body);
    }
    flow
}

fn left(flow: &mut Flow, item: &PlanItem, zone: &TimeZone) {
    let body = Type::new(9.0);
    flow.need(44.0);
    flow.space(4.0);
    flow.line(&shown(&item.name, NAME), &cost(&item.rate, " an hour", zone).0, body.bold());
    let key = &item.key;
    let place = format!("{} · {} · {} · {}", item.kind_title, key.cloud, key.account, key.region);
    flow.paragraph(&shown(&place, NAME), 12.0, body.color(SOFT));
    if key.id != item.name {
        flow.paragraph(&shown(&key.id, NAME), 12.0, body.color(SOFT));
    }
    let note = cost(&item.rate, " an hour", zone).1;
    if !note.is_empty() {
        flow.paragraph(&note, 12.0, body.color(SOFT));
    }
    if let Some(bytes) = item.bytes {
        flow.paragraph(&format!("{} on disk", say::bytes(bytes)), 12.0, body.color(SOFT));
    }
    for why in &item.why {
        flow.paragraph(&shown(why, SENTENCE), 12.0, body);
    }
    for (at, step) in item.steps.iter().enumerate() {
        let back = if step.reversible { "" } else { " (cannot be undone)" };
        flow.paragraph(&format!("{}. {}{back}", at + 1, shown(&step.says, SENTENCE)), 12.0, body);
    }
    if item.steps.is_empty() {
        flow.paragraph("No step is known that removes it.", 12.0, body);
    }
}

fn row(thing: &Started, zone: &TimeZone) -> [String; 5] {
    let (price, note) = cost(&thing.so_far, "", zone);
    let id = if thing.id == thing.name { String::new() } else { format!(" ({})", shown(&thing.id, NAME)) };
    [
        format!("{}: {}{id}", shown(&thing.what, 60), shown(&thing.name, NAME)),
        shown(&thing.place, 80),
        say::date_time(thing.at, zone),
        shown(&thing.state, 80),
        if note.is_empty() { price } else { format!("{price} ({note})") },
    ]
}

fn where_of(gap: &Gap) -> String {
    let region = gap.region.as_ref().map_or_else(String::new, |region| format!(" · {region}"));
    format!("{} · {}{region}: {}", gap.cloud, shown(&gap.account.0, 80), shown(&gap.what, NAME))
}

/// An amount, or what is said instead of one, and a note.
fn cost<T: Display>(cost: &Cost<T>, per: &str, zone: &TimeZone) -> (String, String) {
    match cost {
        Cost::Billed { amount, through } => {
            (format!("{amount}{per}"), format!("billed, to {}", say::date_time(*through, zone)))
        }
        Cost::Estimated { amount, basis, .. } => {
            (format!("{amount}{per}"), format!("estimated: {}", shown(basis, NAME)))
        }
        Cost::Unknown { why } => ("price unknown".into(), shown(why, NAME)),
        Cost::NotBilled { note } => ("not billed".into(), shown(note, NAME)),
    }
}

/// A sum with what is not in it. There is no zero: where nothing has a price, that is what is said.
fn total<T: Display>(total: &Total<T>, sum: Option<impl Display>, per: &str, none: &str) -> String {
    let mut parts = Vec::new();
    match (&total.billed, &total.estimated) {
        (Some(billed), Some(estimated)) => {
            parts.extend(sum.map(|sum| format!("{sum}{per} in all")));
            parts.push(format!("{billed}{per} billed"));
            parts.push(format!("{estimated}{per} estimated"));
        }
        (Some(billed), None) => parts.push(format!("{billed}{per} billed")),
        (None, Some(estimated)) => parts.push(format!("{estimated}{per} estimated")),
        (None, None) => {}
    }
    if total.unknown > 0 {
        parts.push(format!("{} of unknown price", total.unknown));
    }
    if total.not_billed > 0 {
        parts.push(format!("{} not billed", total.not_billed));
    }
    if parts.is_empty() { none.into() } else { parts.join(", ") }
}

/// "2026-11-21 18:30:05 +01:00": the offset tells which of the two hours it was when the clocks go back.
fn exact(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
}

fn zone_name(at: Timestamp, zone: &TimeZone) -> String {
    let offset = at.to_zoned(zone.clone()).strftime("UTC%:z").to_string();
    zone.iana_name().map_or_else(|| offset.clone(), |name| format!("{name} ({offset} at the check)"))
}
