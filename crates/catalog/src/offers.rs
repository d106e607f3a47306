//! The catalogue in memory: columns, grouped by machine type, so that a question touches only the types that fit it.
//!
//! Invariant: built once, never changed. A refresh builds a new one ([`crate::Builder`]) and swaps it in. Row order is a
//! function of the rows alone (cloud, machine, then slot), so that ties always break the same way.

use crate::amount::Rate;
use crate::spec::{Buy, Slot, Spec};
use curfew_core::MachineRef;
use curfew_core::machine::Purchase;
use jiff::civil::Date;
use rustc_hash::FxHashMap;
use serde::Serialize;

/// A row of a [`Catalog`]; good for that catalogue only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct OfferId(pub(crate) u32);

impl OfferId {
    /// The row's number, from 0.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Something that was kept out, or is worth knowing about the figures; a plain sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// What it is about: a file, a feed, a machine.
    pub about: String,
    /// One sentence without the final full stop.
    pub says: String,
}

/// What stands for "price not known" in the price column.
pub(crate) const UNKNOWN: i64 = i64::MIN;

/// All offers. About 20 bytes each beside the machine types.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Catalog {
    /// Sorted by cloud and name.
    pub(crate) specs: Vec<Spec>,
    /// `specs.len() + 1` bounds: the offers of type `i` are `starts[i]..starts[i + 1]`.
    pub(crate) starts: Vec<u32>,
    /// Sorted.
    pub(crate) slots: Vec<Slot>,
    /// Sorted.
    pub(crate) sources: Vec<Box<str>>,
    /// Lists of slots, each sorted. Most types are offered at the same places as many others, so few lists serve all.
    pub(crate) patterns: Vec<Box<[u16]>>,
    /// Which list of slots a type's offers have, in their order.
    pub(crate) pattern_of: Vec<u32>,
    /// Lowest and highest prices of each type. Derived.
    pub(crate) extremes: Vec<Extremes>,
    /// Picodollars an hour, or [`UNKNOWN`].
    pub(crate) price: Vec<i64>,
    /// For managed-spot rows without a price of their own: the on-demand price. Derived.
    pub(crate) ceilings: FxHashMap<u32, i64>,
    /// Days since 1970-01-01; 0: not known.
    pub(crate) as_of: Vec<u16>,
    pub(crate) source: Vec<u16>,
    pub(crate) notes: Vec<Note>,
}

/// The lowest and highest prices of a type in picodollars an hour; NaN where it has none of that kind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extremes {
    pub(crate) firm: (f64, f64),
    pub(crate) spot: (f64, f64),
    /// Ceilings of managed spot.
    pub(crate) managed: (f64, f64),
    /// Does any offer have neither a price nor a ceiling?
    pub(crate) unknown: bool,
}

/// By bits, so that "none of that kind" equals itself.
impl PartialEq for Extremes {
    fn eq(&self, other: &Self) -> bool {
        let bits = |e: &Self| [e.firm, e.spot, e.managed].map(|(a, b)| (a.to_bits(), b.to_bits()));
        bits(self) == bits(other) && self.unknown == other.unknown
    }
}

/// One offer, read.
#[derive(Debug, Clone, Copy)]
pub struct Offer<'a> {
    /// Its row.
    pub id: OfferId,
    /// The machine type.
    pub spec: &'a Spec,
    /// From where, as what, how.
    pub slot: &'a Slot,
    /// List price an hour; `None`: not known. This computer's is 0 and not billed.
    pub rate: Option<Rate>,
    /// The date of the price.
    pub as_of: Option<Date>,
    /// Where the figures are from.
    pub source: &'a str,
}

impl Offer<'_> {
    /// The key: `aws:ec2:us-east-1:g5.xlarge[:spot]`.
    pub fn key(&self) -> String {
        let Slot { cloud, service, component, region, buy, .. } = self.slot;
        if &**cloud == "local" {
            return "local".into();
        }
        let mut key = format!("{cloud}:{service}:{region}:{}", self.spec.machine);
        // Vertex names already end in their component.
        if let Some(component) = component.as_deref().filter(|_| !self.spec.machine.contains(':')) {
            key.push(':');
            key.push_str(component);
        }
        if buy.is_spot() {
            key.push_str(":spot");
        }
        key
    }
    /// As the core names it.
    pub fn machine_ref(&self) -> Option<MachineRef> {
        self.key().parse().ok()
    }
    /// Is it this computer, for which nobody sends a bill?
    pub fn is_local(&self) -> bool {
        &*self.slot.cloud == "local"
    }
}

