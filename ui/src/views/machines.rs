//! Machines: the form as typed and as the engine takes it; rows, arithmetic and picture in words.

use super::wrong;
use crate::fields::Fields;
use crate::pages::machines::{Compare, FacetView, Form, Found, MachineRow, NearLine, Rows, Table, Way};
use crate::pages::parts::{Field, Name, Text, Told};
use curfew_catalog::finish::Charge;
use curfew_catalog::need::Vocabulary;
use curfew_catalog::{Offer, Picked, Reason, Row, Usd, WayOut};
use curfew_core::{Timestamp, say};
use curfew_engine::machines::{Asked, Job, MachinesRequest, TrialNow, has};
use jiff::{SignedDuration, Zoned};
use std::path::Path;

mod asking;
mod drawer;
mod picture;
pub use asking::{ask, asked_for, quota_to_ask};
pub use drawer::{placement, show};
pub use picture::picture;

/// The question as the engine takes it.
pub fn request(fields: &Fields) -> MachinesRequest {
    let text = |name: &str| fields.raw(name).to_owned();
    let facets = ["cloud", "service", "bought", "accelerator", "region"];
    let chosen = facets.iter().flat_map(|id| {
        let name = format!("facet-{id}");
        fields.all(&name).map(|value| ((*id).to_owned(), value.to_owned())).collect::<Vec<_>>()
    });
    MachinesRequest {
        words: text("words"),
        job: text("job"),
        hours: text("hours"),
        ready_by: text("ready_by"),
        max_usd: text("max_usd"),
        hour_usd: text("hour_usd"),
        project: text("project"),
        account: text("account"),
        facets: chosen.collect(),
        lenient: fields.on("lenient"),
        sort: text("sort"),
        descending: fields.on("down"),
        barred: text("barred"),
    }
}

/// The question as an address carries it.
pub fn query(request: &MachinesRequest) -> String {
    let mut text = form_urlencoded::Serializer::new(String::new());
    let mut add = |name: &str, value: &str| {
        if !value.is_empty() {
            text.append_pair(name, value);
        }
    };
    add("words", &request.words);
    add("job", &request.job);
    add("hours", &request.hours);
    add("ready_by", &request.ready_by);
    add("max_usd", &request.max_usd);
    add("hour_usd", &request.hour_usd);
    add("project", &request.project);
    add("account", &request.account);
    for (facet, value) in &request.facets {
        add(&format!("facet-{facet}"), value);
    }
    add("lenient", if request.lenient { "1" } else { "" });
    add("sort", &request.sort);
    add("down", if request.descending { "1" } else { "" });
    add("barred", &request.barred);
    text.finish()
}

/// What stands around a question: the jobs to choose from, what an hour is worth, a trial that goes on.
#[derive(Debug, Clone, Copy)]
pub struct Around<'a> {
    /// Jobs of which something is known.
    pub jobs: &'a [Job],
    /// What is kept in the settings.
    pub kept: Option<Usd>,
    /// The policy's projects.
    pub projects: &'a [Name],
    /// A trial of this panel.
    pub trial: Option<&'a TrialNow>,
    /// The instant.
    pub now: Timestamp,
}

