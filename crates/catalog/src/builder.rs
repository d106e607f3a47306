//! Puts offers together from several layers: the embedded snapshot, the cache, what was just refreshed, this computer.
//! A later layer wins row by row; what it does not know stays as it was.

use crate::amount::Rate;
use crate::offers::{Catalog, Note, UNKNOWN, to_days};
use crate::spec::{Buy, Slot, Spec};
use jiff::civil::Date;
use rustc_hash::FxHashMap;

/// Above this a machine's hour is taken for a mistake in the list (the dearest known is below 800 dollars).
const ABSURDLY_DEAR: Rate = Rate::from_pico(5_000 * 1_000_000_000_000);
/// Below this too (the cheapest known spot price is above 0.0005; moto answers 0.00001).
const ABSURDLY_CHEAP: Rate = Rate::from_pico(100_000_000);
/// How many different notes of one kind are kept.
const NOTES_KEPT: usize = 200;

/// One offer on its way in.
#[derive(Debug, Clone, PartialEq)]
pub struct NewOffer<'a> {
    /// From where, as what, how.
    pub slot: Slot,
    /// The machine's name.
    pub machine: &'a str,
    /// List price an hour; `None`: not known.
    pub rate: Option<Rate>,
    /// Date of the price.
    pub as_of: Option<Date>,
    /// Where it is from.
    pub source: &'a str,
}

#[derive(Clone, Copy)]
struct Row {
    spec: u32,
    slot: u16,
    as_of: u16,
    source: u16,
    layer: u16,
    price: i64,
}

/// Collects rows and makes a [`Catalog`] of them.
#[derive(Default)]
pub struct Builder {
    specs: Vec<Spec>,
    spec_ids: FxHashMap<Box<str>, FxHashMap<Box<str>, u32>>,
    slots: Vec<Slot>,
    slot_ids: FxHashMap<Slot, u16>,
    sources: Vec<Box<str>>,
    source_ids: FxHashMap<Box<str>, u16>,
    rows: Vec<Row>,
    layer: u16,
    notes: Vec<Note>,
    notes_left_out: usize,
}

