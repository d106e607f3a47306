//! A question made ready for a catalogue: what start-up, disk, transfer and interruption come to at each slot.
//!
//! Ranking and explaining read the same plan, so a figure and its arithmetic cannot disagree.

use crate::amount::Usd;
use crate::limits::Limits;
use crate::need::{Data, DataAt, Need};
use crate::offers::Catalog;
use crate::past::SpotSeen;
use crate::rates::{KnownRate, Rates};
use crate::spec::{Slot, Spec};
use crate::work::{Band, Work};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::Serialize;

/// Milliseconds in the 730 hours that AWS and Google count as a month.
pub(crate) const MONTH_MS: i128 = 730 * 3_600_000;

/// Time between asking for a machine and work on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct StartUp {
    /// Waiting that nobody bills (the queue, getting a machine).
    pub waiting_ms: i64,
    /// Billed: boot, image, environment.
    pub billed_ms: i64,
    /// From the user's own runs (otherwise assumed).
    pub measured: bool,
}

/// What is assumed where nothing was measured. Every use of one is shown as an assumption.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Assumptions {
    /// By service; `None` of a service: no start-up at all.
    pub start_up: Vec<(String, StartUp)>,
    /// From this computer into a cloud, in Mbit/s.
    pub upload_mbit: u32,
    /// Between clouds and regions, in Mbit/s.
    pub between_mbit: u32,
    /// From a bucket of the same region into the machine, in Mbit/s.
    pub load_mbit: u32,
    /// Disk in GB where the need names none.
    pub disk_gb: u32,
    /// How often a spot machine is taken away, per hour, where the user's own runs do not tell.
    pub interruptions_per_hour: f64,
    /// How often the script saves a checkpoint; `None`: never, an interruption loses everything.
    pub checkpoint_every_ms: Option<i64>,
    /// What the user's own past spot runs showed; none: nothing is known of what managed spot saves.
    pub spot: Vec<SpotSeen>,
}

impl Default for Assumptions {
    fn default() -> Self {
        let up = |waiting_s: i64, billed_s: i64| StartUp {
            waiting_ms: waiting_s * 1000,
            billed_ms: billed_s * 1000,
            measured: false,
        };
        let of = |service: &str, start: StartUp| (service.to_owned(), start);
        Self {
            // A virtual machine is billed from its boot on; managed training queues first and bills the download.
            start_up: vec![
                of("ec2", up(30, 120)),
                of("gce", up(30, 120)),
                of("sagemaker", up(180, 60)),
                of("vertex", up(180, 60)),
            ],
            upload_mbit: 20,
            between_mbit: 500,
            load_mbit: 1000,
            disk_gb: 30,
            interruptions_per_hour: 0.05,
            checkpoint_every_ms: None,
            spot: Vec::new(),
        }
    }
}

impl Assumptions {
    pub(crate) fn start_up_of(&self, slot: &Slot) -> StartUp {
        let none = StartUp { waiting_ms: 0, billed_ms: 0, measured: false };
        self.start_up.iter().find(|(service, _)| **service == *slot.service).map_or(none, |(_, s)| *s)
    }
}

/// By what the list is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Money plus waiting at the user's hourly value.
    #[default]
    Best,
    /// Money alone.
    Money,
    /// List price an hour.
    PerHour,
    /// Time until done.
    DoneIn,
    /// Cloud and name.
    Machine,
    /// vCPUs.
    Vcpus,
    /// Memory.
    Memory,
    /// Accelerators: how many.
    Accelerators,
}

/// What becomes of barred rows in the list. They are never best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Barred {
    /// Greyed, where the order puts them.
    #[default]
    InPlace,
    /// After all others.
    Last,
    /// Not in the list.
    Hidden,
}

/// What is left of a month's budget; the smallest, where several hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetLeft<'a> {
    /// How much.
    pub left: Usd,
    /// Whose it is, for a sentence: "you", "project “vision”", "your team".
    pub whose: &'a str,
    /// Its table in the policy file.
    pub rule: &'static str,
}

impl BudgetLeft<'_> {
    /// Is nothing left, so that whatever has a price is too much, however long it takes?
    pub(crate) fn is_gone(&self) -> bool {
        self.left <= Usd::ZERO
    }
}

/// A question to the catalogue.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// What is needed.
    pub need: &'a Need,
    /// How long it takes.
    pub work: &'a Work,
    /// Quotas, policy, region offerings, made ready for this catalogue.
    pub limits: &'a Limits,
    /// Rates of disks and transfer.
    pub rates: &'a Rates,
    /// What is assumed.
    pub assume: &'a Assumptions,
    /// Milliseconds from now until it must be done ([`Need::ready_by`] resolved in the user's time zone).
    pub time_left_ms: Option<i64>,
    /// What an hour of the user's waiting is worth.
    pub hourly_value: Option<Usd>,
    /// What is left of the month's budget; `None`: no budget. It never bars this computer, which costs nothing.
    pub budget: Option<BudgetLeft<'a>>,
    /// Sorted by.
    pub order: Order,
    /// Largest first.
    pub descending: bool,
    /// Barred rows.
    pub barred: Barred,
    /// How many rows to return.
    pub take: usize,
}