/// The form as typed, with what is wrong at its fields.
pub fn form(request: &MachinesRequest, asked: &Asked, around: Around<'_>) -> Form {
    let Around { jobs, kept, projects, trial, now } = around;
    let timing = trial.filter(|t| t.failed.is_none());
    let mut wrong = wrongs(request, asked);
    if timing.is_some_and(|t| t.dir == Path::new(&request.job)) {
        // Not known yet, and on its way.
        wrong.retain(|(field, _)| *field != "job");
    }
    let field = |id: &str, value: &str| {
        let says = wrong.iter().find(|(field, _)| *field == id).map_or_else(String::new, |(_, says)| says.clone());
        Field { value: value.to_owned(), wrong: says }
    };
    let name = |t: &TrialNow| t.dir.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let timed = timing.map(|t| format!("“{}” is being timed on this computer: {}.", name(t), t.says));
    let heading = asked.job.as_ref().map(|j| format!("For “{}”, {}.", j.title(), j.says(now)));
    Form {
        timing: timing.is_some(),
        told: trial.and_then(|t| t.failed.as_ref()).map(Told::from).into_iter().collect(),
        heading: Name(
            timed.or(heading).unwrap_or_else(|| "By what the job costs to finish, before anything is started.".into()),
        ),
        words: field("words", &request.words),
        job: field("job", asked.job.as_ref().map_or("", |j| &j.id)),
        jobs: jobs.iter().map(|j| (j.id.clone(), Name(format!("{} · {}", j.title(), j.says(now))))).collect(),
        hours: field("hours", &request.hours),
        ready_by: field("ready_by", &request.ready_by),
        max_usd: field("max_usd", &request.max_usd),
        hour_usd: field("hour_usd", &request.hour_usd),
        account: field("account", &request.account),
        accounts: asked.accounts.iter().map(|a| (a.account.0.clone(), Name::from(&a.title))).collect(),
        project: field("project", &request.project),
        projects: projects.to_vec(),
        hour_default: kept.map_or_else(|| "not counted".into(), |usd| usd.to_money().to_string()),
        sort: request.sort.clone(),
        down: request.descending,
    }
}

/// What is wrong, field by field; a word that is still being typed is not wrong yet.
fn wrongs(request: &MachinesRequest, asked: &Asked) -> Vec<(&'static str, String)> {
    let mut words: Vec<String> = asked.bad.iter().filter(|b| !b.unfinished).take(3).map(|b| format!("{b}.")).collect();
    if !request.words.is_empty() || !asked.clashes.is_empty() {
        words.extend(asked.clashes.iter().take(2).map(|c| format!("{c}.")));
    }
    let of = |field: &str| {
        let mine = asked.wrong.iter().filter(|e| e.field() == Some(field));
        mine.map(wrong).collect::<Vec<_>>().join(" ")
    };
    vec![
        ("words", say::clean(&words.join(" "), 400)),
        ("job", of("job")),
        ("hours", of("hours")),
        ("ready_by", of("ready_by")),
        ("max_usd", of("max_usd")),
        ("hour_usd", of("hour_usd")),
        ("project", of("project")),
        ("account", of("account")),
    ]
}

/// The answer with its first rows. `cursor`: where in the words the user is typing.
pub fn found(request: &MachinesRequest, asked: &Asked, picked: &Picked, cursor: usize, now: &Zoned) -> Found {
    let catalog = asked.machines.catalog();
    let nothing = picked.fitting == 0;
    let ways = completions(asked.machines.words(), &request.words, cursor);
    let mut notes: Vec<(Name, Text)> =
        asked.machines.notes().iter().take(6).map(|n| (Name::from(&n.about), Text::from(&n.says))).collect();
    if picked.price_unknown > 0 {
        let says = format!("{} more might fit, but their price is not known", grouped(picked.price_unknown));
        notes.push((Name::from("Left out:"), Text(says)));
    }
    if let Some(budget) = &asked.budget {
        notes.push((Name::from("Budget:"), Text(budget.says())));
    }
    Found {
        title: format!("{} of {} offers", grouped(picked.fitting), grouped(catalog.len())),
        prices: asked.machines.prices_say(now.timestamp()),
        reading: false,
        wrong: wrongs(request, asked),
        why: asked.why(picked),
        has_best: picked.best.is_some(),
        footnote: footnote(asked),
        notes,
        near: if nothing { near(asked) } else { Vec::new() },
        facets: asked
            .facets()
            .into_iter()
            .map(|f| FacetView {
                id: f.id,
                title: f.title,
                chosen: f.options.iter().filter(|o| o.chosen).count(),
                options: f.options.into_iter().map(|o| (Name(o.value), Name(o.title), o.count, o.chosen)).collect(),
            })
            .collect(),
        barred: request.barred.clone(),
        lenient: request.lenient,
        ways,
        table: Table {
            rows: picked.fitting,
            first: rows(asked, picked, 0, now),
            sort: request.sort.clone(),
            down: request.descending,
        },
    }
}

fn completions(words: &Vocabulary, text: &str, cursor: usize) -> Vec<Way> {
    if text.trim().is_empty() {
        return Vec::new();
    }
    let found = words.complete(text, cursor.min(text.chars().count()), 8).into_iter();
    found.map(|c| Way { text: Name(c.text), says: Name(c.says), from: c.replaces.start, to: c.replaces.end }).collect()
}

