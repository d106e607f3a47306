//! For a need that nothing meets: the nearest that exist, each by giving up one part of the need (or two).

use crate::need::{Accelerators, Need, Span, class_of};
use crate::offers::{Catalog, Offer, OfferId};
use crate::spec::Class;
use serde::Serialize;
use std::collections::BTreeSet;

/// A way to relax a need so that something meets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Near {
    /// What is given up: "at most $0.10 an hour".
    pub instead_of: String,
    /// What there is then: "the cheapest is 0.526 USD an hour".
    pub there_is: String,
    /// How many offers fit then.
    pub fitting: usize,
    /// The cheapest of them with a known price, or the first.
    pub example: OfferId,
    /// The need without that part.
    #[serde(skip)]
    pub need: Need,
}

/// A part of a need: what it says, the need without it, and how to say what there is instead.
struct Part {
    says: String,
    without: Need,
    tell: fn(&[Offer<'_>]) -> String,
}

impl Catalog {
    /// Offers that fit a need, by type, place and price ceiling.
    pub fn fitting<'a>(&'a self, need: &'a Need) -> impl Iterator<Item = Offer<'a>> {
        let places: Vec<bool> = self.slots.iter().map(|s| need.fits_slot(s)).collect();
        let within =
            move |o: &Offer<'_>| need.max_usd_per_hour.is_none_or(|cap| o.rate.is_some_and(|rate| rate.usd() <= cap));
        let specs = (0..self.specs.len()).filter(|&i| need.fits_spec(&self.specs[i]));
        specs
            .flat_map(move |spec| self.rows_of(spec).collect::<Vec<_>>())
            .filter(move |(_, slot)| places[usize::from(*slot)])
            .map(|(row, _)| self.offer(OfferId(row)))
            .filter(within)
    }
    /// The nearest that exist for a need that nothing meets, those that widen it least first; empty where something does.
    pub fn nearest(&self, need: &Need) -> Vec<Near> {
        if self.fitting(need).next().is_some() {
            return Vec::new();
        }
        let parts = parts(need);
        let mut found: Vec<Near> = parts.iter().filter_map(|p| self.near(p.says.clone(), &p.without, p.tell)).collect();
        if found.is_empty() {
            for one in &parts {
                for other in self::parts(&one.without) {
                    let says = format!("{} and {}", one.says, other.says);
                    found.extend(self.near(says, &other.without, |_| String::new()));
                }
            }
        }
        // Giving up A and B is giving up B and A: one of them is enough.
        let mut kept: Vec<Near> = Vec::new();
        for near in found {
            if !kept.iter().any(|k| k.need == near.need) {
                kept.push(near);
            }
        }
        let mut found = kept;
        found.sort_by(|a, b| a.fitting.cmp(&b.fitting).then(a.instead_of.cmp(&b.instead_of)));
        found.truncate(4);
        found
    }
    fn near(&self, says: String, need: &Need, tell: fn(&[Offer<'_>]) -> String) -> Option<Near> {
        let mut offers: Vec<Offer<'_>> = self.fitting(need).collect();
        offers.sort_by_key(|o| (o.rate.is_none(), o.rate, o.id));
        let example = offers.first()?.id;
        let there_is = match tell(&offers) {
            told if told.is_empty() => format!("{} in {}", offers[0].spec.machine, offers[0].slot.region),
            told => told,
        };
        Some(Near { instead_of: says, there_is, fitting: offers.len(), example, need: need.clone() })
    }
}

fn parts(need: &Need) -> Vec<Part> {
    let mut all = Vec::new();
    // What a part says is what the need says with nothing else in it.
    let mut part = |only: Need, change: fn(&mut Need), tell: fn(&[Offer<'_>]) -> String| {
        let mut without = need.clone();
        change(&mut without);
        if without != *need {
            all.push(Part { says: only.says(), without, tell });
        }
    };
    let none = Need::default;
    if let Accelerators::Some(a) = &need.accelerators {
        let only = |a| Need { accelerators: Accelerators::Some(a), ..Need::default() };
        let a = a.clone();
        if !a.kinds.is_empty() {
            let kind = only(crate::AcceleratorNeed { kinds: a.kinds.clone(), ..Default::default() });
            // Instead of one GPU another: a TPU is not what was meant.
            part(
                kind,
                |n| accelerator(n, |a| (a.class, a.kinds) = (a.class.or(class_of(&a.kinds)), Vec::new())),
                kinds,
            );
        }
        if !a.count.is_open() {
            let count = only(crate::AcceleratorNeed { memory_gib: None, ..a.clone() });
            part(count, |n| accelerator(n, |a| a.count = Span::default()), counts);
        }
        if a.memory_gib.is_some() {
            let memory = only(crate::AcceleratorNeed { kinds: Vec::new(), count: Span::default(), ..a.clone() });
            part(memory, |n| accelerator(n, |a| a.memory_gib = None), accelerator_memory);
        }
        if a.class.is_some_and(|c| c != Class::Gpu) {
            part(only(a), |n| accelerator(n, |a| a.class = None), kinds);
        }
    }
    part(Need { vcpus: need.vcpus, ..none() }, |n| n.vcpus = Span::default(), vcpus);
    part(Need { memory_gib: need.memory_gib, ..none() }, |n| n.memory_gib = Span::default(), memory);
    part(Need { arch: need.arch, ..none() }, |n| n.arch = None, |_| String::new());
    part(
        Need { clouds: need.clouds.clone(), ..none() },
        |n| n.clouds.clear(),
        |o| listed(o, |o| o.slot.cloud.to_string()),
    );
    part(
        Need { services: need.services.clone(), ..none() },
        |n| n.services.clear(),
        |o| listed(o, |o| o.slot.service.to_string()),
    );
    part(
        Need { components: need.components.clone(), ..none() },
        |n| n.components.clear(),
        |o| listed(o, |o| o.slot.component.as_deref().unwrap_or("no component named").to_owned()),
    );
    part(
        Need { regions: need.regions.clone(), ..none() },
        |n| n.regions.clear(),
        |o| listed(o, |o| o.slot.region.to_string()),
    );
    part(
        Need { machines: need.machines.clone(), ..none() },
        |n| n.machines.clear(),
        |o| listed(o, |o| o.spec.machine.to_string()),
    );
    part(Need { spot: need.spot, ..none() }, |n| n.spot = None, |o| listed(o, |o| o.slot.buy.word().to_owned()));
    part(Need { max_usd_per_hour: need.max_usd_per_hour, ..none() }, |n| n.max_usd_per_hour = None, cheapest);
    all
}

fn accelerator(need: &mut Need, change: impl FnOnce(&mut crate::AcceleratorNeed)) {
    if let Accelerators::Some(a) = &mut need.accelerators {
        change(a);
    }
}

/// The first few different values, cheapest first.
fn listed(offers: &[Offer<'_>], of: impl Fn(&Offer<'_>) -> String) -> String {
    let mut seen = BTreeSet::new();
    let mut values: Vec<String> = offers.iter().map(of).filter(|v| seen.insert(v.clone())).collect();
    let more = values.len().saturating_sub(3);
    values.truncate(3);
    let list = values.join(", ");
    if more > 0 { format!("{list} and {more} more") } else { list }
}
fn kinds(offers: &[Offer<'_>]) -> String {
    listed(offers, |o| o.spec.accelerator.as_ref().map_or("none".to_owned(), |a| a.kind.to_string()))
}
fn counts(offers: &[Offer<'_>]) -> String {
    let all: BTreeSet<String> = offers
        .iter()
        .filter_map(|o| o.spec.accelerator.as_ref())
        .map(|a| format!("{:>5}", a.count.normalize()))
        .collect();
    format!("there are machines with {}", all.iter().map(|s| s.trim()).collect::<Vec<_>>().join(", "))
}
fn accelerator_memory(offers: &[Offer<'_>]) -> String {
    let most = offers.iter().filter_map(|o| o.spec.accelerator.as_ref()?.memory_gib).max();
    most.map(|gib| format!("the most is {} GiB each", gib.normalize())).unwrap_or_default()
}
fn vcpus(offers: &[Offer<'_>]) -> String {
    let known = || offers.iter().filter_map(|o| o.spec.vcpus);
    known().min().zip(known().max()).map(|(a, b)| format!("there are {a} to {b} vCPU")).unwrap_or_default()
}
fn memory(offers: &[Offer<'_>]) -> String {
    let known = || offers.iter().filter_map(|o| o.spec.memory_gib);
    let ends = known().min().zip(known().max());
    ends.map(|(a, b)| format!("there are {} to {} GiB", a.normalize(), b.normalize())).unwrap_or_default()
}
fn cheapest(offers: &[Offer<'_>]) -> String {
    match offers.first().and_then(|o| o.rate) {
        Some(rate) => format!("the cheapest is {rate} USD an hour"),
        None => "their prices are not known".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use crate::need::Vocabulary;

    #[test]
    fn what_is_near() {
        let catalog = crate::snapshot::embedded();
        let words = Vocabulary::new(&catalog);
        let check = |text: &str, expect: &[&str]| {
            let reading = words.read(text);
            let need = reading.need().unwrap();
            let near: Vec<String> =
                catalog.nearest(need).iter().map(|n| format!("{} → {}", n.instead_of, n.there_is)).collect();
            assert_eq!(near, expect, "{text}");
        };
        check("gpu", &[]);
        check(
            "h100 under $1 an hour",
            &["at most $1 an hour → the cheapest is 3.238754 USD an hour", "1 H100 or more → P4, T4, P100 and 5 more"],
        );
        check("4096 vcpu", &["4096 vCPU or more → there are 1 to 384 vCPU"]);
        check("t4 in us-east-1 with 80 gib each", &[]);
    }
}
