//! Runs beside each other.

use super::when;
use crate::pages::compare::{Cell, Choice, Compare, Compared, Row};
use crate::pages::parts::{Name, Price, number};
use crate::pages::shell::Shell;
use curfew_core::{RunId, say};
use curfew_engine::RunView;
use curfew_series::names::higher_is_better;
use curfew_series::store::Metric;
use jiff::Zoned;
use std::collections::BTreeSet;

/// How many metrics have a column of their own.
const COLUMNS: usize = 4;

/// The page: every run to choose from, the chosen ones beside each other. `metrics` are those of `chosen`, in its order;
/// `names` say which come first.
pub fn compare(
    shell: Shell,
    all: &[RunView],
    chosen: &[RunId],
    metrics: &[Vec<Metric>],
    names: &[(String, usize)],
) -> Compare {
    let now = shell.now.clone();
    let choices = all
        .iter()
        .map(|run| Choice {
            id: run.spec.id.to_string(),
            name: Name::from(&run.spec.name),
            tag: run.status.state.into(),
            started: when(run.status.started.unwrap_or(run.status.created), &now),
            hyper: Name(run.spec.hyper.iter().map(|(k, v)| format!("{k} = {v}")).collect::<Vec<_>>().join(", ")),
            best: run.loss.as_ref().map_or_else(String::new, |loss| number(loss.best)),
            chosen: chosen.contains(&run.spec.id),
        })
        .collect();
    let of = |id: &RunId| all.iter().find(|run| run.spec.id == *id);
    let runs: Vec<(&RunView, &[Metric])> = chosen
        .iter()
        .enumerate()
        .filter_map(|(at, id)| Some((of(id)?, metrics.get(at).map_or(&[][..], Vec::as_slice))))
        .collect();
    Compare { shell, choices, compared: compared(&runs, names, &now) }
}

/// The hyperparameters that differ, and the best values.
fn compared(runs: &[(&RunView, &[Metric])], names: &[(String, usize)], now: &Zoned) -> Compared {
    let keys: BTreeSet<&String> = runs.iter().flat_map(|(run, _)| run.spec.hyper.keys()).collect();
    let (same, differ): (Vec<&String>, Vec<&String>) = keys.into_iter().partition(|key| {
        let first = runs.first().and_then(|(run, _)| run.spec.hyper.get(*key));
        runs.iter().all(|(run, _)| run.spec.hyper.get(*key) == first)
    });
    let columns: Vec<&str> = names.iter().take(COLUMNS).map(|(name, _)| name.as_str()).collect();
    let best_of = |metrics: &[Metric], name: &str| {
        let metric = metrics.iter().find(|m| m.name == name)?;
        metric.best.or(Some(metric.last)).filter(|value| value.is_finite())
    };
    let winners: Vec<Option<f64>> = columns
        .iter()
        .map(|name| {
            let values = runs.iter().filter_map(|(_, metrics)| best_of(metrics, name));
            higher_is_better(name).and_then(|higher| values.reduce(if higher { f64::max } else { f64::min }))
        })
        .collect();
    let mut rows: Vec<(Option<f64>, Row)> = runs
        .iter()
        .map(|(run, metrics)| {
            let values: Vec<Option<f64>> = columns.iter().map(|name| best_of(metrics, name)).collect();
            (values.first().copied().flatten(), row(run, &differ, &values, &winners, now))
        })
        .collect();
    let higher = columns.first().and_then(|name| higher_is_better(name)).unwrap_or(false);
    // The best first, those without a value last.
    rows.sort_by(|(a, _), (b, _)| match (a, b) {
        (Some(a), Some(b)) if higher => b.total_cmp(a),
        (Some(a), Some(b)) => a.total_cmp(b),
        (a, b) => a.is_none().cmp(&b.is_none()),
    });
    let way = |name: &str| match higher_is_better(name) {
        Some(true) => "highest",
        Some(false) => "lowest",
        None => "last",
    };
    let value = |key: &String| runs.first().and_then(|(run, _)| run.spec.hyper.get(key)).map_or("", String::as_str);
    Compared {
        metrics: columns.iter().map(|name| (Name::from(*name), way(name))).collect(),
        rows: rows.into_iter().map(|(_, row)| row).collect(),
        same: if runs.len() > 1 {
            same.into_iter().map(|key| (Name::from(key), Name::from(value(key)))).collect()
        } else {
            Vec::new()
        },
        differ: differ.into_iter().map(Name::from).collect(),
    }
}

fn row(run: &RunView, differ: &[&String], values: &[Option<f64>], winners: &[Option<f64>], now: &Zoned) -> Row {
    let hyper = |key: &&String| {
        let text = run.spec.hyper.get(*key);
        let value = text.and_then(|t| t.trim().parse::<f64>().ok()).filter(|v| v.is_finite());
        Cell {
            text: text.map_or_else(|| Name::from("–"), Name::from),
            value: value.map_or_else(String::new, |v| v.to_string()),
            best: false,
        }
    };
    let best = |(value, winner): (&Option<f64>, &Option<f64>)| Cell {
        text: Name(value.map_or_else(|| "–".into(), number)),
        value: value.map_or_else(String::new, |v| v.to_string()),
        best: value.is_some() && value == winner,
    };
    let status = &run.status;
    let took = status.started.map(|from| status.ended.unwrap_or(now.timestamp()).duration_since(from));
    Row {
        id: run.spec.id.to_string(),
        name: Name::from(&run.spec.name),
        tag: status.state.into(),
        hyper: differ.iter().map(hyper).collect(),
        best: values.iter().zip(winners).map(best).collect(),
        cost: Price::of(&status.so_far, now.time_zone()).main,
        took: took.map_or_else(String::new, say::duration),
    }
}
