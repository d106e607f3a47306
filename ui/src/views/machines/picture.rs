//! Cost against time as a picture: both axes logarithmic, the Pareto front as a line.

use super::{short_name, span};
use crate::pages::machines::Picture;
use crate::pages::parts::Name;
use curfew_catalog::{Picked, Row};
use curfew_core::Money;
use curfew_engine::machines::Asked;
use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;
use std::collections::BTreeSet;
use std::fmt::Write as _;

const LEFT: f64 = 70.0;
const RIGHT: f64 = Picture::WIDTH - 10.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = Picture::HEIGHT - 36.0;

/// A scale with its ends a little outside the data.
struct Log {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Log {
    fn of(values: impl Iterator<Item = f64> + Clone, from: f64, to: f64) -> Self {
        let low = values.clone().fold(f64::INFINITY, f64::min);
        let high = values.fold(f64::NEG_INFINITY, f64::max);
        // At least a factor of three wide, so that a single point is not a whole axis.
        let widen = (3.0 * low / high).sqrt().max(1.15);
        Self { low: low / widen, high: high * widen, from, to }
    }
    fn at(&self, value: f64) -> f64 {
        self.from + (self.to - self.from) * (value / self.low).ln() / (self.high / self.low).ln()
    }
}

/// The picture of what fits. Rows that cost nothing have no place on a logarithmic axis and are named in words.
pub fn picture(asked: &Asked, picked: &Picked) -> Picture {
    let none = |says: &str| Picture { none: says.to_owned(), ..Picture::default() };
    if !asked.is_timed() {
        return none("The picture needs to know how long the job takes: say how long, or time the script here first.");
    }
    let point = |row: &Row| {
        let (costs, times) = (row.costs?, row.times?);
        let (x, y) = (times.done.ms as f64, costs.total.as_f64());
        (x > 0.0 && y > 0.0).then_some((x, y))
    };
    let all: Vec<(f64, f64, bool)> =
        picked.rows.iter().filter_map(|r| point(r).map(|(x, y)| (x, y, r.is_barred()))).collect();
    if all.is_empty() {
        return none("Nothing that fits has both a price and a time.");
    }
    let time = Log::of(all.iter().map(|p| p.0), LEFT, RIGHT);
    let money = Log::of(all.iter().map(|p| p.1), BOTTOM, TOP);
    // Thousands of points fall on one another: one a cell is what an eye can see.
    let mut cells = BTreeSet::new();
    let mut dots = Vec::new();
    for (x, y, barred) in &all {
        let (x, y) = (time.at(*x), money.at(*y));
        #[expect(clippy::cast_possible_truncation, reason = "a place within the picture")]
        if cells.insert(((x / 4.0) as i32, (y / 4.0) as i32, *barred)) {
            dots.push((format!("{x:.1}"), format!("{y:.1}"), if *barred { "dot barred" } else { "dot" }));
        }
    }
    let catalog = asked.machines.catalog();
    let (mut line, mut marked) = (String::new(), Vec::new());
    for row in &picked.front {
        let Some((x, y)) = point(row) else { continue };
        let (px, py) = (time.at(x), money.at(y));
        // From one to the next first along, then down: between them nothing is both.
        let _ = if line.is_empty() { write!(line, "M{px:.1} {py:.1}") } else { write!(line, "H{px:.1}V{py:.1}") };
        let offer = catalog.offer(row.id);
        let total = row.costs.map(|c| c.total.to_money().to_string()).unwrap_or_default();
        let what = format!("{}: {total}, done in {}", short_name(&offer), span(row.times.map_or(0, |t| t.done.ms)));
        marked.push((format!("{px:.1}"), format!("{py:.1}"), Name(offer.key()), Name(what)));
    }
    let front = marked.iter().map(|m| m.3.0.clone()).take(8).collect::<Vec<_>>().join("; ");
    let more = marked.len().saturating_sub(8);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    let says = if marked.is_empty() {
        "Nothing of what fits is open to you, so there is no line.".to_owned()
    } else {
        format!("On the line, soonest first: {front}{more}.")
    };
    Picture { times: time_ticks(&time), money: money_ticks(&money), dots, line, marked, says, none: String::new() }
}

fn time_ticks(scale: &Log) -> Vec<(String, String)> {
    const MINUTES: [i64; 20] = [
        1, 2, 5, 10, 20, 40, 60, 120, 180, 360, 720, 1440, 2880, 5760, 11_520, 23_040, 46_080, 92_160, 262_800, 525_600,
    ];
    let all = [1, 2, 5, 10, 20].map(|s| s * 1000).into_iter().chain(MINUTES.map(|m| m * 60_000));
    let inside = all.filter(|ms| (scale.low..=scale.high).contains(&(*ms as f64)));
    let short = |ms: i64| span(ms).replace(" 00 m", "").replace(" 00 s", "").replace(" 0 h", "");
    spread(inside.map(|ms| (scale.at(ms as f64), short(ms))).collect(), 60.0)
}

fn money_ticks(scale: &Log) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for exponent in -6..9 {
        for step in [1.0, 3.0] {
            let usd = step * 10f64.powi(exponent);
            if (scale.low..=scale.high).contains(&usd) {
                let money = Decimal::from_f64(usd).map(|d| Money::usd(d.round_dp(8)).to_string());
                all.push((scale.at(usd), money.unwrap_or_default().replace(".00", "")));
            }
        }
    }
    spread(all, 22.0)
}

/// Those that stand at least so far apart.
fn spread(ticks: Vec<(f64, String)>, apart: f64) -> Vec<(String, String)> {
    let mut kept: Vec<(f64, String)> = Vec::new();
    for tick in ticks {
        if kept.last().is_none_or(|last| (last.0 - tick.0).abs() >= apart) {
            kept.push(tick);
        }
    }
    kept.into_iter().map(|(at, label)| (format!("{at:.1}"), label)).collect()
}
