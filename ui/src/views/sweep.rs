//! Sweep, and the plans that come of it.

use super::{key_token, slug};
use crate::pages::parts::{Name, Price, Tag, Text, date};
use crate::pages::plan::{Plan as PlanPage, PlanLine, PlanOutcome};
use crate::pages::shell::Shell;
use crate::pages::sweep::{Sweep as Page, SweepLine};
use crate::pages::today::Finding;
use curfew_core::plan::{Outcome, OutcomeResult, Plan};
use curfew_core::verdict::Verdict;
use curfew_core::{Cost, HourlyRate, money::Total, say};
use curfew_engine::{SweepReport, SweepRow};
use jiff::Zoned;
use rust_decimal::Decimal;

/// The page.
pub fn sweep(shell: Shell, report: Option<&SweepReport>) -> Page {
    let now = shell.now.clone();
    let rows: Vec<_> = report.iter().flat_map(|r| &r.rows).map(|row| line(row, &now)).collect();
    Page {
        sub: report.map_or_else(|| "Everything that is there, with what we think of it and why.".into(), sub),
        read_at: report.map_or_else(String::new, |r| format!("Read {}.", say::ago(r.at, now.timestamp()))),
        read: report.iter().flat_map(|r| &r.read).map(Text::from).collect(),
        gaps: report.iter().flat_map(|r| &r.gaps).map(super::gap).collect(),
        rows,
        told: Vec::new(),
        shell,
    }
}

fn sub(report: &SweepReport) -> String {
    let needs: Vec<_> = report.rows.iter().filter(|r| r.judged.verdict.needs_you()).collect();
    let gaps = match report.gaps.len() {
        0 => String::new(),
        n => format!(" {} could not be read.", say::count(n, "place", "places")),
    };
    if needs.is_empty() {
        return format!("Nothing looks forgotten.{gaps}");
    }
    let rates = Total::of_rates(needs.iter().map(|r| &r.resource.rate));
    let sum = rates.sum().and_then(|HourlyRate(m)| m.times(Decimal::from(24)).ok());
    let bytes: u64 = needs.iter().filter_map(|r| r.resource.bytes).sum();
    let mut what = Vec::new();
    if let Some(sum) = sum {
        what.push(format!("{sum} a day"));
    }
    if rates.unknown > 0 {
        what.push(format!("{} of unknown price", rates.unknown));
    }
    if bytes > 0 {
        what.push(format!("{} of disk", say::bytes(bytes)));
    }
    let what = if what.is_empty() { String::new() } else { format!(", {}", what.join(", ")) };
    format!("{} forgotten{what}.{gaps}", say::count(needs.len(), "thing looks", "things look"))
}

/// What a resource is, where, and since when.
fn sub_line(row: &SweepRow, now: &Zoned) -> String {
    let r = &row.resource;
    let mut parts = vec![r.kind_title.clone(), row.place.clone()];
    if r.key.region.as_str() != "here" {
        parts.push(r.key.region.to_string());
    }
    match (&r.created, &r.owner) {
        (Some(at), Some(who)) => parts.push(format!("made {} by {who}", say::ago(*at, now.timestamp()))),
        (Some(at), None) => parts.push(format!("made {}", say::ago(*at, now.timestamp()))),
        (None, Some(who)) => parts.push(format!("made by {who}")),
        (None, None) => {}
    }
    parts.join(" · ")
}

fn line(row: &SweepRow, now: &Zoned) -> SweepLine {
    let (r, zone) = (&row.resource, now.time_zone());
    let kept = row.judged.verdict == Verdict::Kept;
    let ends = match (&r.curfew, &r.keep_until) {
        (_, Some(until)) if kept => format!("until {}", date(*until, zone)),
        (Some(curfew), _) if !curfew.is_due(now.timestamp()) => format!("home {}", say::when(curfew.at, now)),
        _ => String::new(),
    };
    SweepLine {
        key: key_token(&r.key),
        slug: slug(&r.key),
        name: Name::from(&r.name),
        sub: Name(sub_line(row, now)),
        tag: row.judged.verdict.into(),
        why: row.judged.why.iter().map(Text::from).collect(),
        state: Name::from(&r.state),
        size: Name(r.size.clone().or_else(|| r.bytes.map(say::bytes)).unwrap_or_default()),
        a_day: Price::a_day(&r.rate, zone),
        so_far: Price::of(&r.so_far, zone),
        ends,
        kept,
    }
}

