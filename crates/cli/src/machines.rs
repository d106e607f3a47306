//! machines, machines show, trial.

use crate::app;
use crate::args::{Machines, MachinesAsk, MachinesVerb, Trial};
use crate::out::{Exit, Failed, line, note, print_json, table};
use curfew_catalog::finish::{Charge, Term};
use curfew_catalog::{Explained, OfferRow, Row, WayOut};
use curfew_core::{AccountId, Cx, Error, ErrorKind, say};
use curfew_engine::machines::{Asked, MachinesRequest, TrialRequest, ask_where};
use curfew_engine::{Engine, LaunchRequest};
use jiff::SignedDuration;

/// How many rows a terminal is shown.
const FIRST: usize = 20;

fn request(ask: &MachinesAsk) -> MachinesRequest {
    let text = |t: &Option<String>| t.clone().unwrap_or_default();
    let mut words = ask.words.join(" ");
    if ask.spot {
        words = format!("{words} spot");
    }
    // A folder is a folder from here; a job's id stays as it is.
    let job = text(&ask.job);
    let folder = std::path::absolute(&job).ok().filter(|p| !job.is_empty() && p.is_dir());
    MachinesRequest {
        words: words.trim().to_owned(),
        job: folder.map_or(job, |p| p.components().collect::<std::path::PathBuf>().display().to_string()),
        hours: text(&ask.hours),
        ready_by: text(&ask.finish_by),
        max_usd: text(&ask.max_usd),
        hour_usd: text(&ask.hour_usd),
        project: text(&ask.project),
        account: text(&ask.account),
        sort: ask.sort.clone(),
        descending: ask.down,
        barred: if ask.open_only { "hidden".into() } else { String::new() },
        lenient: ask.any_quota,
        facets: Vec::new(),
    }
}

pub(crate) async fn machines(args: Machines, json: bool) -> Result<Exit, Failed> {
    let engine = app::engine()?;
    let cx = engine.cx();
    match args.verb {
        Some(MachinesVerb::Show { machine, ask }) => {
            let asked = engine.ask_machines(&cx, &request(&ask)).await?;
            asked.check()?;
            let offer = asked.machines.find(&machine)?;
            let mut explained = asked.explain(&offer);
            if explained.placement.is_none() {
                match engine.placement(&cx, &offer, asked.account_at(&offer.slot.cloud)).await {
                    Ok(score) => explained.placement = score,
                    Err(e) => note(format!("Note: how likely it starts is not known: {}.", e.message())),
                }
            }
            let row = OfferRow::new(asked.machines.catalog(), &offer);
            if json {
                print_json(&serde_json::json!({ "offer": row, "explained": explained }));
            } else {
                show(&asked, &row, &explained);
            }
            Ok(Exit::Done)
        }
        Some(MachinesVerb::Ask { machine, account }) => ask(&engine, &cx, &machine, account, json).await,
        None => {
            let request = request(&args.ask);
            let asked = engine.ask_machines(&cx, &request).await?;
            asked.check()?;
            list(&asked, &request, &args.ask, json, cx.now());
            Ok(Exit::Done)
        }
    }
}

async fn ask(engine: &Engine, cx: &Cx, machine: &str, account: Option<String>, json: bool) -> Result<Exit, Failed> {
    let request = MachinesRequest { account: account.clone().unwrap_or_default(), ..MachinesRequest::default() };
    let asked = engine.ask_machines(cx, &request).await?;
    asked.check()?;
    let offer = asked.machines.find(machine)?;
    let explained = asked.explain(&offer);
    let wish = explained.reasons.iter().find_map(|r| match &r.way_out {
        WayOut::AskQuota(wish) => Some(wish),
        _ => None,
    });
    let Some(wish) = wish else {
        let says = format!("no quota bars {}", say::clean(machine, 80));
        return Err(Error::new(ErrorKind::Conflict, "ask for a larger quota", says)
            .next("There is nothing to ask for")
            .into());
    };
    let providers = engine.providers();
    let of_cloud = providers.iter().filter(|p| p.cloud().as_str() == &*offer.slot.cloud && p.market().is_some());
    let all: Vec<AccountId> = of_cloud.map(|p| p.account().clone()).collect();
    let account = match (account, &all[..]) {
        (Some(named), _) => AccountId(named),
        (None, [one]) => one.clone(),
        (None, []) => {
            let place = ask_where(wish);
            let error =
                Error::new(ErrorKind::NotFound, "ask for a larger quota", "no account of this cloud is connected");
            return Err(error.next(format!("Connect one, or ask there: {}", place.url)).into());
        }
        (None, [first, others @ ..]) => {
            let names = others.iter().map(|a| a.0.as_str()).collect::<Vec<_>>().join(", ");
            note(format!("For the account {first}, the first of several; --account names another: {names}."));
            first.clone()
        }
    };
    let told = engine.ask_for_quota(cx, wish, &account).await?;
    if json {
        print_json(&told);
        return Ok(Exit::Done);
    }
    let when = if told.before { "was asked for before" } else { "is asked for now" };
    line(format!("{} {} {when}; the request {} is {}.", told.value.normalize(), wish.unit, told.id, told.state));
    Ok(Exit::Done)
}