/// What every slot of one kind shares in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeClass {
    pub(crate) start: StartUp,
    /// Moving the data to the region before the machine starts; not billed as machine time.
    pub(crate) move_ms: i64,
    /// Reading the data on the machine.
    pub(crate) load_ms: i64,
    pub(crate) spot: bool,
}

/// Times of a job on one machine at one kind of slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Times {
    /// At work.
    pub work: Band,
    /// Billed start-up and loading.
    pub start_ms: i64,
    /// Expected to be lost to interruptions.
    pub lost_ms: i64,
    /// Waiting that nobody bills: the queue.
    pub queue_ms: i64,
    /// Moving the data first.
    pub move_ms: i64,
    /// Until done, from now.
    pub done: Band,
}

impl Times {
    /// What the machine is billed for.
    pub const fn billed_ms(&self) -> i64 {
        self.work.ms + self.start_ms + self.lost_ms
    }
}

/// Everything about a slot that a question needs.
#[derive(Debug, Clone)]
pub(crate) struct SlotPlan {
    pub(crate) fits: bool,
    pub(crate) class: u8,
    /// Picodollars an hour for the disk.
    pub(crate) disk: f64,
    /// Picodollars for the transfer.
    pub(crate) fixed: f64,
    /// Dollars a GB-month for the disk, and for the transfer in all, exactly.
    pub(crate) disk_exact: Option<Usd>,
    pub(crate) transfer_exact: Option<Usd>,
    pub(crate) managed: bool,
}

/// What the user's own past says of spot on one machine type.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SpotHere {
    /// What a managed spot ceiling is multiplied with: below 1 with a saving of the user's own.
    pub(crate) factor: f64,
    pub(crate) interruptions_an_hour: f64,
}

pub(crate) struct Plan<'a> {
    pub(crate) question: &'a Question<'a>,
    pub(crate) catalog: &'a Catalog,
    pub(crate) classes: Vec<TimeClass>,
    pub(crate) slots: Vec<SlotPlan>,
    pub(crate) disk_gb: u32,
    /// Type by type; empty: as assumed for all of them.
    spot: Vec<SpotHere>,
    /// No time is known for any machine: rows are ranked by price an hour.
    pub(crate) timeless: bool,
}

