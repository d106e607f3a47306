//! "To finish": what a job costs on one machine, as a sum of labelled terms that adds up exactly.

use crate::amount::{Rate, Usd};
use crate::limits::bar;
use crate::offers::{Offer, OfferId};
use crate::plan::{MONTH_MS, Plan, SlotPlan, Times};
use crate::work::Band;
use curfew_core::say;
use rust_decimal::Decimal;
use serde::Serialize;

/// What an hour of a machine is taken to cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "is", content = "usd_per_hour", rename_all = "snake_case")]
pub enum Charge {
    /// List price.
    Listed(Rate),
    /// Managed spot: never more than this, the on-demand price.
    AtMost(Rate),
    /// Managed spot with what the user's own past runs saved.
    Estimated(Rate),
    /// This computer.
    NotBilled,
    /// Not known.
    Unknown,
}

impl Charge {
    /// The rate to reckon with; none for this computer (nothing is billed), `None` where it is not known.
    pub fn rate(self) -> Option<Rate> {
        match self {
            Self::Listed(r) | Self::AtMost(r) | Self::Estimated(r) => Some(r),
            Self::NotBilled => Some(Rate::from_pico(0)),
            Self::Unknown => None,
        }
    }
}

/// The parts of what a job costs, exact; they add up to `total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Costs {
    /// The machine at work.
    pub machine: Usd,
    /// Its start-up and loading.
    pub start_up: Usd,
    /// Work lost to interruptions.
    pub interruption: Usd,
    /// The disk.
    pub disk: Usd,
    /// Moving the data.
    pub transfer: Usd,
    /// All of them.
    pub total: Usd,
    /// Beside it: the user's waiting, at the user's hourly value; `None`: no value given.
    pub waiting: Option<Usd>,
}

impl Costs {
    /// Money and waiting: what "best" is the least of.
    pub fn with_waiting(&self) -> Usd {
        self.total + self.waiting.unwrap_or(Usd::ZERO)
    }
}

/// A row of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Which offer.
    pub id: OfferId,
    /// What an hour is taken to cost.
    pub charge: Charge,
    /// Times; `None`: how long it takes here is not known.
    pub times: Option<Times>,
    /// Costs; `None`: price or time is not known.
    pub costs: Option<Costs>,
    pub(crate) bars: u16,
}

impl Row {
    /// Is it barred, and so never best?
    pub const fn is_barred(&self) -> bool {
        self.bars != 0
    }
}

/// One term of an arithmetic. The parts of a term add up to it exactly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Term {
    /// "machine", "disk" …
    pub label: &'static str,
    /// The amount; `None`: not known, and left out of the sum above, which says so.
    pub usd: Option<Usd>,
    /// How it comes about: "1.006 USD × 0.966667 h".
    pub how: String,
    /// Where its figures are from, or that they are assumed.
    pub basis: Option<String>,
    /// What it is the sum of.
    pub parts: Vec<Term>,
}

