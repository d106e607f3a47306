//! Filter and rank. Types are taken in the order of the least that any of their offers can come to, and left out as
//! soon as nothing of them can change the answer; exact figures are worked out only for the rows shown.

mod pass;

use crate::finish::Row;
use crate::offers::{Catalog, OfferId};
use crate::plan::{Barred, Order, Plan, Question};
use serde::Serialize;
use std::cmp::Ordering;

/// The answer to a [`Question`].
#[derive(Debug, Clone, Default, Serialize)]
pub struct Picked {
    /// How many offers fit the need, barred ones included.
    pub fitting: usize,
    /// How many of the fitting ones have no known price: they come last and are never best.
    pub unpriced: usize,
    /// How many were left out because their price is not known while the need names a ceiling for it.
    pub price_unknown: usize,
    /// The first rows in the order asked for.
    pub rows: Vec<Row>,
    /// Least money plus waiting among the rows that are not barred.
    pub best: Option<Row>,
    /// Least money among them.
    pub cheapest: Option<Row>,
    /// First done among them; `None` where no time is known.
    pub soonest: Option<Row>,
    /// Those of them that nothing beats in both money and time, soonest first.
    pub front: Vec<Row>,
}

/// What the pass keeps of a row. Lower is earlier; the order is total because the row is part of it.
#[derive(Debug, Clone, Copy)]
struct Key {
    /// Barred rows that belong at the end.
    last: bool,
    /// What the order asks for.
    by: f64,
    /// Between equals, money.
    money: f64,
    row: u32,
}

impl Key {
    fn compare(&self, other: &Self) -> Ordering {
        let by = self.last.cmp(&other.last).then(self.by.total_cmp(&other.by));
        by.then(self.money.total_cmp(&other.money)).then(self.row.cmp(&other.row))
    }
}

/// The first `take` keys, collected in a buffer that is cut whenever it is full.
struct Top {
    take: usize,
    keys: Vec<Key>,
    /// What comes after it cannot be among the first.
    bound: Key,
}

impl Top {
    fn new(take: usize) -> Self {
        let (last, worst) = if take == 0 { (false, f64::NEG_INFINITY) } else { (true, f64::INFINITY) };
        let bound = Key { last, by: worst, money: worst, row: u32::MAX };
        Self { take, keys: Vec::with_capacity(take.saturating_mul(2).min(1 << 12)), bound }
    }
    #[inline]
    fn offer(&mut self, key: Key) {
        // The first test is the one that nearly all rows fail. What has no key (NaN) is not for this list.
        if (key.by <= self.bound.by || (!key.last && self.bound.last))
            && !key.by.is_nan()
            && key.compare(&self.bound).is_lt()
        {
            self.keys.push(key);
            if self.keys.len() >= self.take.saturating_mul(2).max(64) {
                self.cut();
            }
        }
    }
    /// Can a row that comes to at least this still be among the first?
    fn can_take(&self, at_least: f64) -> bool {
        self.bound.last || at_least <= self.bound.by
    }
    #[cold]
    fn cut(&mut self) {
        if self.take > 0 && self.keys.len() > self.take {
            let (_, last, _) = self.keys.select_nth_unstable_by(self.take - 1, Key::compare);
            self.bound = *last;
        }
        self.keys.truncate(self.take);
    }
    fn finish(mut self) -> Vec<Key> {
        self.keys.sort_unstable_by(Key::compare);
        self.keys.truncate(self.take);
        self.keys
    }
}

/// The cheapest open row of each time, thinned to those that nothing beats in both.
#[derive(Default)]
struct Front {
    /// Sorted by time, money strictly falling.
    points: Vec<(i64, f64, u32)>,
}

impl Front {
    /// Is there one that is as soon and as cheap?
    fn beats(&self, done: i64, money: f64) -> bool {
        let at = self.points.partition_point(|p| p.0 <= done);
        at > 0 && self.points[at - 1].1 < money
    }
    fn offer(&mut self, done: i64, money: f64, row: u32) {
        let sooner = self.points.partition_point(|p| p.0 < done);
        if sooner > 0 && self.points[sooner - 1].1 <= money {
            return;
        }
        match self.points.get_mut(sooner).filter(|p| p.0 == done) {
            Some(p) if (p.1, p.2) <= (money, row) => return,
            Some(p) => *p = (done, money, row),
            None => self.points.insert(sooner, (done, money, row)),
        }
        let beaten = self.points[sooner + 1..].iter().take_while(|p| p.1 >= money).count();
        self.points.drain(sooner + 1..sooner + 1 + beaten);
    }
}

impl Catalog {
    /// Answers a question. The order is total and depends on nothing but the catalogue and the question.
    pub fn pick(&self, question: &Question<'_>) -> Picked {
        let plan = Plan::new(self, question);
        let mut pass = pass::Pass::new(&plan);
        pass.run();
        let mut rows = pass.first();
        let row = |id: u32| pass.row(id);
        let mut picked = Picked {
            fitting: pass.fitting,
            unpriced: pass.unpriced,
            price_unknown: pass.price_unknown,
            best: pass.best.map(|k| row(k.row)),
            cheapest: pass.front.points.last().map(|p| row(p.2)),
            ..Picked::default()
        };
        if !plan.timeless {
            picked.soonest = pass.front.points.first().map(|p| row(p.2));
            picked.front = pass.front.points.iter().map(|p| row(p.2)).collect();
        }
        if rows.len() < question.take {
            pass.unkeyed(question.take - rows.len(), &mut rows);
        }
        picked.rows = rows.into_iter().map(row).collect();
        if let (Order::Best | Order::Money, false) = (question.order, plan.timeless) {
            picked.settle(question);
        }
        picked
    }
    /// The exact row of one offer under a question, whether or not it fits the need.
    pub fn row(&self, question: &Question<'_>, id: OfferId) -> Row {
        Plan::new(self, question).row(&self.offer(id))
    }
    /// The exact rows of several offers, to be put side by side.
    pub fn compare(&self, question: &Question<'_>, ids: impl IntoIterator<Item = OfferId>) -> Vec<Row> {
        let plan = Plan::new(self, question);
        ids.into_iter().map(|id| plan.row(&self.offer(id))).collect()
    }
}

impl Picked {
    /// Sorts the rows by their exact amounts: float keys may differ from them in the last picodollar.
    fn settle(&mut self, question: &Question<'_>) {
        let key = |row: &Row| {
            let costs = row.costs?;
            Some(if question.order == Order::Best { costs.with_waiting() } else { costs.total })
        };
        let last = |row: &Row| question.barred == Barred::Last && row.is_barred();
        self.rows.sort_by(|a, b| {
            let (x, y) = (key(a), key(b));
            let by_money = if question.descending { y.cmp(&x) } else { x.cmp(&y) };
            // What cannot be reckoned comes after all that can, in row order.
            let unknown = x.is_none().cmp(&y.is_none());
            match (x, y) {
                (Some(_), Some(_)) => last(a).cmp(&last(b)).then(by_money).then(a.id.cmp(&b.id)),
                _ => unknown.then(a.id.cmp(&b.id)),
            }
        });
    }
}
