//! The pass over the columns.

use super::{Front, Key, Top};
use crate::finish::Row;
use crate::offers::{Catalog, UNKNOWN};
use crate::plan::{Barred, Order, Plan};
use crate::work::Band;
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
    /// No offer of the type at this class comes to less.
    least: f64,
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
    /// Prices above it are barred.
    cap: f64,
    /// Totals above it are barred.
    total_cap: f64,
}

/// Which of a list of slots fit.
struct Places {
    /// Their positions in the list; `None`: all of them.
    at: Option<Vec<u32>>,
    count: usize,
    /// The classes of slots among them, as bits; classes beyond the last bit share it.
    classes: u64,
}

/// The least that the offers of a type can come to.
struct Outlook {
    spec: u32,
    /// No order key is below it.
    key: f64,
    /// Where its classes' times are.
    times: usize,
}

pub(super) struct Pass<'p> {
    plan: &'p Plan<'p>,
    catalog: &'p Catalog,
    slots: Vec<SlotPass>,
    places: Vec<Option<Places>>,
    /// Least and most of the slots' disk and transfer.
    disk: (f64, f64),
    fixed: (f64, f64),
    /// Picodollars; infinite: none.
    need_cap: f64,
    no_quota: Vec<f32>,
    /// Class by class, type after type.
    times: Vec<ClassTimes>,
    bands: Vec<Option<Band>>,
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
        let (price_cap, spot_above) = (exact(limits.price_cap), exact(limits.spot_above));
        let pico = |usd: Option<crate::Usd>| usd.map_or(f64::INFINITY, |u| u.pico() as f64);
        let (own, budget) = (pico(question.need.max_usd), pico(question.budget.map(|b| b.left)));
        let gone = question.budget.is_some_and(|b| b.is_gone());
        let slots = plan.slots.iter().zip(&plan.catalog.slots).enumerate().map(|(i, (s, slot))| {
            let local = &*slot.cloud == "local";
            let on_demand = slot.buy == crate::Buy::OnDemand && !local;
            SlotPass {
                class: s.class,
                barred: limits.slot_bars[i] != 0,
                managed: s.managed,
                disk: s.disk,
                fixed: s.fixed,
                // Where nothing is left, any price is too much, whatever the time.
                cap: match on_demand {
                    _ if gone && !local => 0.0,
                    true => price_cap.min(spot_above),
                    false => price_cap,
                },
                total_cap: match (plan.timeless, local) {
                    (true, _) => f64::INFINITY,
                    (false, true) => own,
                    (false, false) => own.min(budget),
                },
            }
        });
        let fitting = || plan.slots.iter().filter(|s| s.fits);
        let ends = |of: fn(&crate::plan::SlotPlan) -> f64| {
            fitting().map(of).fold((f64::INFINITY, 0.0_f64), |(low, high), x| (low.min(x), high.max(x)))
        };
        Self {
            plan,
            catalog: plan.catalog,
            slots: slots.collect(),
            places: (0..plan.catalog.patterns.len()).map(|_| None).collect(),
            disk: ends(|s| s.disk),
            fixed: ends(|s| s.fixed),
            need_cap: pico(question.need.max_usd_per_hour),
            no_quota: vec![f32::INFINITY; plan.catalog.slots.len()],
            times: Vec::new(),
            bands: vec![None; plan.catalog.specs.len()],
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
            if self.top.can_take(outlook.key) || !self.beaten(&outlook) {
                self.spec(&outlook);
            }
        }
    }
    /// Is each class's least beaten by an open row that is as soon? Then nothing of the type is best or on the front.
    fn beaten(&self, outlook: &Outlook) -> bool {
        let times = &self.times[outlook.times..outlook.times + self.plan.classes.len()];
        times.iter().all(|t| !t.least.is_finite() || self.front.beats(t.done_ms, t.least))
    }
    /// The places of a type, once [`Self::read_places`] has seen it.
    fn places_of(&self, spec: usize) -> Option<&Places> {
        self.places[self.catalog.pattern_of[spec] as usize].as_ref()
    }
    fn read_places(&mut self, spec: usize) {
        let places = &mut self.places[self.catalog.pattern_of[spec] as usize];
        if places.is_some() {
            return;
        }
        let slots = self.catalog.slots_of(spec);
        let mut classes = 0;
        let mut found = Vec::with_capacity(slots.len());
        for (i, &slot) in (0..).zip(slots) {
            let planned = &self.plan.slots[usize::from(slot)];
            if planned.fits {
                found.push(i);
                classes |= 1 << planned.class.min(63);
            }
        }
        let count = found.len();
        *places = Some(Places { at: (count < slots.len()).then_some(found), count, classes });
    }
    /// Calls `visit` with row, slot and listed price of each offer of a type that fits by its place.
    #[inline]
    fn each(&self, spec: usize, mut visit: impl FnMut(u32, u16, i64)) {
        let (from, slots) = (self.catalog.starts[spec], self.catalog.slots_of(spec));
        let prices = &self.catalog.price[from as usize..self.catalog.starts[spec + 1] as usize];
        match self.places_of(spec).and_then(|p| p.at.as_ref()) {
            Some(at) => at.iter().for_each(|&i| visit(from + i, slots[i as usize], prices[i as usize])),
            None => (from..).zip(slots.iter().zip(prices)).for_each(|(row, (&slot, &price))| visit(row, slot, price)),
        }
    }
    /// Adds a type's offers to the counts; says whether there are any that fit.
    fn count(&mut self, spec: usize) -> bool {
        let places = self.places_of(spec).map_or(0, |p| p.count);
        let e = &self.catalog.extremes[spec];
        let factor = self.plan.spot_on(spec).factor;
        let spot = (e.spot.0.min(e.managed.0 * factor), e.spot.1.max(e.managed.1));
        let (least, most) = match self.plan.question.need.spot {
            Some(true) => spot,
            Some(false) => e.firm,
            None => (e.firm.0.min(spot.0), e.firm.1.max(spot.1)),
        };
        let (mut fitting, mut unpriced, mut left_out) = (places, 0, 0);
        if places > 0 && !e.unknown && least > self.need_cap {
            fitting = 0;
        } else if places > 0 && (e.unknown || most > self.need_cap) {
            fitting = 0;
            self.each(spec, |row, slot, listed| {
                let price = self.price(row, listed, &self.slots[usize::from(slot)], factor);
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
    fn price(&self, row: u32, listed: i64, slot: &SlotPass, factor: f64) -> f64 {
        if listed != UNKNOWN {
            return listed as f64;
        }
        if !slot.managed {
            return f64::NAN;
        }
        self.catalog.ceilings.get(&row).map_or(f64::NAN, |&c| c as f64 * factor)
    }
    /// Times and bounds of a type, class by class.
    fn outlook(&mut self, spec: usize) -> Outlook {
        let plan = self.plan;
        let question = plan.question;
        let value = question.hourly_value.map_or(0.0, |v| v.pico() as f64);
        let work = if plan.timeless { None } else { question.work.band_on(&self.catalog.specs[spec]) };
        self.bands[spec] = work;
        let e = &self.catalog.extremes[spec];
        let here = plan.spot_on(spec);
        let spot = (e.spot.0.min(e.managed.0 * here.factor), e.spot.1.max(e.managed.1));
        // Sums in another order round differently: a hair below is still a bound.
        let below = |x: f64| x - x.abs() * 1e-12;
        let above = |x: f64| x + x.abs() * 1e-12;
        let classes = self.places_of(spec).map_or(0, |p| p.classes);
        let mut key = f64::INFINITY;
        let times = self.times.len();
        for (i, class) in plan.classes.iter().enumerate() {
            let mut t = ClassTimes {
                hours: if plan.timeless { 1.0 } else { f64::NAN },
                done_ms: if plan.timeless { 0 } else { i64::MAX },
                waiting: if plan.timeless { 0.0 } else { f64::NAN },
                barred: false,
                least: f64::INFINITY,
                best: (f64::INFINITY, u32::MAX),
            };
            if classes & (1 << i.min(63)) == 0 {
                self.times.push(t);
                continue;
            }
            if let Some(work) = work {
                let (billed_ms, done_ms) = plan.times_expected(work.ms, here.interruptions_an_hour, class);
                t.hours = billed_ms as f64 / 3_600_000.0;
                t.done_ms = done_ms;
                t.waiting = value * (done_ms as f64 / 3_600_000.0);
                t.barred = plan.time_bars(done_ms) != 0;
            }
            // NaN where the type has no such price or no time is known: it bounds nothing, and min passes over it.
            let ends = if class.spot { spot } else { e.firm };
            let least = below((ends.0 + self.disk.0) * t.hours + self.fixed.0);
            let most = above((ends.1 + self.disk.1) * t.hours + self.fixed.1);
            t.least = t.least.min(least);
            let down = question.descending;
            key = key.min(match question.order {
                Order::Best if down => -above(most + t.waiting),
                Order::Best => below(least + t.waiting),
                Order::Money if down => -most,
                Order::Money => least,
                Order::PerHour if down => -ends.1,
                Order::PerHour => ends.0,
                Order::DoneIn if t.hours.is_nan() => f64::NAN,
                Order::DoneIn if down => -(t.done_ms as f64),
                Order::DoneIn => t.done_ms as f64,
                Order::Machine | Order::Vcpus | Order::Memory | Order::Accelerators => f64::NEG_INFINITY,
            });
            self.times.push(t);
        }
        if key == f64::NEG_INFINITY {
            key = self.spec_key(spec);
        }
        Outlook { spec: u32::try_from(spec).unwrap_or(u32::MAX), key, times }
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
    fn spec(&mut self, outlook: &Outlook) {
        let spec = outlook.spec as usize;
        let classes = outlook.times..outlook.times + self.plan.classes.len();
        let mut times = self.times[classes].to_vec();
        let mut top = std::mem::replace(&mut self.top, Top::new(0));
        let question = self.plan.question;
        let limits = question.limits;
        let spec_barred = limits.spec_bars[spec] != 0;
        let (left, units) = limits.left_of(spec).unwrap_or((&self.no_quota, 0.0));
        let any_missing = !limits.missing.is_empty();
        let factor = self.plan.spot_on(spec).factor;
        let number = outlook.spec;
        let of_spec = self.spec_key(spec);
        let (sign, timeless) = (if question.descending { -1.0 } else { 1.0 }, self.plan.timeless);
        self.each(spec, |row, slot, listed| {
            let s = &self.slots[usize::from(slot)];
            let price = self.price(row, listed, s, factor);
            if !self.within_cap(price) {
                return;
            }
            let t = &mut times[usize::from(s.class)];
            let money = (price + s.disk) * t.hours + s.fixed;
            let barred = spec_barred
                || s.barred
                || t.barred
                || price > s.cap
                || money > s.total_cap
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
        self.top = top;
    }
    /// The first rows that have a key.
    pub(super) fn first(&mut self) -> Vec<u32> {
        std::mem::replace(&mut self.top, Top::new(0)).finish().iter().map(|k| k.row).collect()
    }
    /// The exact row.
    pub(super) fn row(&self, id: u32) -> Row {
        let spec = self.catalog.spec_of(id);
        let offer = self.catalog.view(id, spec);
        let band = self.bands[spec].or_else(|| self.plan.question.work.band_on(offer.spec));
        self.plan.row_of(&offer, spec, band)
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
            let factor = plan.spot_on(spec).factor;
            self.each(spec, |row, slot, listed| {
                let price = self.price(row, listed, &self.slots[usize::from(slot)], factor);
                let keyless = no_time
                    || match plan.question.order {
                        Order::Best | Order::Money | Order::PerHour => price.is_nan(),
                        Order::DoneIn => plan.timeless,
                        Order::Machine | Order::Vcpus | Order::Memory | Order::Accelerators => false,
                    };
                if keyless && self.within_cap(price) && rows.len() < full {
                    let hidden = plan.question.barred == Barred::Hidden && self.row(row).is_barred();
                    if !hidden {
                        rows.push(row);
                    }
                }
            });
        }
    }
}