fn near(asked: &Asked) -> Vec<NearLine> {
    let catalog = asked.machines.catalog();
    let line = |n: curfew_catalog::Near| NearLine {
        instead_of: Name(n.instead_of),
        there_is: Name(n.there_is),
        fitting: n.fitting,
        example: (catalog.offer(n.example).key(), Name(catalog.name(n.example))),
    };
    asked.nearest().into_iter().map(line).collect()
}

/// What "Done in" is made of.
fn footnote(asked: &Asked) -> String {
    let measured = !asked.work.measured.is_empty();
    match (&asked.work.trial, measured, asked.work.stated_ms) {
        (Some(_), ..) => {
            "“Done in” is measured on this computer and scaled by published throughput, with the band in \
                          each machine’s details. It tightens after your first run on a machine of the same kind."
        }
        (None, true, _) => {
            "“Done in” is from your finished runs: as measured on machines of the same kind, scaled by \
                            published throughput elsewhere."
        }
        (None, false, Some(_)) => {
            "“Done in” is your own number on every machine, plus the time to start and to move \
                                   the data."
        }
        (None, false, None) => {
            "How long the job takes is not known, so machines are ranked by their price an hour. \
                                Say how long, or time the script here first."
        }
    }
    .to_owned()
}

/// Rows from `from` on.
pub fn rows(asked: &Asked, picked: &Picked, from: usize, now: &Zoned) -> Rows {
    let shown = picked.rows.iter().skip(from).take(Table::CHUNK);
    Rows { from, rows: shown.map(|row| machine_row(asked, picked, row, now)).collect() }
}