impl Plan<'_> {
    /// What an hour of an offer is taken to cost.
    pub(crate) fn charge(&self, offer: &Offer<'_>) -> Charge {
        if offer.is_local() {
            return Charge::NotBilled;
        }
        if let Some(rate) = offer.rate {
            return Charge::Listed(rate);
        }
        let Some(&ceiling) = self.catalog.ceilings.get(&offer.id.0) else { return Charge::Unknown };
        let ceiling = Rate::from_pico(ceiling);
        match self.question.assume.saving_on(offer.spec) {
            None => Charge::AtMost(ceiling),
            Some((saving, _)) => saving.off(ceiling).map_or(Charge::Unknown, Charge::Estimated),
        }
    }
    /// The exact row of an offer.
    pub(crate) fn row(&self, offer: &Offer<'_>) -> Row {
        let spec = self.catalog.spec_of(offer.id.0);
        self.row_of(offer, spec, self.question.work.band_on(offer.spec))
    }
    /// The same where the type's number and the time at work are at hand.
    pub(crate) fn row_of(&self, offer: &Offer<'_>, spec: usize, work: Option<Band>) -> Row {
        let charge = self.charge(offer);
        let at = (offer.id.0 - self.catalog.starts[spec]) as usize;
        let slot = self.catalog.slots_of(spec)[at];
        let planned = &self.slots[usize::from(slot)];
        let times =
            work.filter(|_| planned.fits).map(|w| self.times(w, spec, &self.classes[usize::from(planned.class)]));
        let costs = times.zip(charge.rate()).map(|(t, rate)| self.costs(planned, rate, &t));
        let bars = self.bars((offer, spec, slot), charge, times.as_ref(), costs.as_ref());
        Row { id: offer.id, charge, times, costs, bars }
    }
    fn slot_plan(&self, offer: &Offer<'_>) -> &SlotPlan {
        &self.slots[usize::from(self.catalog.slot_of(offer.id.0))]
    }
    fn costs(&self, slot: &SlotPlan, rate: Rate, times: &Times) -> Costs {
        let disk = slot.disk_exact.and_then(|usd| self.disk_cost(usd, times.billed_ms()));
        let mut costs = Costs {
            machine: rate.over_ms(times.work.ms),
            start_up: rate.over_ms(times.start_ms),
            interruption: rate.over_ms(times.lost_ms),
            disk: disk.unwrap_or(Usd::ZERO),
            transfer: slot.transfer_exact.unwrap_or(Usd::ZERO),
            total: Usd::ZERO,
            waiting: self.question.hourly_value.and_then(|v| v.times(times.done.ms.into(), 3_600_000)),
        };
        costs.total = costs.machine + costs.start_up + costs.interruption + costs.disk + costs.transfer;
        costs
    }
    fn disk_cost(&self, per_gb_month: Usd, ms: i64) -> Option<Usd> {
        per_gb_month.times(i128::from(self.disk_gb) * i128::from(ms), MONTH_MS)
    }
    /// Every reason that bars an offer, exactly.
    fn bars(
        &self,
        (offer, spec, slot): (&Offer<'_>, usize, u16),
        charge: Charge,
        times: Option<&Times>,
        costs: Option<&Costs>,
    ) -> u16 {
        let limits = self.question.limits;
        let mut bars = limits.spec_bars[spec] | limits.slot_bars[usize::from(slot)];
        if let Some(times) = times {
            bars |= self.time_bars(times.done.ms);
        }
        if let Some(total) = costs.map(|c| c.total) {
            if self.question.need.max_usd.is_some_and(|cap| total > cap) {
                bars |= bar::CAP;
            }
            if self.question.budget.is_some_and(|b| total > b.left) && !offer.is_local() {
                bars |= bar::BUDGET;
            }
        }
        if let Some(rate) = charge.rate() {
            let gone = self.question.budget.is_some_and(|b| b.is_gone());
            if gone && rate > Rate::from_pico(0) && !offer.is_local() {
                bars |= bar::BUDGET;
            }
            if limits.price_cap.is_some_and(|cap| rate > cap) {
                bars |= bar::PRICE;
            }
            let on_demand = offer.slot.buy == crate::Buy::OnDemand && !offer.is_local();
            if on_demand && limits.spot_above.is_some_and(|above| rate > above) {
                bars |= bar::SPOT;
            }
        }
        if let Some((left, units)) = limits.left_of(spec)
            && units > left[usize::from(slot)]
        {
            bars |= bar::QUOTA;
        }
        if limits.missing.contains(&(u32::try_from(spec).unwrap_or(u32::MAX), slot)) {
            bars |= bar::NOT_OFFERED;
        }
        bars
    }
    /// Bars that hang on the time alone.
    pub(crate) fn time_bars(&self, done_ms: i64) -> u16 {
        let late = self.question.time_left_ms.is_some_and(|left| done_ms > left);
        let long = done_ms > self.question.limits.longest_ms;
        (if late { bar::DEADLINE } else { 0 }) | (if long { bar::CURFEW } else { 0 })
    }
    /// The arithmetic behind a row's total (and its waiting), as a tree.
    pub(crate) fn arithmetic(&self, offer: &Offer<'_>, row: &Row) -> Vec<Term> {
        let Some(times) = &row.times else {
            let how = "how long it takes here is not known".to_owned();
            return vec![Term { label: "to finish", usd: None, how, basis: None, parts: Vec::new() }];
        };
        let mut parts = self.machine_terms(offer, row, times);
        if let Some(rate) = self.disk_rate(offer.slot) {
            parts.push(Term {
                label: "disk",
                usd: self.disk_cost(rate.usd, times.billed_ms()),
                how: format!(
                    "{} GB × {} USD a GB-month × {} h / 730 h",
                    self.disk_gb,
                    rate.usd,
                    hours(times.billed_ms())
                ),
                basis: Some(rate.basis),
                parts: Vec::new(),
            });
        }
        if let (Some((usd, rate)), Some(data)) = (self.transfer(offer.slot), &self.question.need.data) {
            parts.push(Term {
                label: "transfer",
                usd: Some(usd),
                how: format!("{} GB × {} USD a GB", data.gb.normalize(), rate.usd),
                basis: Some(rate.basis),
                parts: Vec::new(),
            });
        }
        let how = match row.charge {
            Charge::NotBilled => "nobody sends a bill for this computer; electricity is not counted".to_owned(),
            _ => parts.iter().map(|p| p.label).collect::<Vec<_>>().join(" + "),
        };
        let mut terms = vec![Term { label: "to finish", usd: row.costs.map(|c| c.total), how, basis: None, parts }];
        if let (Some(value), Some(waiting)) = (self.question.hourly_value, row.costs.and_then(|c| c.waiting)) {
            terms.push(Term {
                label: "your waiting",
                usd: Some(waiting),
                how: format!("{value} USD × {} h", hours(times.done.ms)),
                basis: Some("your hourly value; beside the bill, not on it".to_owned()),
                parts: Vec::new(),
            });
        }
        terms
    }
    fn machine_terms(&self, offer: &Offer<'_>, row: &Row, times: &Times) -> Vec<Term> {
        if row.charge == Charge::NotBilled {
            return Vec::new();
        }
        let date = offer.as_of.map_or("date not known".to_owned(), |d| d.to_string());
        let basis = match row.charge {
            Charge::Listed(_) if offer.slot.buy.is_spot() => format!("spot price, as of {date}: {}", offer.source),
            Charge::Listed(_) => format!("list price of {date}: {}", offer.source),
            Charge::AtMost(_) => format!("managed spot has no list price; at most on demand, {date}: {}", offer.source),
            Charge::Estimated(_) => {
                self.question.assume.saving_on(offer.spec).map_or_else(String::new, |(saving, seen)| {
                    let percent = (saving.fraction * Decimal::ONE_HUNDRED).round().normalize();
                    let runs = say::count(saving.runs, "past run", "past runs");
                    format!("on demand less the {percent} % that your {runs} {} saved", seen.on(offer.spec))
                })
            }
            Charge::NotBilled | Charge::Unknown => "the price is not known".to_owned(),
        };
        let class = &self.classes[usize::from(self.slot_plan(offer).class)];
        let start = spoken(class.start.billed_ms);
        let mut start_basis = if class.start.measured {
            let whole = spoken(class.start.waiting_ms + class.start.billed_ms);
            format!("{start} to start; your own runs began {whole} after they were asked for")
        } else {
            format!("{start} to start (assumed; your first run tells)")
        };
        if class.load_ms > 0 {
            let mbit = self.question.assume.load_mbit;
            let loading = spoken(class.load_ms);
            start_basis = format!("{start_basis}, {loading} to read the data at {mbit} Mbit/s (assumed)");
        }
        let assume = self.question.assume;
        let interruptions = match assume.interruptions_on(offer.spec) {
            None => format!("{} interruptions an hour (assumed)", assume.interruptions_per_hour),
            Some((seen, of)) => {
                let runs = say::count(seen.runs, "past run", "past runs");
                let trained = spoken(seen.trained_ms);
                let on = of.on(offer.spec);
                let rate = (seen.per_hour() * 1000.0).round() / 1000.0;
                format!("{rate} interruptions an hour ({} in the {trained} that your {runs} {on} trained)", seen.seen)
            }
        };
        let spot_basis = format!(
            "{interruptions}, {}",
            match assume.checkpoint_every_ms {
                Some(ms) => format!("a checkpoint every {}", spoken(ms)),
                None => "no checkpoints: an interruption starts over".to_owned(),
            }
        );
        let over = |label, ms: i64, basis: String| {
            let rate = row.charge.rate();
            let how = rate
                .map_or_else(|| format!("price not known × {} h", hours(ms)), |r| format!("{r} USD × {} h", hours(ms)));
            Term { label, usd: rate.map(|r| r.over_ms(ms)), how, basis: Some(basis), parts: Vec::new() }
        };
        let mut terms = vec![over("machine", times.work.ms, basis)];
        if times.start_ms > 0 {
            terms.push(over("start-up", times.start_ms, start_basis));
        }
        if times.lost_ms > 0 {
            terms.push(over("interruption", times.lost_ms, spot_basis));
        }
        terms
    }
}

/// Hours with six decimals at most, for showing beside an exact product.
fn hours(ms: i64) -> String {
    (Decimal::from(ms) / Decimal::from(3_600_000)).round_dp(6).normalize().to_string()
}
pub(crate) fn spoken(ms: i64) -> String {
    curfew_core::say::duration(jiff::SignedDuration::from_millis(ms))
}