fn list(asked: &Asked, request: &MachinesRequest, ask: &MachinesAsk, json: bool, now: curfew_core::Timestamp) {
    let catalog = asked.machines.catalog();
    if json && request.words.is_empty() && !asked.is_timed() && request.max_usd.is_empty() {
        // No question: the catalogue as it is, in its own order.
        print_json(&catalog.rows().collect::<Vec<_>>());
        return;
    }
    let take = if json || ask.all { catalog.len() } else { FIRST };
    let picked = asked.pick(take);
    if json {
        print_json(&catalog.picked_rows(&asked.question(take), &picked));
        return;
    }
    for n in asked.machines.notes() {
        note(format!("Note: {}: {}.", say::clean(&n.about, 80), say::clean(&n.says, 300)));
    }
    note(format!(
        "{} of {} offers fit {}; {}.",
        picked.fitting,
        catalog.len(),
        asked.need.says(),
        asked.machines.prices_say(now)
    ));
    if let Some(budget) = &asked.budget {
        note(format!("{}.", budget.says()));
    }
    if picked.price_unknown > 0 {
        note(format!("{} more are left out because their price is not known.", picked.price_unknown));
    }
    if picked.fitting == 0 {
        for near in asked.nearest() {
            note(format!("Without “{}” there are {}: {}.", near.instead_of, near.fitting, near.there_is));
        }
        return;
    }
    let rows: Vec<Vec<String>> = picked.rows.iter().map(|row| cells(asked, &picked, row)).collect();
    table(&["MACHINE", "WHAT IT HAS", "AN HOUR", "DONE IN", "TO FINISH", "WITH DISK", "WAITING", ""], &rows);
    if picked.fitting > picked.rows.len() {
        note(format!("And {} more; --all prints them.", picked.fitting - picked.rows.len()));
    }
    note(asked.why(&picked));
}

fn cells(asked: &Asked, picked: &curfew_catalog::Picked, row: &Row) -> Vec<String> {
    let catalog = asked.machines.catalog();
    let offer = catalog.offer(row.id);
    let hour = match row.charge {
        Charge::Listed(r) => r.usd().to_money().to_string(),
        Charge::AtMost(r) => format!("at most {}", r.usd().to_money()),
        Charge::Estimated(r) => format!("about {}", r.usd().to_money()),
        Charge::NotBilled => "–".into(),
        Charge::Unknown => "unknown".into(),
    };
    let free = row.charge == Charge::NotBilled;
    let money = |usd: curfew_catalog::Usd| {
        if free && usd == curfew_catalog::Usd::ZERO { "not billed".into() } else { usd.to_money().to_string() }
    };
    let is = |marked: &Option<Row>| marked.as_ref().is_some_and(|m| m.id == row.id);
    let mut tags: Vec<String> = Vec::new();
    for (mark, word) in [(&picked.best, "best"), (&picked.cheapest, "cheapest"), (&picked.soonest, "soonest")] {
        if is(mark) {
            tags.push(word.into());
        }
    }
    tags.extend(catalog.reasons(&asked.question(1), row).into_iter().map(|r| r.tag));
    vec![
        offer.key(),
        offer_has(&offer),
        hour,
        row.times.map_or_else(|| "unknown".into(), |t| say::duration(SignedDuration::from_millis(t.done.ms))),
        row.costs.map_or_else(|| "unknown".into(), |c| money(c.machine + c.start_up + c.interruption)),
        row.costs.map_or_else(|| "unknown".into(), |c| money(c.total)),
        row.costs.and_then(|c| c.waiting).map_or_else(String::new, |w| w.to_money().to_string()),
        tags.join(" · "),
    ]
}

