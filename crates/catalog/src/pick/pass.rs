//! The pass over the columns.

use super::{Front, Key, Top};
use crate::offers::{Catalog, OfferId, UNKNOWN};
use crate::plan::{Barred, Order, Plan};
use rust_decimal::prelude::ToPrimitive;

/// What the pass needs to know of a type at a class of slots.
#[derive(Clone, Copy)]
struct ClassTimes {
    /// Billed; NaN where no time is known.
    hours: f64,
    done_ms: i64,
    /// Picodollars.
    waiting: f64,
    barred: bool,
    /// The cheapest open row so far.
    best: (f64, u32),
}

/// What the pass needs to know of a slot.
struct SlotPass {
    class: u8,
    barred: bool,
    managed: bool,
    disk: f64,
    fixed: f64,
    factor: f64,
    /// Prices above it are barred.
    cap: f64,
}

/// Which of a list of slots fit: their positions in the list.
enum Places {
    Unread,
    All,
    Some(Vec<u32>),
}

/// The least and the most that the offers of a type can come to.
struct Outlook {
    spec: u32,
    /// No order key is below it.
    key: f64,
    money: f64,
    done_ms: i64,
}

pub(super) struct Pass<'p> {
    plan: &'p Plan<'p>,
    catalog: &'p Catalog,
    slots: Vec<SlotPass>,
    places: Vec<Places>,
    /// Least and most of the slots' disk and transfer.
    disk: (f64, f64),
    fixed: (f64, f64),
    factor: f64,
    /// Picodollars; infinite: none.
    need_cap: f64,
    total_cap: f64,
    no_quota: Vec<f32>,
    times: Vec<ClassTimes>,
    pub(super) top: Top,
    pub(super) front: Front,
    pub(super) best: Option<Key>,
    pub(super) fitting: usize,
    pub(super) unpriced: usize,
    pub(super) price_unknown: usize,
}

