//! Needs that cannot be met because two of their parts exclude each other: which two, in the user's own words.

use super::grammar::class_of;
use super::vocabulary::Vocabulary;
use super::{Accelerators, Need, Span};
use serde::Serialize;
use std::fmt;

/// Two parts of a need that exclude each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Clash {
    /// One.
    pub one: String,
    /// The other.
    pub other: String,
    /// Why; may be empty where it is plain.
    pub why: String,
}

impl fmt::Display for Clash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "“{}” and “{}” exclude each other", self.one, self.other)?;
        if self.why.is_empty() { Ok(()) } else { write!(f, ": {}", self.why) }
    }
}

/// The parts of a need, as clauses set them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Accelerators,
    Vcpus,
    Memory,
    Arch,
    Cloud,
    Service,
    Component,
    Region,
    Machine,
    Spot,
    PricePerHour,
    Total,
    ReadyBy,
    Hours,
    Data,
    Disk,
}

impl Need {
    /// Parts that exclude each other, for a need from a form.
    pub fn clashes(&self, words: &Vocabulary) -> Vec<Clash> {
        find(self, words, |_| None)
    }
}

/// Finds them; `typed` is what the user wrote for a part, where it was typed.
pub(super) fn find(need: &Need, words: &Vocabulary, typed: impl Fn(Field) -> Option<String>) -> Vec<Clash> {
    let mut found = Vec::new();
    let mut clash = |(a, a_says): (Field, String), (b, b_says): (Field, String), why: String| {
        let (one, other) = (typed(a).unwrap_or(a_says), typed(b).unwrap_or(b_says));
        found.push(Clash { one, other, why });
    };
    let join = |list: &[String]| list.join(" or ");
    // Every region (service) asked for is one of a cloud that is not asked for.
    let foreign = |list: &[String], cloud_of: &dyn Fn(&str) -> Option<String>| {
        let clouds: Vec<Option<String>> = list.iter().map(|x| cloud_of(x)).collect();
        let outside = |c: &Option<String>| c.as_ref().is_some_and(|c| !need.clouds.contains(c));
        (!need.clouds.is_empty() && !list.is_empty() && clouds.iter().all(outside))
            .then(|| (list[0].clone(), clouds[0].clone().unwrap_or_default()))
    };
    let of_region = |r: &str| words.clouds_of_region.get(r).cloned();
    let of_service = |s: &str| words.clouds_of_service.get(s).cloned();
    let clouds = || (Field::Cloud, join(&need.clouds));
    if let Some((region, cloud)) = foreign(&need.regions, &of_region) {
        let why = format!("{region} is a region of {cloud}");
        clash(clouds(), (Field::Region, join(&need.regions)), why);
    }
    if let Some((service, cloud)) = foreign(&need.services, &of_service) {
        let why = format!("{service} is a service of {cloud}");
        clash(clouds(), (Field::Service, join(&need.services)), why);
    }
    let mut pairs = need.services.iter().flat_map(|s| need.regions.iter().map(move |r| (s, r)));
    let apart = |(s, r): (&String, &String)| matches!((of_service(s), of_region(r)), (Some(a), Some(b)) if a != b);
    if need.clouds.is_empty() && !need.services.is_empty() && !need.regions.is_empty() && pairs.all(apart) {
        let why = format!("{} is a region of {}", need.regions[0], of_region(&need.regions[0]).unwrap_or_default());
        clash((Field::Service, join(&need.services)), (Field::Region, join(&need.regions)), why);
    }
    let has = |s: &String, c: &String| words.components.contains(&(s.clone(), c.clone()));
    let none_has = need.services.iter().all(|s| need.components.iter().all(|c| !has(s, c)));
    if !need.services.is_empty() && !need.components.is_empty() && none_has {
        let why = format!("{} has no offers for {}", need.services[0], need.components[0]);
        clash((Field::Service, join(&need.services)), (Field::Component, join(&need.components)), why);
    }
    if let Accelerators::Some(a) = &need.accelerators {
        let of_kinds = class_of(&a.kinds);
        if let (Some(class), Some(of_kinds)) = (a.class, of_kinds)
            && class != of_kinds
        {
            let says = format!("{class:?}").to_uppercase();
            let why = format!("{} is no {says}", a.kinds[0]);
            clash((Field::Accelerators, says), (Field::Accelerators, join(&a.kinds)), why);
        }
        empty(&a.count, |min, max| {
            clash(
                (Field::Accelerators, format!("at least {min}")),
                (Field::Accelerators, format!("at most {max}")),
                String::new(),
            );
        });
    }
    empty(&need.vcpus, |min, max| {
        clash(
            (Field::Vcpus, format!("at least {min} vCPU")),
            (Field::Vcpus, format!("at most {max} vCPU")),
            String::new(),
        );
    });
    empty(&need.memory_gib, |min, max| {
        clash(
            (Field::Memory, format!("at least {min} GiB")),
            (Field::Memory, format!("at most {max} GiB")),
            String::new(),
        );
    });
    found
}

fn empty<T: PartialOrd + Copy + fmt::Display>(span: &Span<T>, says: impl FnOnce(T, T)) {
    if let (Some(min), Some(max)) = (span.min, span.max)
        && min > max
    {
        says(min, max);
    }
}
