//! One machine opened up: what it has, when the job is done, and the arithmetic.

use super::{asks, launch_key, span, use_href};
use crate::pages::machines::{Show, TermLine};
use crate::pages::parts::{Name, Text};
use curfew_catalog::finish::{Charge, Term};
use curfew_catalog::work::Basis;
use curfew_catalog::{Arch, Catalog, Explained, Offer, Spec};
use curfew_core::say;
use curfew_engine::machines::Asked;

/// One machine opened up.
pub fn show(asked: &Asked, offer: &Offer<'_>, connected: bool) -> Show {
    let e = asked.explain(offer);
    let catalog = asked.machines.catalog();
    let trains = matches!(offer.slot.component.as_deref(), None | Some("training"));
    let serves = matches!(offer.slot.component.as_deref(), None | Some("hosting" | "prediction"));
    let key = launch_key(asked, offer);
    let to = |page: &str| {
        let machine = form_urlencoded::byte_serialize(key.as_bytes()).collect::<String>();
        format!("{page}?machine={machine}")
    };
    let use_it = use_href(asked, offer);
    Show {
        name: Name(catalog.name(offer.id)),
        key: Name(e.key.clone()),
        facts: facts(catalog, offer, &e),
        score: if connected && offer.slot.buy.is_spot() && offer.slot.component.is_none() && e.placement.is_none() {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.append_pair("key", &e.key);
            if let Some(account) = asked.account_at(&offer.slot.cloud) {
                query.append_pair("account", &account.0);
            }
            format!("/machines/placement?{}", query.finish())
        } else {
            String::new()
        },
        time: time(&e),
        terms: e.terms.iter().flat_map(|t| term_lines(t, 0)).collect(),
        reasons: e.reasons.iter().map(|r| Text::from(&r.says)).collect(),
        cautions: e.cautions.iter().map(Text::from).collect(),
        ask: asks(&e.reasons),
        train: if trains { if use_it.starts_with("/train") { use_it } else { to("/train") } } else { String::new() },
        deploy: if serves { to("/endpoints") } else { String::new() },
    }
}

fn facts(catalog: &Catalog, offer: &Offer<'_>, e: &Explained) -> Vec<(&'static str, Name)> {
    let Spec { vcpus, memory_gib, accelerator, arch, network, local_disk_gb, .. } = offer.spec;
    let not_known = || Name::from("not known");
    let or = |text: Option<String>| text.map_or_else(not_known, Name);
    let price = match e.row.charge {
        Charge::Listed(r) => format!("{r} USD an hour"),
        Charge::AtMost(r) => format!("at most {r} USD an hour, the on-demand price"),
        Charge::Estimated(r) => format!("about {r} USD an hour"),
        Charge::NotBilled => "not billed; electricity not counted".into(),
        Charge::Unknown => "unknown".into(),
    };
    let mut all = vec![("Price", Name(price))];
    if e.row.charge != Charge::NotBilled {
        let as_of = match e.row.charge {
            Charge::AtMost(_) => catalog.on_demand_of(offer).and_then(|o| o.as_of),
            _ => offer.as_of,
        };
        all.push(("As of", or(as_of.map(|d| d.to_string()))));
        all.push(("Source", Name::from(offer.source)));
    }
    let accelerators = accelerator.as_ref().map_or_else(
        || "none".to_owned(),
        |a| {
            let each = a.memory_gib.map_or_else(String::new, |m| format!(", {} GiB each", m.normalize()));
            format!("{} × {}{each}", a.count.normalize(), a.kind)
        },
    );
    all.extend([
        ("vCPU", or(vcpus.map(|n| n.to_string()))),
        ("Memory", or(memory_gib.map(|m| format!("{} GiB", m.normalize())))),
        ("Accelerator", Name(accelerators)),
        ("Architecture", or(arch.map(Arch::word).map(str::to_owned))),
        ("Network", or(network.as_deref().map(str::to_owned))),
        ("Local disk", or(local_disk_gb.map(|gb| if gb == 0 { "none".into() } else { format!("{gb} GB") }))),
    ]);
    if let Some(quota) = &e.quota {
        let value = quota.value.map_or_else(|| "unknown".to_owned(), |v| format!("{} {}", v.normalize(), quota.unit));
        let name = quota.name.as_deref().unwrap_or("");
        let whose = match quota.origin {
            Some(curfew_catalog::QuotaOrigin::NewAccount) => " for a new account",
            _ => "",
        };
        all.push(("Quota", Name(format!("{value}{whose}; one takes {} ({name})", quota.needs.normalize()))));
    }
    all.extend(e.placement.map(|score| ("Spot placement", Name(placement(score)))));
    all
}

/// How likely a spot machine starts.
pub fn placement(score: u8) -> String {
    let means = match score {
        0..4 => "it may well not start",
        4..8 => "it may take a few tries",
        _ => "it starts, most likely",
    };
    format!("{score} of 10: {means}")
}

fn time(e: &Explained) -> Vec<Text> {
    let (Some(estimate), Some(times)) = (&e.estimate, &e.row.times) else { return Vec::new() };
    let (done, low, high) = (span(times.done.ms), span(times.done.low_ms), span(times.done.high_ms));
    let between = if low == high { String::new() } else { format!(", between {low} and {high}") };
    let mut says = vec![Text(format!(
        "{done}{between}: {} of work, {} to start, {} in the queue{}{}.",
        span(times.work.ms),
        span(times.start_ms),
        span(times.queue_ms),
        if times.move_ms > 0 { format!(", {} to move the data", span(times.move_ms)) } else { String::new() },
        if times.lost_ms > 0 { format!(", {} lost to interruptions", span(times.lost_ms)) } else { String::new() },
    ))];
    says.push(Text(match &estimate.basis {
        Basis::Measured { runs } => {
            format!("Measured: {} on this kind of machine.", say::count(*runs, "run", "runs"))
        }
        Basis::Scaled { from_machine, ms_there, speedup, how, trial } => {
            let what = if *trial { "A trial" } else { "A run" };
            let there = if from_machine == "here" { "this computer" } else { from_machine };
            format!("{what} on {there} says {} there; here {speedup:.2} times as fast: {how}.", span(*ms_there))
        }
        Basis::Stated => "Your own number.".into(),
    }));
    says
}

fn term_lines(term: &Term, depth: usize) -> Vec<TermLine> {
    let mut lines = vec![TermLine {
        depth,
        label: term.label,
        usd: term.usd.map_or_else(|| "unknown".to_owned(), |u| format!("{u} USD")),
        how: Name::from(&term.how),
        basis: Name(term.basis.clone().unwrap_or_default()),
    }];
    lines.extend(term.parts.iter().flat_map(|t| term_lines(t, depth + 1)));
    lines
}