impl<'a> Plan<'a> {
    pub(crate) fn new(catalog: &'a Catalog, question: &'a Question<'a>) -> Self {
        let Question { need, work, assume, .. } = *question;
        let timeless = work.is_unknown();
        let disk_gb = need.disk_gb.unwrap_or(assume.disk_gb);
        let here = |spec: &Spec| SpotHere {
            factor: assume.saving_on(spec).and_then(|(s, _)| s.kept().to_f64()).unwrap_or(1.0),
            interruptions_an_hour: assume.interruptions_an_hour(spec),
        };
        let spot = if assume.spot.is_empty() { Vec::new() } else { catalog.specs.iter().map(here).collect() };
        let mut plan = Self { question, catalog, classes: Vec::new(), slots: Vec::new(), disk_gb, spot, timeless };
        plan.slots.reserve(catalog.slots.len());
        for slot in &catalog.slots {
            let fits = need.fits_slot(slot);
            let planned = if fits { plan.slot(slot) } else { SlotPlan::unused() };
            plan.slots.push(planned);
        }
        plan
    }
    fn slot(&mut self, slot: &Slot) -> SlotPlan {
        let class = self.time_class(slot);
        let found = self.classes.iter().position(|c| *c == class);
        let at = found.unwrap_or_else(|| {
            self.classes.push(class);
            self.classes.len() - 1
        });
        let pico = |usd: Usd| usd.pico() as f64;
        let rates = self.question.rates;
        let timed = !self.timeless;
        let disk = rates.find_disk(slot).filter(|_| timed && self.disk_gb > 0).map(|f| f.row.usd);
        let moved = self.data().filter(|_| timed).and_then(|d| Some((rates.find_transfer(&d.at, slot)?, d.gb)));
        let transfer = moved.and_then(|(found, gb)| for_gb(found.row.usd, gb));
        let managed = slot.buy == crate::Buy::ManagedSpot;
        SlotPlan {
            fits: true,
            // Start-ups of four services, times with and without spot, times three places of data: a few dozen at most.
            class: u8::try_from(at).unwrap_or(u8::MAX),
            disk: disk.map_or(0.0, |usd| pico(usd) * f64::from(self.disk_gb) / 730.0),
            fixed: transfer.map_or(0.0, pico),
            disk_exact: disk,
            transfer_exact: transfer,
            managed,
        }
    }
    /// What is known of spot on a type.
    pub(crate) fn spot_on(&self, spec: usize) -> SpotHere {
        let assumed = || SpotHere { factor: 1.0, interruptions_an_hour: self.question.assume.interruptions_per_hour };
        self.spot.get(spec).copied().unwrap_or_else(assumed)
    }
    /// Does a type fit? This computer does wherever the job was tried on it, so that it can be compared.
    pub(crate) fn fits_spec(&self, spec: &Spec) -> bool {
        let tried = |t: &crate::Trial| *t.on.machine == *spec.machine && &*spec.cloud == "local";
        self.question.need.fits_spec(spec) || self.question.work.trial.as_ref().is_some_and(tried)
    }
    pub(crate) fn disk_rate(&self, slot: &Slot) -> Option<KnownRate> {
        self.question.rates.disk(slot).filter(|_| self.disk_gb > 0)
    }
    /// What moving the data to a slot costs, and its rate.
    pub(crate) fn transfer(&self, slot: &Slot) -> Option<(Usd, KnownRate)> {
        let data = self.data()?;
        let rate = self.question.rates.transfer(&data.at, slot)?;
        Some((for_gb(rate.usd, data.gb)?, rate))
    }
    fn data(&self) -> Option<&Data> {
        self.question.need.data.as_ref().filter(|d| d.gb > Decimal::ZERO)
    }
    fn time_class(&self, slot: &Slot) -> TimeClass {
        let Question { need, assume, .. } = self.question;
        let local = &*slot.cloud == "local";
        let (move_ms, load_ms) = match &need.data {
            Some(Data { gb, at }) => {
                let ms = |mbit: u32| transfer_ms(*gb, mbit);
                let moved = match at {
                    DataAt::Here if local => 0,
                    DataAt::Here => ms(assume.upload_mbit),
                    DataAt::Cloud { .. } if local => ms(assume.upload_mbit),
                    DataAt::Cloud { cloud, region }
                        if **cloud == *slot.cloud && region.as_deref() == Some(&slot.region) =>
                    {
                        0
                    }
                    DataAt::Cloud { .. } => ms(assume.between_mbit),
                };
                (moved, if local { 0 } else { ms(assume.load_mbit) })
            }
            None => (0, 0),
        };
        TimeClass { start: assume.start_up_of(slot), move_ms, load_ms, spot: slot.buy.is_spot() }
    }
    /// Times of a job of this length on a type at a class of slots.
    pub(crate) fn times(&self, work: Band, spec: usize, class: &TimeClass) -> Times {
        let start_ms = class.start.billed_ms + class.load_ms;
        let an_hour = self.spot_on(spec).interruptions_an_hour;
        let lost = |ms| if class.spot { self.lost_ms(ms, start_ms, an_hour) } else { 0 };
        let queue_ms = class.start.waiting_ms;
        let before = queue_ms + class.move_ms + start_ms;
        let lost_ms = lost(work.ms);
        let done = Band {
            ms: before + work.ms + lost_ms,
            low_ms: before + work.low_ms,
            high_ms: before + work.high_ms + lost(work.high_ms),
        };
        Times { work, start_ms, lost_ms, queue_ms, move_ms: class.move_ms, done }
    }
    /// What of [`Self::times`] ranking reads: billed and done, in milliseconds.
    pub(crate) fn times_expected(&self, work_ms: i64, interruptions_an_hour: f64, class: &TimeClass) -> (i64, i64) {
        let start_ms = class.start.billed_ms + class.load_ms;
        let lost_ms = if class.spot { self.lost_ms(work_ms, start_ms, interruptions_an_hour) } else { 0 };
        let billed = work_ms + start_ms + lost_ms;
        (billed, class.start.waiting_ms + class.move_ms + billed)
    }
    /// Work expected to be done twice because the machine was taken away, with interruptions as a Poisson process:
    /// from checkpoint to checkpoint half an interval and a start each time; without checkpoints all of it.
    fn lost_ms(&self, work_ms: i64, start_ms: i64, interruptions_an_hour: f64) -> i64 {
        let assume = self.question.assume;
        let per_ms = interruptions_an_hour.max(0.0) / 3_600_000.0;
        let (work, start) = (work_ms as f64, start_ms as f64);
        let lost = match assume.checkpoint_every_ms {
            Some(every) => work * per_ms * (every as f64 / 2.0 + start),
            None if per_ms == 0.0 => 0.0,
            // Expected time to finish `work` without a break is (e^(λw) - 1) / λ; each break costs a start as well.
            None => {
                let breaks = (work * per_ms).min(20.0).exp_m1();
                breaks / per_ms - work + breaks * start
            }
        };
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a float to integer cast saturates, which is what is wanted"
        )]
        let ms = lost.max(0.0).round() as i64;
        ms.min(3_155_760_000_000)
    }
}

impl SlotPlan {
    const fn unused() -> Self {
        Self { fits: false, class: 0, disk: 0.0, fixed: 0.0, disk_exact: None, transfer_exact: None, managed: false }
    }
}

/// A rate per GB times that many GB.
fn for_gb(usd: Usd, gb: Decimal) -> Option<Usd> {
    let gb = gb.round_dp(6);
    usd.times(gb.mantissa(), 10_i128.pow(gb.scale()))
}

/// Milliseconds to move that many GB at that many Mbit/s.
fn transfer_ms(gb: Decimal, mbit: u32) -> i64 {
    let seconds = gb * Decimal::from(8000) / Decimal::from(mbit.max(1));
    (seconds * Decimal::from(1000)).round().to_i64().unwrap_or(i64::MAX).clamp(0, 3_155_760_000_000)
}