/// Something that needs the user.
pub(crate) fn finding(row: &SweepRow, now: &Zoned) -> Finding {
    let (r, zone) = (&row.resource, now.time_zone());
    let mut what = vec![r.kind_title.clone()];
    if let Some(size) = r.size.clone().or_else(|| r.bytes.map(say::bytes)) {
        what.push(size);
    }
    what.push(if r.key.region.as_str() == "here" { row.place.clone() } else { r.key.region.to_string() });
    Finding {
        key: key_token(&r.key),
        slug: slug(&r.key),
        name: Name::from(&r.name),
        what: Name(what.join(" · ")),
        tag: row.judged.verdict.into(),
        why: row.judged.why.first().map(Text::from).unwrap_or_default(),
        all_why: row.judged.why.iter().map(Text::from).collect(),
        a_day: Price::a_day(&r.rate, zone),
        so_far: Price::of(&r.so_far, zone),
        maybe: row.judged.verdict == Verdict::Probably,
    }
}

/// The word and colour of an outcome.
pub(crate) fn outcome(result: &OutcomeResult) -> PlanOutcome {
    let (word, class, why) = match result {
        OutcomeResult::Removed => ("removed", "home", ""),
        OutcomeResult::AlreadyGone => ("already gone", "home", ""),
        OutcomeResult::Skipped { why } => ("skipped", "hot", why.as_str()),
        OutcomeResult::Failed { why } => ("failed", "lost", why.as_str()),
    };
    PlanOutcome { tag: Tag { word, class }, why: Text::from(why) }
}

/// A plan, before it is run or after.
pub fn plan(
    shell: Shell,
    plan: &Plan,
    place: impl Fn(&curfew_core::resource::ResourceKey) -> String,
    outcomes: Option<&[Outcome]>,
) -> PlanPage {
    let now = shell.now.clone();
    let zone = now.time_zone();
    let items: Vec<PlanLine> = plan
        .items
        .iter()
        .map(|item| PlanLine {
            name: Name::from(&item.name),
            what: Name(format!("{} · {}", item.kind_title, place(&item.key))),
            tag: item.verdict.into(),
            at_work: item.was_active,
            why: item.why.iter().map(Text::from).collect(),
            steps: item.steps.iter().map(|s| (Text::from(&s.says), s.reversible)).collect(),
            a_day: Price::a_day(&item.rate, zone),
            frees: item.bytes.map_or_else(String::new, say::bytes),
            outcome: outcomes.into_iter().flatten().find(|o| o.key == item.key).map(|o| outcome(&o.result)),
        })
        .collect();
    let rates: Vec<Cost<HourlyRate>> = plan.items.iter().map(|i| i.rate.clone()).collect();
    let total = Total::of_rates(&rates);
    let sum = total.sum().and_then(|HourlyRate(m)| m.times(Decimal::from(24)).ok());
    let bytes: u64 = plan.items.iter().filter_map(|i| i.bytes).sum();
    let mut saves: Vec<String> = Vec::new();
    if let Some(sum) = sum {
        saves.push(format!("saves {sum} a day"));
    }
    if bytes > 0 {
        saves.push(format!("frees {}", say::bytes(bytes)));
    }
    let mut sentences: Vec<String> = Vec::new();
    if !saves.is_empty() {
        sentences.push(format!("It {}.", saves.join(" and ")));
    }
    if total.unknown > 0 {
        sentences.push(format!("{} of unknown price.", total.unknown));
    }
    PlanPage {
        id: plan.id.to_string(),
        sub: format!("frozen {}, {}", say::when(plan.made, &now), say::count(items.len(), "thing", "things")),
        gaps: plan.gaps.iter().map(super::gap).collect(),
        saves: sentences.join(" "),
        ran: outcomes.is_some(),
        result: outcomes.map_or_else(String::new, result),
        items,
        told: Vec::new(),
        shell,
    }
}

/// "2 removed, 1 skipped".
fn result(outcomes: &[Outcome]) -> String {
    if outcomes.is_empty() {
        return "There was nothing to remove.".into();
    }
    let mut counts: Vec<(&'static str, usize)> = Vec::new();
    for o in outcomes {
        let word = outcome(&o.result).tag.word;
        match counts.iter_mut().find(|(w, _)| *w == word) {
            Some((_, n)) => *n += 1,
            None => counts.push((word, 1)),
        }
    }
    counts.iter().map(|(word, n)| format!("{n} {word}")).collect::<Vec<_>>().join(", ")
}