impl Builder {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }
    /// Starts from a catalogue that exists: the first layer.
    pub fn from_catalog(catalog: &Catalog) -> Self {
        let mut builder = Self::new();
        builder.add_catalog(catalog);
        builder.next_layer();
        builder
    }
    /// From now on rows win over those added so far.
    pub fn next_layer(&mut self) {
        self.layer = self.layer.saturating_add(1);
    }
    /// Adds all rows of another catalogue to the current layer.
    pub fn add_catalog(&mut self, catalog: &Catalog) {
        let specs: Vec<u32> = catalog.specs.iter().map(|s| self.spec(s.clone())).collect();
        let slots: Vec<Option<u16>> = catalog.slots.iter().map(|s| self.slot_id(s)).collect();
        let sources: Vec<Option<u16>> = catalog.sources.iter().map(|s| self.source_id(s)).collect();
        self.rows.reserve(catalog.len());
        for (number, spec) in specs.iter().enumerate() {
            for (row, slot) in catalog.rows_of(number) {
                let i = row as usize;
                let (Some(slot), Some(source)) = (slots[usize::from(slot)], sources[usize::from(catalog.source[i])])
                else {
                    self.note("catalogue", "holds more than 65,535 places or sources; the rest is left out");
                    continue;
                };
                let (as_of, price) = (catalog.as_of[i], catalog.price[i]);
                self.rows.push(Row { spec: *spec, slot, as_of, source, layer: self.layer, price });
            }
        }
        for note in &catalog.notes {
            self.note(&note.about, &note.says);
        }
    }
    /// Makes a machine type known, or adds to what is known of it.
    pub fn spec(&mut self, spec: Spec) -> u32 {
        if let Some(&id) = self.spec_ids.get(&spec.cloud).and_then(|of| of.get(&spec.machine)) {
            if self.specs[id as usize] != spec {
                self.specs[id as usize].refreshed(spec);
            }
            return id;
        }
        let id = u32::try_from(self.specs.len()).expect("fewer machine types than 2^32");
        self.spec_ids.entry(spec.cloud.clone()).or_default().insert(spec.machine.clone(), id);
        self.specs.push(spec);
        id
    }
    /// A machine type that is known by now.
    pub fn known(&self, cloud: &str, machine: &str) -> Option<&Spec> {
        let id = self.spec_ids.get(cloud)?.get(machine)?;
        Some(&self.specs[*id as usize])
    }
    /// The machine types that are known by now.
    pub fn known_specs(&self) -> &[Spec] {
        &self.specs
    }
    fn slot_id(&mut self, slot: &Slot) -> Option<u16> {
        if let Some(&id) = self.slot_ids.get(slot) {
            return Some(id);
        }
        let id = u16::try_from(self.slots.len()).ok()?;
        self.slots.push(slot.clone());
        self.slot_ids.insert(slot.clone(), id);
        Some(id)
    }
    fn source_id(&mut self, source: &str) -> Option<u16> {
        if let Some(&id) = self.source_ids.get(source) {
            return Some(id);
        }
        let id = u16::try_from(self.sources.len()).ok()?;
        self.sources.push(source.into());
        self.source_ids.insert(source.into(), id);
        Some(id)
    }
    /// Adds an offer. A price of 0 or an absurd one is kept out with a note, and so is what does not fit. The machine's
    /// type should be known ([`Self::spec`]); else only its name is. Says whether the row was taken.
    pub fn offer(&mut self, offer: &NewOffer<'_>) -> bool {
        let NewOffer { slot, machine, rate, as_of, source } = offer;
        let local = &*slot.cloud == "local";
        if let Some(rate) = rate.filter(|_| !local) {
            let wrong = if rate.pico() == 0 {
                Some("has a price of 0, which no machine has".to_owned())
            } else if rate.pico() < 0 {
                Some(format!("has a negative price ({rate} USD an hour)"))
            } else if rate < ABSURDLY_CHEAP || rate > ABSURDLY_DEAR {
                Some(format!("has an absurd price ({rate} USD an hour)"))
            } else {
                None
            };
            if let Some(wrong) = wrong {
                self.note(
                    &format!("{machine}, {}, {}", slot.region, slot.buy.word()),
                    &format!("{wrong}; kept out ({source})"),
                );
                return false;
            }
        }
        let id = match self.spec_ids.get(&slot.cloud).and_then(|of| of.get(*machine)) {
            Some(&id) => id,
            None => self.spec(Spec::named(&slot.cloud, machine)),
        };
        let (Some(slot), Some(source)) = (self.slot_id(slot), self.source_id(source)) else {
            self.note("catalogue", "holds more than 65,535 places or sources; the rest is left out");
            return false;
        };
        let as_of = as_of.and_then(to_days).unwrap_or(0);
        let price = rate.map_or(UNKNOWN, Rate::pico);
        self.rows.push(Row { spec: id, slot, as_of, source, layer: self.layer, price });
        true
    }
    /// Remembers something worth knowing; the same note only once, a bounded number in all.
    pub fn note(&mut self, about: &str, says: &str) {
        if self.notes.iter().any(|n| n.about == about && n.says == says) {
            return;
        }
        if self.notes.len() >= NOTES_KEPT {
            self.notes_left_out += 1;
            return;
        }
        self.notes.push(Note { about: about.to_owned(), says: says.to_owned() });
    }
    /// How many rows were taken so far.
    pub fn len(&self) -> usize {
        self.rows.len()
    }
    /// None yet?
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
    /// Sorts, lets later layers win, and makes the columns.
    pub fn build(mut self) -> Catalog {
        let spec_order = order_of(&self.specs, |s| (s.cloud.clone(), s.machine.clone()));
        let slot_order = order_of(&self.slots, Clone::clone);
        let source_order = order_of(&self.sources, Clone::clone);
        for row in &mut self.rows {
            row.spec = spec_order[row.spec as usize];
            row.slot = narrow(slot_order[usize::from(row.slot)]);
            row.source = narrow(source_order[usize::from(row.source)]);
        }
        // Later layers last; of equal layers the row added last wins, so the sort must be stable.
        self.rows.sort_by_key(|r| (r.spec, r.slot, r.layer));
        let specs = reorder(std::mem::take(&mut self.specs), &spec_order);
        let slots = reorder(std::mem::take(&mut self.slots), &slot_order);
        let rows = settle(&self.rows, &slots);
        let mut catalog = Catalog {
            starts: Vec::with_capacity(specs.len() + 1),
            price: rows.iter().map(|r| r.price).collect(),
            as_of: rows.iter().map(|r| r.as_of).collect(),
            source: rows.iter().map(|r| r.source).collect(),
            specs,
            slots,
            sources: reorder(std::mem::take(&mut self.sources), &source_order),
            notes: self.notes,
            ..Catalog::default()
        };
        if self.notes_left_out > 0 {
            let says = format!("{} more notes of this kind are left out", self.notes_left_out);
            catalog.notes.push(Note { about: "catalogue".into(), says });
        }
        let (mut at, mut patterns) = (0, Patterns::default());
        for spec in 0..catalog.specs.len() {
            catalog.starts.push(u32::try_from(at).expect("fewer offers than 2^32"));
            let count = rows[at..].partition_point(|r| r.spec as usize == spec);
            let slots: Vec<u16> = rows[at..at + count].iter().map(|r| r.slot).collect();
            catalog.pattern_of.push(patterns.id(slots));
            at += count;
        }
        catalog.starts.push(u32::try_from(at).expect("fewer offers than 2^32"));
        catalog.patterns = patterns.lists;
        catalog.settle();
        catalog
    }
}

/// Lists of slots, each kept once.
#[derive(Default)]
pub(crate) struct Patterns {
    ids: FxHashMap<Box<[u16]>, u32>,
    pub(crate) lists: Vec<Box<[u16]>>,
}

impl Patterns {
    pub(crate) fn id(&mut self, slots: Vec<u16>) -> u32 {
        let slots = slots.into_boxed_slice();
        let next = u32::try_from(self.lists.len()).expect("fewer lists than types");
        *self.ids.entry(slots).or_insert_with_key(|slots| {
            self.lists.push(slots.clone());
            next
        })
    }
}