impl<'p> Pass<'p> {
    pub(super) fn new(plan: &'p Plan<'p>) -> Self {
        let question = plan.question;
        let limits = question.limits;
        let exact = |rate: Option<crate::Rate>| rate.map_or(f64::INFINITY, |r| r.pico() as f64);
        let (price_cap, spot_above) = (exact(limits.price_cap_exact()), exact(limits.spot_above_exact()));
        let slots = plan.slots.iter().zip(&plan.catalog.slots).enumerate().map(|(i, (s, slot))| {
            let on_demand = slot.buy == crate::Buy::OnDemand && &*slot.cloud != "local";
            SlotPass {
                class: s.class,
                barred: limits.slot_bars[i] != 0,
                managed: s.managed,
                disk: s.disk,
                fixed: s.fixed,
                factor: s.factor,
                cap: if on_demand { price_cap.min(spot_above) } else { price_cap },
            }
        });
        let pico = |usd: Option<crate::Usd>| usd.map_or(f64::INFINITY, |u| u.pico() as f64);
        let budget = pico(question.need.max_usd).min(pico(limits.rules().budget_left));
        let fitting = || plan.slots.iter().filter(|s| s.fits);
        let ends = |of: fn(&crate::plan::SlotPlan) -> f64| {
            fitting().map(of).fold((f64::INFINITY, 0.0_f64), |(low, high), x| (low.min(x), high.max(x)))
        };
        Self {
            plan,
            catalog: plan.catalog,
            slots: slots.collect(),
            places: (0..plan.catalog.patterns.len()).map(|_| Places::Unread).collect(),
            disk: ends(|s| s.disk),
            fixed: ends(|s| s.fixed),
            factor: ends(|s| s.factor).0,
            need_cap: pico(question.need.max_usd_per_hour),
            total_cap: if plan.timeless { f64::INFINITY } else { budget },
            no_quota: vec![f32::INFINITY; plan.catalog.slots.len()],
            times: Vec::new(),
            top: Top::new(question.take),
            front: Front::default(),
            best: None,
            fitting: 0,
            unpriced: 0,
            price_unknown: 0,
        }
    }
    pub(super) fn run(&mut self) {
        let mut outlooks = Vec::new();
        for spec in 0..self.catalog.specs.len() {
            if self.catalog.starts[spec] < self.catalog.starts[spec + 1]
                && self.plan.fits_spec(&self.catalog.specs[spec])
            {
                self.read_places(spec);
                if self.count(spec) {
                    outlooks.push(self.outlook(spec));
                }
            }
        }
        // Types that can be best come first, so that the bounds are tight before most are looked at.
        outlooks.sort_unstable_by(|a, b| a.key.total_cmp(&b.key).then(a.spec.cmp(&b.spec)));
        for outlook in outlooks {
            if self.top.can_take(outlook.key) || !self.front.beats(outlook.done_ms, outlook.money) {
                self.spec(outlook.spec as usize);
            }
        }
    }
    fn read_places(&mut self, spec: usize) {
        let places = &mut self.places[self.catalog.pattern_of[spec] as usize];
        if matches!(places, Places::Unread) {
            let slots = self.catalog.slots_of(spec);
            let fits = |(i, &slot): (usize, &u16)| {
                self.plan.slots[usize::from(slot)].fits.then(|| u32::try_from(i).unwrap_or(u32::MAX))
            };
            let found: Vec<u32> = slots.iter().enumerate().filter_map(fits).collect();
            *places = if found.len() == slots.len() { Places::All } else { Places::Some(found) };
        }
    }
    /// Calls `visit` with row, slot and listed price of each offer of a type that fits by its place.
    #[inline]
    fn each(&self, spec: usize, mut visit: impl FnMut(u32, u16, i64)) {
        let (from, slots) = (self.catalog.starts[spec], self.catalog.slots_of(spec));
        let prices = &self.catalog.price[from as usize..self.catalog.starts[spec + 1] as usize];
        match &self.places[self.catalog.pattern_of[spec] as usize] {
            Places::Some(at) => at.iter().for_each(|&i| visit(from + i, slots[i as usize], prices[i as usize])),
            Places::All | Places::Unread => {
                (from..).zip(slots.iter().zip(prices)).for_each(|(row, (&slot, &price))| visit(row, slot, price));
            }
        }
    }
    /// Adds a type's offers to the counts; says whether there are any that fit.
    fn count(&mut self, spec: usize) -> bool {
        let places = match &self.places[self.catalog.pattern_of[spec] as usize] {
            Places::Some(at) => at.len(),
            Places::All | Places::Unread => self.catalog.slots_of(spec).len(),
        };
        let e = &self.catalog.extremes[spec];
        let most = e.firm.1.max(e.spot.1).max(e.managed.1);
        let (mut fitting, mut unpriced, mut left_out) = (places, 0, 0);
        if places > 0 && (e.unknown || !(most <= self.need_cap)) {
            fitting = 0;
            self.each(spec, |row, slot, listed| {
                let price = self.price(row, listed, &self.slots[usize::from(slot)]);
                fitting += usize::from(self.within_cap(price));
                unpriced += usize::from(price.is_nan());
            });
            if self.need_cap < f64::INFINITY {
                (left_out, unpriced) = (unpriced, 0);
            }
        }
        self.fitting += fitting;
        self.unpriced += unpriced;
        self.price_unknown += left_out;
        fitting > 0
    }
    fn within_cap(&self, price: f64) -> bool {
        price <= self.need_cap || self.need_cap == f64::INFINITY
    }
    /// The price to reckon with, in picodollars; NaN where it is not known.
    #[inline]
    fn price(&self, row: u32, listed: i64, slot: &SlotPass) -> f64 {
        if listed != UNKNOWN {
            return listed as f64;
        }
        if !slot.managed {
            return f64::NAN;
        }
        self.catalog.ceilings.get(&row).map_or(f64::NAN, |&c| c as f64 * slot.factor)
    }
    fn read_times(&mut self, spec: usize) {
        let plan = self.plan;
        let value = plan.question.hourly_value.map_or(0.0, |v| v.pico() as f64);
        let none = (f64::INFINITY, u32::MAX);
        self.times.clear();
        if plan.timeless {
            let same = ClassTimes { hours: 1.0, done_ms: 0, waiting: 0.0, barred: false, best: none };
            self.times.resize(plan.classes.len(), same);
            return;
        }
        let work = plan.question.work.band_on(&self.catalog.specs[spec]);
        self.times.extend(plan.classes.iter().map(|class| match work.map(|w| plan.times(w, class)) {
            None => ClassTimes { hours: f64::NAN, done_ms: i64::MAX, waiting: f64::NAN, barred: false, best: none },
            Some(t) => ClassTimes {
                hours: t.billed_ms() as f64 / 3_600_000.0,
                done_ms: t.done.ms,
                waiting: value * (t.done.ms as f64 / 3_600_000.0),
                barred: plan.time_bars(t.done.ms) != 0,
                best: none,
            },
        }));
    }
    /// Bounds for what a type's offers can come to.
    fn outlook(&mut self, spec: usize) -> Outlook {
        self.read_times(spec);
        let e = &self.catalog.extremes[spec];
        let firm = e.firm;
        let spot = (e.spot.0.min(e.managed.0 * self.factor), e.spot.1.max(e.managed.1));
        let (mut low, mut high) = ((f64::INFINITY, f64::INFINITY, i64::MAX), (f64::NEG_INFINITY, f64::NEG_INFINITY));
        let (mut done, mut price) = ((i64::MAX, 0), (f64::INFINITY, 0.0_f64));
        for (t, class) in self.times.iter().zip(&self.plan.classes) {
            let ends = if class.spot { spot } else { firm };
            // f64's min and max pass over NaN: a price or a time that is not known bounds nothing.
            price = (price.0.min(ends.0), price.1.max(ends.1));
            if t.hours.is_nan() {
                continue;
            }
            done = (done.0.min(t.done_ms), done.1.max(t.done_ms));
            if ends.0.is_nan() {
                continue;
            }
            let least = (ends.0 + self.disk.0) * t.hours + self.fixed.0;
            let most = (ends.1 + self.disk.1) * t.hours + self.fixed.1;
            low = (low.0.min(least), low.1.min(least + t.waiting), low.2.min(t.done_ms));
            high = (high.0.max(most), high.1.max(most + t.waiting));
        }
        // Rounding of sums in another order: a hair below is still a bound.
        let below = |x: f64| x - x.abs() * 1e-12;
        let above = |x: f64| x + x.abs() * 1e-12;
        let down = self.plan.question.descending;
        let key = match self.plan.question.order {
            Order::Best if down => -above(high.1),
            Order::Best => below(low.1),
            Order::Money if down => -above(high.0),
            Order::Money => below(low.0),
            Order::PerHour if down => -price.1,
            Order::PerHour => price.0,
            Order::DoneIn if down => -(done.1 as f64),
            Order::DoneIn => done.0 as f64,
            Order::Machine | Order::Vcpus | Order::Memory | Order::Accelerators => self.spec_key(spec),
        };
        let spec = u32::try_from(spec).unwrap_or(u32::MAX);
        Outlook { spec, key, money: below(low.0), done_ms: low.2 }
    }
    fn spec_key(&self, spec: usize) -> f64 {
        let s = &self.catalog.specs[spec];
        let float = |d: Option<rust_decimal::Decimal>| d.and_then(|d| d.to_f64()).unwrap_or(-1.0);
        let key = match self.plan.question.order {
            Order::Vcpus => s.vcpus.map_or(-1.0, f64::from),
            Order::Memory => float(s.memory_gib),
            Order::Accelerators => s.accelerator.as_ref().map_or(0.0, |a| float(Some(a.count))),
            _ => spec as f64,
        };
        if self.plan.question.descending { -key } else { key }
    }
    /// Goes through the offers of one type.
    fn spec(&mut self, spec: usize) {
        self.read_times(spec);
        let mut times = std::mem::take(&mut self.times);
        let mut top = std::mem::replace(&mut self.top, Top::new(0));
        let question = self.plan.question;
        let limits = question.limits;
        let spec_barred = limits.spec_bars[spec] != 0;
        let (left, units) = limits.left_of(spec).unwrap_or((&self.no_quota, 0.0));
        let any_missing = !limits.missing.is_empty();
        let number = u32::try_from(spec).unwrap_or(u32::MAX);
        let of_spec = self.spec_key(spec);
        let (sign, timeless) = (if question.descending { -1.0 } else { 1.0 }, self.plan.timeless);
        self.each(spec, |row, slot, listed| {
            let s = &self.slots[usize::from(slot)];
            let price = self.price(row, listed, s);
            if !self.within_cap(price) {
                return;
            }
            let t = &mut times[usize::from(s.class)];
            let money = (price + s.disk) * t.hours + s.fixed;
            let barred = spec_barred
                || s.barred
                || t.barred
                || price > s.cap
                || money > self.total_cap
                || units > left[usize::from(slot)]
                || (any_missing && limits.missing.contains(&(number, slot)));
            if !barred && money < t.best.0 {
                t.best = (money, row);
            }
            if barred && question.barred == Barred::Hidden {
                return;
            }
            let key = match question.order {
                Order::Best => sign * (money + t.waiting),
                Order::Money => sign * money,
                Order::PerHour => sign * price,
                Order::DoneIn if timeless || t.hours.is_nan() => f64::NAN,
                Order::DoneIn => sign * t.done_ms as f64,
                Order::Machine | Order::Vcpus | Order::Memory | Order::Accelerators => of_spec,
            };
            let last = barred && question.barred == Barred::Last;
            top.offer(Key { last, by: key, money: if money.is_nan() { f64::INFINITY } else { money }, row });
        });
        for t in times.iter().filter(|t| t.best.1 != u32::MAX) {
            self.front.offer(t.done_ms, t.best.0, t.best.1);
            let key = Key { last: false, by: t.best.0 + t.waiting, money: t.best.0, row: t.best.1 };
            if self.best.as_ref().is_none_or(|b| key.compare(b).is_lt()) {
                self.best = Some(key);
            }
        }
        (self.times, self.top) = (times, top);
    }
    /// Fitting rows that have no key (no price or no time is known), in row order.
    pub(super) fn unkeyed(&self, most: usize, rows: &mut Vec<u32>) {
        let plan = self.plan;
        let full = rows.len() + most;
        let timed = matches!(plan.question.order, Order::Best | Order::Money | Order::DoneIn);
        for spec in 0..self.catalog.specs.len() {
            let e = &self.catalog.extremes[spec];
            if rows.len() >= full || !plan.fits_spec(&self.catalog.specs[spec]) {
                continue;
            }
            let no_time = timed && !plan.timeless && plan.question.work.band_on(&self.catalog.specs[spec]).is_none();
            if !(no_time || e.unknown || plan.question.order == Order::DoneIn) {
                continue;
            }
            self.each(spec, |row, slot, listed| {
                let price = self.price(row, listed, &self.slots[usize::from(slot)]);
                let keyless = no_time
                    || match plan.question.order {
                        Order::Best | Order::Money | Order::PerHour => price.is_nan(),
                        Order::DoneIn => plan.timeless,
                        Order::Machine | Order::Vcpus | Order::Memory | Order::Accelerators => false,
                    };
                if keyless && self.within_cap(price) && rows.len() < full {
                    let hidden = plan.question.barred == Barred::Hidden
                        && plan.row(&self.catalog.offer(OfferId(row))).is_barred();
                    if !hidden {
                        rows.push(row);
                    }
                }
            });
        }
    }
}