fn machine_row(asked: &Asked, picked: &Picked, row: &Row, now: &Zoned) -> MachineRow {
    let catalog = asked.machines.catalog();
    let offer = catalog.offer(row.id);
    let reasons = catalog.reasons(&asked.question(1), row);
    let is = |marked: &Option<Row>| marked.as_ref().is_some_and(|m| m.id == row.id);
    let mut tags: Vec<(&'static str, Name)> = Vec::new();
    let best = is(&picked.best);
    if best {
        tags.push(("home", Name::from(if asked.hourly_value.is_some() { "best with your time" } else { "best" })));
    }
    if is(&picked.cheapest) && !best {
        let in_time = asked.ready_at.is_some() || asked.need.max_usd.is_some();
        tags.push(("info", Name::from(if in_time { "cheapest in time" } else { "cheapest" })));
    }
    if is(&picked.soonest) && !best {
        tags.push(("info", Name::from("soonest")));
    }
    if tags.is_empty() && picked.front.iter().any(|f| f.id == row.id) {
        tags.push(("", Name::from("on the front")));
    }
    if let Some(first) = reasons.first() {
        tags.push(("lost", Name(tag(first, row, now))));
    }
    let cost = |usd: fn(&curfew_catalog::Costs) -> Usd| {
        row.costs.as_ref().map_or_else(|| "unknown".into(), |c| billed(row.charge, usd(c)))
    };
    MachineRow {
        key: Name(offer.key()),
        name: Name(short_name(&offer)),
        sub: Name(sub(&offer)),
        tags,
        hour: hour(row.charge),
        done: row.times.map_or_else(|| "unknown".into(), |t| span(t.done.ms)),
        finish: cost(|c| c.machine + c.start_up + c.interruption),
        total: cost(|c| c.total),
        waiting: row.costs.and_then(|c| c.waiting).map_or_else(String::new, rounded),
        best,
        barred: !reasons.is_empty(),
        ask: asks(&reasons),
        href: use_href(asked, &offer),
    }
}

/// The first reason's tag; a deadline says when it would be ready.
fn tag(reason: &Reason, row: &Row, now: &Zoned) -> String {
    match (reason.code, row.times) {
        ("deadline", Some(times)) => {
            let at = now.timestamp() + SignedDuration::from_millis(times.done.ms);
            format!("ready {}", say::when(at, now))
        }
        _ => reason.tag.clone(),
    }
}

fn asks(reasons: &[Reason]) -> bool {
    reasons.first().is_some_and(|r| matches!(r.way_out, WayOut::AskQuota(_) | WayOut::AskLead { .. }))
}

/// Where "Use" leads: to Train, or to Endpoints for what only serves, with the job's folder.
fn use_href(asked: &Asked, offer: &Offer<'_>) -> String {
    let serves = matches!(offer.slot.component.as_deref(), Some("hosting" | "prediction"));
    let page = if serves { "/endpoints" } else { "/train" };
    let mut text = form_urlencoded::Serializer::new(String::new());
    text.append_pair("machine", &launch_key(asked, offer));
    if let Some(project) = &asked.project {
        text.append_pair("project", project.as_str());
    }
    if let Some(job) = asked.job.as_ref().filter(|_| !serves) {
        text.append_pair("dir", &job.dir.to_string_lossy()).append_pair("entry", &job.entry);
        for (key, value) in &job.hyper {
            text.append_pair("hyper_key", key).append_pair("hyper_value", value);
        }
    }
    format!("{page}?{}", text.finish())
}

/// The machine as the launcher takes it: with its account where there are several, and without SageMaker's component,
/// which the verb itself says.
fn launch_key(asked: &Asked, offer: &Offer<'_>) -> String {
    let (cloud, mut key) = (&offer.slot.cloud, offer.key());
    if let Some(account) = asked.account_at(cloud) {
        key = key.replacen(&**cloud, &format!("{cloud}@{account}"), 1);
    }
    match offer.slot.component.as_deref().filter(|_| &*offer.slot.service == "sagemaker") {
        Some(component) => key.replacen(&format!(":{component}"), "", 1),
        None => key,
    }
}

/// "AWS g5.xlarge, spot".
fn short_name(offer: &Offer<'_>) -> String {
    if offer.is_local() {
        return "This computer".into();
    }
    let cloud = curfew_catalog::cloud_title(&offer.slot.cloud);
    let bought = match offer.slot.buy {
        curfew_catalog::Buy::OnDemand => "",
        curfew_catalog::Buy::Spot => ", spot",
        curfew_catalog::Buy::ManagedSpot => ", managed spot",
        curfew_catalog::Buy::OneYear => ", one year",
        curfew_catalog::Buy::ThreeYears => ", three years",
    };
    format!("{cloud} {}{bought}", offer.spec.machine.split(':').next().unwrap_or_default())
}

/// "A10G · 4 vCPU · 16 GiB · us-west-2 · SageMaker training".
fn sub(offer: &Offer<'_>) -> String {
    let slot = offer.slot;
    let mut parts = vec![has(offer.spec)];
    if !offer.is_local() {
        parts.push(slot.zone.as_deref().unwrap_or(&slot.region).to_owned());
        let service = match &*slot.service {
            "sagemaker" => "SageMaker",
            "vertex" => "Vertex AI",
            _ => "",
        };
        if !service.is_empty() {
            parts.push(format!("{service} {}", slot.component.as_deref().unwrap_or("")).trim_end().to_owned());
        }
    }
    parts.retain(|p| !p.is_empty());
    parts.join(" · ")
}

fn hour(charge: Charge) -> String {
    match charge {
        Charge::Listed(r) => r.usd().to_money().to_string(),
        Charge::AtMost(r) => format!("≤ {}", r.usd().to_money()),
        Charge::Estimated(r) => format!("≈ {}", r.usd().to_money()),
        Charge::NotBilled => "–".into(),
        Charge::Unknown => "unknown".into(),
    }
}

/// An amount; for this computer, on which nobody bills, words. What is less than a hundredth of a cent is told as that.
fn billed(charge: Charge, usd: Usd) -> String {
    let tiny = usd > Usd::ZERO && usd.as_f64() < 0.0001;
    match charge {
        Charge::NotBilled if usd == Usd::ZERO => "not billed".into(),
        _ if tiny => "< $0.0001".into(),
        Charge::AtMost(_) => format!("≤ {}", usd.to_money()),
        _ => usd.to_money().to_string(),
    }
}

/// Waiting is worth whole dollars from ten on.
fn rounded(usd: Usd) -> String {
    let money = usd.to_money();
    if usd.as_f64() >= 10.0 {
        money.to_string().split('.').next().unwrap_or_default().to_owned()
    } else {
        money.to_string()
    }
}

fn span(ms: i64) -> String {
    say::duration(SignedDuration::from_millis(ms))
}

/// "9,654".
pub(crate) fn grouped(n: usize) -> String {
    say::grouped(n as u64)
}

/// What stands in a cell, and what the least of is the best, where it can be compared.
type Cell = (String, Option<i128>);

/// Two to five side by side.
pub fn compare(asked: &Asked, offers: &[Offer<'_>]) -> Compare {
    if !(2..=5).contains(&offers.len()) {
        return Compare { wrong: "Choose two to five machines to put side by side.".into(), ..Compare::default() };
    }
    let catalog = asked.machines.catalog();
    let rows = catalog.compare(&asked.question(1), offers.iter().map(|o| o.id));
    let least = |values: &[Option<i128>]| values.iter().flatten().min().copied();
    let line = |what, values: Vec<Cell>| {
        let best = least(&values.iter().map(|v| v.1).collect::<Vec<_>>());
        let differ = values.iter().filter_map(|v| v.1).any(|v| Some(v) != best);
        let cells = values.into_iter().map(|(text, v)| (Name(text), differ && v.is_some() && v == best)).collect();
        (what, cells)
    };
    let each = |f: &dyn Fn(&Offer<'_>, &Row) -> Cell| -> Vec<Cell> {
        offers.iter().zip(&rows).map(|(o, r)| f(o, r)).collect()
    };
    let plain = |f: &dyn Fn(&Offer<'_>) -> String| each(&|o, _| (f(o), None));
    let cost = |of: fn(&curfew_catalog::Costs) -> Usd| {
        each(&|_, r| match r.costs {
            Some(c) => (billed(r.charge, of(&c)), Some(of(&c).pico())),
            None => ("unknown".into(), None),
        })
    };
    let lines = vec![
        line("Region", plain(&|o| o.slot.zone.as_ref().unwrap_or(&o.slot.region).to_string())),
        line(
            "Accelerator",
            plain(&|o| {
                let a = o.spec.accelerator.as_ref();
                a.map_or_else(|| "none".into(), |a| format!("{} × {}", a.count.normalize(), a.kind))
            }),
        ),
        line("vCPU", plain(&|o| o.spec.vcpus.map_or_else(|| "not known".into(), |n| n.to_string()))),
        line(
            "Memory",
            plain(&|o| o.spec.memory_gib.map_or_else(|| "not known".into(), |m| format!("{} GiB", m.normalize()))),
        ),
        line(
            "Bought",
            plain(&|o| if o.slot.buy.is_spot() { "spot".into() } else { o.slot.buy.word().replace('-', " ") }),
        ),
        line("An hour", each(&|_, r| (hour(r.charge), r.charge.rate().map(|rate| i128::from(rate.pico()))))),
        line(
            "Done in",
            each(&|_, r| match r.times {
                Some(t) => (span(t.done.ms), Some(t.done.ms.into())),
                None => ("unknown".into(), None),
            }),
        ),
        line(
            "At the latest",
            each(&|_, r| match r.times {
                Some(t) => (span(t.done.high_ms), Some(t.done.high_ms.into())),
                None => ("unknown".into(), None),
            }),
        ),
        line("Machine at work", cost(|c| c.machine)),
        line("Start-up", cost(|c| c.start_up)),
        line("Interruption", cost(|c| c.interruption)),
        line("Disk", cost(|c| c.disk)),
        line("Transfer", cost(|c| c.transfer)),
        line("In all", cost(|c| c.total)),
        line(
            "Your waiting",
            each(&|_, r| match r.costs.and_then(|c| c.waiting) {
                Some(w) => (w.to_money().to_string(), Some(w.pico())),
                None => ("not counted".into(), None),
            }),
        ),
        line(
            "Barred",
            each(&|_, r| {
                let reasons = catalog.reasons(&asked.question(1), r);
                (reasons.first().map_or_else(|| "no".into(), |r| r.tag.clone()), None)
            }),
        ),
    ];
    let heads = offers.iter().map(|o| (Name(o.key()), Name(short_name(o)))).collect();
    Compare { heads, lines, wrong: String::new() }
}
