//! A run.

use super::{failed, when};
use crate::pages::parts::{Name, Price, number};
use crate::pages::run::{MetricRow, Run as Page, Stat, Upload};
use crate::pages::shell::Shell;
use curfew_core::curfew::Enforcer;
use curfew_core::machine::Purchase;
use curfew_core::{Cost, HourlyRate, Progress, say};
use curfew_engine::RunView;
use curfew_series::trend::trend;
use jiff::{SignedDuration, Zoned};
use rust_decimal::prelude::ToPrimitive as _;

/// The page.
pub fn run(shell: Shell, run: &RunView, metrics: Vec<MetricRow>) -> Page {
    let now = shell.now.clone();
    let (spec, status) = (&run.spec, &run.status);
    let going = !status.state.is_over();
    let began = status.started.unwrap_or(status.created);
    let word = if status.started.is_some() { "started" } else { "asked for" };
    let upload = status.progress.as_ref().filter(|_| going).map(upload);
    let detail = match (&status.detail, &status.ended_by) {
        // The bar says it.
        _ if upload.is_some() => String::new(),
        (Some(detail), _) if going => detail.clone(),
        (_, Some(by)) => by.clone(),
        (Some(detail), None) => detail.clone(),
        (None, None) => String::new(),
    };
    let mut facts = vec![
        ("Folder", Name(spec.dir.to_string_lossy().into_owned())),
        ("Script", Name::from(&spec.entry)),
        ("Machine", Name(format!("{} ({})", run.place, spec.machine))),
    ];
    facts.extend(spec.project.as_ref().map(|p| ("Project", Name::from(p.as_str()))));
    facts.extend(spec.data.iter().map(|c| ("Data", Name(format!("{}: {}", c.name, c.source)))));
    facts.extend(spec.hyper.iter().map(|(k, v)| ("Hyperparameter", Name(format!("{k} = {v}")))));
    if let Some(model) = &status.model {
        facts.push(("Model", Name::from(model)));
    }
    facts.push(("Id", Name::from(spec.id.as_str())));
    let extend = match status.curfew.as_ref().map(|c| &c.enforcer) {
        _ if upload.is_some() => Err("Its curfew can be moved once it has begun.".to_owned()),
        Some(Enforcer::Supervisor | Enforcer::Cloud { .. } | Enforcer::OnlyWhileOn) | None => Ok(()),
    };
    Page {
        id: spec.id.to_string(),
        name: Name::from(&spec.name),
        tag: status.state.into(),
        place: place(run),
        started: Name(format!("{word} {} by {}", when(began, &now), spec.owner)),
        detail: Name(detail),
        upload,
        stats: stats(run, &now),
        failure: status.failure.as_ref().map(failed),
        told: Vec::new(),
        going,
        pops_out: false,
        extend,
        model: status.model.as_ref().map(Name::from),
        metrics_left: 0,
        metrics,
        stop_rules: stop_rules(run),
        stop_checked: match &status.curfew {
            Some(curfew) if going => {
                format!("Its curfew is {}, {}.", say::when(curfew.at, &now), curfew.enforcer)
            }
            _ => String::new(),
        },
        facts,
        began_ms: began.as_millisecond(),
        usd_per_hour: status.rate.amount().and_then(|HourlyRate(m)| m.amount().to_f64()).map(|usd| usd.to_string()),
        shell,
    }
}

/// "AWS ml.g5.xlarge, spot · eu-west-1": what is paid for, as far as it was asked for.
fn place(run: &RunView) -> Name {
    let asked = &run.spec.machine;
    let Some(machine) = &asked.machine else { return Name::from(&run.place) };
    let bought = if asked.purchase == Purchase::Spot { ", spot" } else { "" };
    let region = asked.region.as_ref().map_or_else(String::new, |region| format!(" · {region}"));
    Name(format!("{} {machine}{bought}{region}", curfew_catalog::cloud_title(asked.cloud.as_str())))
}

fn upload(progress: &Progress) -> Upload {
    let total = progress.total.max(1);
    let done = progress.done.min(total);
    let mut what = say::clean(&progress.what, 100);
    if let Some(first) = what.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    Upload {
        what: Name(what),
        says: format!("{} of {}", say::bytes(done), say::bytes(progress.total)),
        done,
        total,
        percent: u64::try_from(u128::from(done) * 100 / u128::from(total)).unwrap_or(100),
    }
}