/// One row for each type and slot: the last layer's, unless it knows no price and an earlier one does. Spot prices of
/// a region give way to newer ones of its zones.
fn settle(sorted: &[Row], slots: &[Slot]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::with_capacity(sorted.len());
    for &row in sorted {
        match rows.last_mut().filter(|last| (last.spec, last.slot) == (row.spec, row.slot)) {
            Some(last) if row.price != UNKNOWN || last.price == UNKNOWN => *last = row,
            Some(_) => {}
            None => rows.push(row),
        }
    }
    let zoned: rustc_hash::FxHashSet<(u32, &str, &str)> = rows
        .iter()
        .filter(|r| r.layer > 0)
        .filter_map(|r| {
            let slot = &slots[usize::from(r.slot)];
            (slot.zone.is_some() && slot.buy == Buy::Spot).then_some((r.spec, &*slot.service, &*slot.region))
        })
        .collect();
    if !zoned.is_empty() {
        rows.retain(|r| {
            let slot = &slots[usize::from(r.slot)];
            let whole_region = slot.zone.is_none() && slot.buy == Buy::Spot;
            !(whole_region && zoned.contains(&(r.spec, &*slot.service, &*slot.region)))
        });
    }
    rows
}

/// For each old place the new one.
fn order_of<T, K: Ord>(items: &[T], key: impl Fn(&T) -> K) -> Vec<u32> {
    let mut by_key: Vec<usize> = (0..items.len()).collect();
    by_key.sort_by_cached_key(|&i| key(&items[i]));
    let mut order = vec![0; items.len()];
    for (new, old) in by_key.into_iter().enumerate() {
        order[old] = u32::try_from(new).expect("fewer items than 2^32");
    }
    order
}

fn reorder<T>(items: Vec<T>, order: &[u32]) -> Vec<T> {
    let mut pairs: Vec<(u32, T)> = order.iter().copied().zip(items).collect();
    pairs.sort_by_key(|(new, _)| *new);
    pairs.into_iter().map(|(_, item)| item).collect()
}

fn narrow(n: u32) -> u16 {
    u16::try_from(n).expect("checked when it was handed out")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(region: &str, zone: Option<&str>, buy: Buy) -> Slot {
        let component = None;
        Slot {
            cloud: "aws".into(),
            service: "ec2".into(),
            component,
            region: region.into(),
            zone: zone.map(Into::into),
            buy,
        }
    }
    fn add(b: &mut Builder, slot: Slot, price: Option<&str>) -> bool {
        let rate = price.map(|p| Rate::parse(p).unwrap());
        b.offer(&NewOffer {
            slot,
            machine: "g5.xlarge",
            rate,
            as_of: Some(Date::constant(2026, 7, 20)),
            source: "test",
        })
    }
    fn prices(c: &Catalog) -> Vec<String> {
        c.iter().map(|o| format!("{} {}", o.key(), o.rate.map_or("unknown".into(), |r| r.to_string()))).collect()
    }

    #[test]
    fn later_layers_win_but_know_not_less() {
        let mut b = Builder::new();
        add(&mut b, slot("us-east-1", None, Buy::OnDemand), Some("1.006"));
        add(&mut b, slot("eu-west-1", None, Buy::OnDemand), Some("1.1"));
        b.next_layer();
        add(&mut b, slot("us-east-1", None, Buy::OnDemand), Some("1.007"));
        add(&mut b, slot("eu-west-1", None, Buy::OnDemand), None);
        let c = b.build();
        assert_eq!(prices(&c), ["aws:ec2:eu-west-1:g5.xlarge 1.1", "aws:ec2:us-east-1:g5.xlarge 1.007"]);
        assert_eq!(Builder::from_catalog(&c).build(), c);
    }

    #[test]
    fn zones_replace_their_region() {
        let mut b = Builder::new();
        add(&mut b, slot("us-east-1", None, Buy::Spot), Some("0.4"));
        b.next_layer();
        add(&mut b, slot("us-east-1", Some("us-east-1a"), Buy::Spot), Some("0.3"));
        assert_eq!(prices(&b.build()), ["aws:ec2:us-east-1:g5.xlarge:spot 0.3"]);
    }

    #[test]
    fn absurd_prices_are_kept_out_with_a_note() {
        let mut b = Builder::new();
        for price in ["0", "0.00001", "-1", "5001", "1.006"] {
            add(&mut b, slot("us-east-1", None, Buy::OnDemand), Some(price));
        }
        let c = b.build();
        assert_eq!(prices(&c), ["aws:ec2:us-east-1:g5.xlarge 1.006"]);
        let says: Vec<&str> = c.notes().iter().map(|n| n.says.as_str()).collect();
        assert_eq!(
            says,
            [
                "has a price of 0, which no machine has; kept out (test)",
                "has an absurd price (0.00001 USD an hour); kept out (test)",
                "has a negative price (-1 USD an hour); kept out (test)",
                "has an absurd price (5001 USD an hour); kept out (test)",
            ]
        );
    }
}