pub(crate) const EPOCH: Date = Date::constant(1970, 1, 1);

/// Days since 1970, within what a column holds.
pub(crate) fn to_days(date: Date) -> Option<u16> {
    let days = (date - EPOCH).get_days();
    u16::try_from(days).ok().filter(|&d| d > 0)
}
pub(crate) fn from_days(days: u16) -> Option<Date> {
    if days == 0 {
        return None;
    }
    EPOCH.checked_add(jiff::Span::new().days(i64::from(days))).ok()
}

impl Catalog {
    /// How many offers there are.
    pub fn len(&self) -> usize {
        self.price.len()
    }
    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.price.is_empty()
    }
    /// The machine types, sorted by cloud and name.
    pub fn specs(&self) -> &[Spec] {
        &self.specs
    }
    /// The slots (cloud, service, component, region, zone, purchase), sorted.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }
    /// What was kept out or is worth knowing.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }
    /// The number of the machine type of a row.
    pub(crate) fn spec_of(&self, row: u32) -> usize {
        self.starts.partition_point(|&start| start <= row).saturating_sub(1)
    }
    /// The slots of a type's offers, in row order.
    pub(crate) fn slots_of(&self, spec: usize) -> &[u16] {
        &self.patterns[self.pattern_of[spec] as usize]
    }
    /// The slot of a row.
    pub(crate) fn slot_of(&self, row: u32) -> u16 {
        let spec = self.spec_of(row);
        self.slots_of(spec)[(row - self.starts[spec]) as usize]
    }
    /// Rows and slots of a type.
    pub(crate) fn rows_of(&self, spec: usize) -> impl Iterator<Item = (u32, u16)> {
        (self.starts[spec]..).zip(self.slots_of(spec).iter().copied())
    }
    /// One offer. Panics for a row of another catalogue.
    pub fn offer(&self, id: OfferId) -> Offer<'_> {
        self.view(id.0, self.spec_of(id.0))
    }
    pub(crate) fn view(&self, row: u32, spec: usize) -> Offer<'_> {
        let i = row as usize;
        Offer {
            id: OfferId(row),
            spec: &self.specs[spec],
            slot: &self.slots[usize::from(self.slots_of(spec)[i - self.starts[spec] as usize])],
            rate: (self.price[i] != UNKNOWN).then(|| Rate::from_pico(self.price[i])),
            as_of: from_days(self.as_of[i]),
            source: &self.sources[usize::from(self.source[i])],
        }
    }
    /// Every offer, in row order.
    pub fn iter(&self) -> impl Iterator<Item = Offer<'_>> {
        (0..self.specs.len())
            .flat_map(move |spec| (self.starts[spec]..self.starts[spec + 1]).map(move |row| self.view(row, spec)))
    }
    /// The offers of one machine type.
    pub fn of_machine(&self, cloud: &str, machine: &str) -> impl Iterator<Item = Offer<'_>> {
        let found = self.specs.binary_search_by(|s| (&*s.cloud, &*s.machine).cmp(&(cloud, machine)));
        found
            .into_iter()
            .flat_map(move |spec| (self.starts[spec]..self.starts[spec + 1]).map(move |row| self.view(row, spec)))
    }
    /// The offers that a typed machine can mean, in row order; what it leaves out matches all. A last part that is a
    /// component (`aws:sagemaker:us-east-1:ml.m5.xlarge:training`) is understood too.
    pub fn find(&self, wanted: &MachineRef) -> Vec<Offer<'_>> {
        let cloud = wanted.cloud.as_str();
        if wanted.is_local() {
            return self.iter().filter(Offer::is_local).collect();
        }
        let Some(machine) = wanted.machine.as_deref() else { return Vec::new() };
        let fits = |o: &Offer<'_>| {
            wanted.service.as_deref().is_none_or(|s| s == &*o.slot.service)
                && wanted.region.as_deref().is_none_or(|r| r == &*o.slot.region)
                && o.slot.buy.is_spot() == (wanted.purchase == Purchase::Spot)
                && !o.slot.buy.is_commitment()
        };
        let exact: Vec<_> = self.of_machine(cloud, machine).filter(fits).collect();
        if !exact.is_empty() {
            return exact;
        }
        let Some((machine, component)) = machine.rsplit_once(':') else { return exact };
        self.of_machine(cloud, machine)
            .filter(fits)
            .filter(|o| o.slot.component.as_deref() == Some(component))
            .collect()
    }
    /// The on-demand offer at the same place, service and component: the ceiling of a managed-spot row.
    pub fn on_demand_of(&self, offer: &Offer<'_>) -> Option<Offer<'_>> {
        let spec = self.spec_of(offer.id.0);
        let ours = offer.slot;
        (self.starts[spec]..self.starts[spec + 1]).map(|row| self.view(row, spec)).find(|o| {
            o.slot.buy == Buy::OnDemand
                && o.slot.cloud == ours.cloud
                && o.slot.service == ours.service
                && o.slot.component == ours.component
                && o.slot.region == ours.region
        })
    }
    /// Works out what is derived from the columns; called once, when they are complete.
    pub(crate) fn settle(&mut self) {
        let managed: Vec<bool> = self.slots.iter().map(|s| s.buy == Buy::ManagedSpot).collect();
        let mut ceilings = FxHashMap::default();
        if managed.contains(&true) {
            for spec in 0..self.specs.len() {
                for (row, slot) in self.rows_of(spec) {
                    if managed[usize::from(slot)] && self.price[row as usize] == UNKNOWN {
                        let on_demand = self.on_demand_of(&self.view(row, spec)).and_then(|o| o.rate);
                        ceilings.extend(on_demand.map(|rate| (row, rate.pico())));
                    }
                }
            }
        }
        self.ceilings = ceilings;
        self.extremes = (0..self.specs.len()).map(|spec| self.extremes_of(spec)).collect();
    }
    fn extremes_of(&self, spec: usize) -> Extremes {
        let none = (f64::NAN, f64::NAN);
        let mut e = Extremes { firm: none, spot: none, managed: none, unknown: false };
        // min and max of f64 ignore NaN.
        let add = |ends: &mut (f64, f64), price: i64| {
            *ends = (ends.0.min(price as f64), ends.1.max(price as f64));
        };
        for (row, slot) in self.rows_of(spec) {
            let price = self.price[row as usize];
            let spot = self.slots[usize::from(slot)].buy.is_spot();
            match self.ceilings.get(&row) {
                Some(&ceiling) => add(&mut e.managed, ceiling),
                None if price == UNKNOWN => e.unknown = true,
                None => add(if spot { &mut e.spot } else { &mut e.firm }, price),
            }
        }
        e
    }
    /// The newest and the oldest price date of a cloud.
    pub fn dates(&self, cloud: &str) -> Option<(Date, Date)> {
        let mut seen: Option<(u16, u16)> = None;
        for i in (0..self.specs.len()).filter(|&i| &*self.specs[i].cloud == cloud) {
            for &day in self.as_of[self.starts[i] as usize..self.starts[i + 1] as usize].iter().filter(|d| **d > 0) {
                seen = Some(seen.map_or((day, day), |(new, old)| (new.max(day), old.min(day))));
            }
        }
        let (new, old) = seen?;
        Some((from_days(new)?, from_days(old)?))
    }
    /// Bytes held by the columns and tables, counted from their lengths.
    pub fn bytes(&self) -> usize {
        let texts = |t: &Option<Box<str>>| t.as_deref().map_or(0, str::len);
        let spec = |s: &Spec| {
            size_of::<Spec>()
                + s.cloud.len()
                + s.machine.len()
                + texts(&s.network)
                + s.accelerator.as_ref().map_or(0, |a| a.kind.len())
        };
        let slot = |s: &Slot| {
            size_of::<Slot>() + s.cloud.len() + s.service.len() + texts(&s.component) + s.region.len() + texts(&s.zone)
        };
        let row = size_of::<u16>() * 2 + size_of::<i64>();
        self.len() * row
            + self.ceilings.capacity() * (size_of::<(u32, i64)>() + 1)
            + self.starts.len() * (size_of::<u32>() * 2 + size_of::<Extremes>())
            + self.patterns.iter().map(|p| size_of_val(&**p) + size_of::<Box<[u16]>>()).sum::<usize>()
            + self.specs.iter().map(spec).sum::<usize>()
            + self.slots.iter().map(slot).sum::<usize>()
            + self.sources.iter().map(|s| size_of::<Box<str>>() + s.len()).sum::<usize>()
    }
}