/// The numbers in a row: how far it is, how it goes, what it costs and will cost, when it is done and goes home.
pub fn stats(run: &RunView, now: &Zoned) -> Vec<Stat> {
    let (status, zone) = (&run.status, now.time_zone());
    let stat = |id, value: String, label: String| Stat { id, value, label, words: false };
    let going = !status.state.is_over();
    let mut stats = Vec::new();
    if let Some((done, total)) = run.epochs {
        let done = number(done.floor());
        stats.push(match total {
            Some(total) => stat("epochs", format!("{done} / {}", number(total)), "epochs".into()),
            None => stat("epochs", done, "epochs".into()),
        });
    }
    if let Some(loss) = &run.loss {
        let label = format!("{} · {} best", say::clean(&loss.name, 40), number(loss.best));
        stats.push(stat("loss", number(loss.last), label));
    }
    let so_far = Price::of(&status.so_far, zone);
    let rate = match &status.rate {
        Cost::Billed { amount, .. } | Cost::Estimated { amount, .. } if going => {
            amount.over(SignedDuration::from_mins(1)).map_or_else(|_| String::new(), |m| format!(", {m} a minute"))
        }
        _ => String::new(),
    };
    stats.push(if so_far.known {
        let mark = format!(" · {}", status.so_far.word());
        Stat { id: "so-far", value: so_far.main, label: format!("so far{rate}{mark}"), words: false }
    } else {
        Stat { id: "so-far", value: so_far.main, label: so_far.note, words: true }
    });
    if let Some(finish) = &run.finish {
        if let Some(cost) = finish.cost(status, now.timestamp()) {
            let band = cost.band.map_or_else(String::new, |band| format!(", ± {band}"));
            stats.push(stat("to-finish", cost.whole.to_string(), format!("to finish{band} · estimated")));
        }
        let label = [vec!["done, about".to_owned()], finish.says(now)].concat().join(" · ");
        stats.push(stat("done", say::when(finish.at, now), label));
    }
    if let Some(ended) = status.ended {
        stats.push(stat("ended", say::when(ended, now), "ended".into()));
    }
    if let Some(curfew) = status.curfew.as_ref().filter(|_| going) {
        let enforcer = match &curfew.enforcer {
            Enforcer::Supervisor => "held on this computer".to_owned(),
            other => other.to_string(),
        };
        stats.push(stat("curfew", say::when(curfew.at, now), format!("curfew · {enforcer}")));
    }
    if let Some(started) = status.started {
        let took = status.ended.unwrap_or(now.timestamp()).duration_since(started);
        stats.push(stat("took", say::duration(took), if going { "at work" } else { "took" }.into()));
    }
    if let Some(code) = status.exit_code.filter(|c| !going && *c != 0) {
        stats.push(stat("exit", code.to_string(), "exit code".into()));
    }
    stats
}

fn stop_rules(run: &RunView) -> Vec<String> {
    let stop = &run.spec.stop;
    let metric = stop.metric.as_deref().map_or_else(|| "loss".to_owned(), |m| say::clean(m, 60));
    let mut rules = Vec::new();
    if stop.not_a_number {
        let or = stop.metric.as_ref().map_or_else(String::new, |_| format!(" or {metric}"));
        rules.push(format!("loss{or} is not a number"));
    }
    if let Some(n) = stop.flat_epochs {
        rules.push(format!("{metric} is flat for {}", say::count(n as usize, "epoch", "epochs")));
    }
    if let Some(most) = stop.spend {
        rules.push(format!("it has cost {most}"));
    }
    if let Some(time) = stop.time {
        rules.push(format!("it has worked for {}", say::duration(time)));
    }
    rules
}

/// A metric's line: `recent` are values from left to right, for the trend.
pub fn metric(metric: &curfew_series::store::Metric, higher_is_better: Option<bool>, recent: &[f64]) -> MetricRow {
    let name = match metric.rank {
        Some(rank) => format!("{} (rank {rank})", metric.name),
        None => metric.name.clone(),
    };
    let best = match (metric.best, higher_is_better) {
        (Some(best), _) => number(best),
        (None, _) if metric.min.is_finite() && number(metric.min) == number(metric.max) => number(metric.min),
        (None, _) if metric.min.is_finite() => format!("{} to {}", number(metric.min), number(metric.max)),
        (None, _) => "–".into(),
    };
    let odd = metric.nan + metric.infinite;
    let points = number(metric.count as f64);
    MetricRow {
        name: Name(name),
        last: number(metric.last),
        best,
        trend: trend(recent),
        points: if odd > 0 { format!("{points}, {} not finite", number(odd as f64)) } else { points },
    }
}