fn offer_has(offer: &curfew_catalog::Offer<'_>) -> String {
    curfew_engine::machines::has(offer.spec)
}

fn show(asked: &Asked, row: &OfferRow<'_>, e: &Explained) {
    line(format!("{}  ({})", e.key, asked.machines.catalog().name(e.row.id)));
    let rate = match (row.usd_per_hour, row.ceiling_usd_per_hour) {
        (Some(rate), _) => format!("{rate} USD an hour"),
        (None, Some(rate)) => format!("at most {rate} USD an hour"),
        (None, None) => row.price.to_owned(),
    };
    line(format!("  price        {rate}; {}", row.as_of.as_deref().unwrap_or("date not known")));
    line(format!("  source       {}", say::clean(row.source, 200)));
    let none = "not known".to_owned();
    let or = |text: Option<String>| text.unwrap_or_else(|| none.clone());
    line(format!("  vCPU         {}", or(row.vcpus.map(|n| n.to_string()))));
    line(format!("  memory       {}", or(row.memory_gib.map(|n| format!("{} GiB", n.normalize())))));
    if let (Some(kind), Some(n)) = (row.accelerator, row.accelerator_count) {
        let each = row.accelerator_memory_gib.map_or_else(String::new, |m| format!(", {} GiB each", m.normalize()));
        line(format!("  accelerator  {} × {kind}{each}", n.normalize()));
    }
    line(format!("  architecture {}", row.architecture.unwrap_or("not known")));
    if let Some(score) = e.placement {
        line(format!("  spot         placement score {score} of 10"));
    }
    if let Some(times) = e.row.times {
        let said = |ms| say::duration(SignedDuration::from_millis(ms));
        line(format!(
            "  done in      {} ({} to {})",
            said(times.done.ms),
            said(times.done.low_ms),
            said(times.done.high_ms)
        ));
    }
    for t in &e.terms {
        term(t, 1);
    }
    for reason in &e.reasons {
        line(format!("  barred       {}", reason.says));
        if let WayOut::AskQuota(ask) = &reason.way_out {
            let place = ask_where(ask);
            line(format!("    ask        {}", place.says));
            line(format!("    where      {}", place.url));
        }
    }
    for caution in &e.cautions {
        line(format!("  note         {caution}"));
    }
}

fn term(t: &Term, depth: usize) {
    let usd = t.usd.map_or_else(|| "unknown".to_owned(), |u| format!("{u} USD"));
    let basis = t.basis.as_deref().map(|b| format!("  [{b}]")).unwrap_or_default();
    line(format!("{}{:<12} {usd} = {}{basis}", "  ".repeat(depth), t.label, t.how));
    for part in &t.parts {
        term(part, depth + 1);
    }
}

pub(crate) async fn trial(args: Trial, json: bool) -> Result<Exit, Failed> {
    let engine = app::engine()?;
    let cx = engine.cx();
    let launch = LaunchRequest {
        dir: args.dir,
        entry: args.entry,
        data: args.data,
        hyper: args.hyper,
        ..LaunchRequest::default()
    };
    let request = TrialRequest { launch, total: args.total };
    let found = engine.trial(&cx, &request, &|now| note(say::clean(&now.says, 200))).await?;
    if json {
        print_json(&found);
        return Ok(Exit::Done);
    }
    let said = |ms: i64| say::duration(SignedDuration::from_millis(ms));
    let [whole, low, high] = found.whole_ms;
    line(format!("The whole run takes about {} here ({} to {}).", said(whole), said(low), said(high)));
    note(format!(
        "From {} {} at {:.0} ms each, after {:.1} s to begin; {} of {} were reached.{}",
        found.timed,
        found.unit,
        found.ms_each,
        found.before_ms / 1000.0,
        found.reached,
        found.total,
        found.busy.map_or_else(String::new, |b| format!(" It keeps {b:.1} vCPU busy.")),
    ));
    note(format!("Compare machines with it: curfew machines --for {}", say::clean(&found.dir.to_string_lossy(), 300)));
    Ok(Exit::Done)
}
