//! How many offers that fit a need have which value: what facets show.

use crate::amount::Rate;
use crate::need::Need;
use crate::offers::{Catalog, UNKNOWN};
use crate::plan::Assumptions;
use crate::spec::{Slot, Spec};
use std::collections::BTreeMap;

/// A dimension to count by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// `aws`, `gcp`, `local`.
    Cloud,
    /// `ec2`, `sagemaker` …
    Service,
    /// `on-demand`, `spot`.
    Bought,
    /// Kind; `none`.
    Accelerator,
    /// Region.
    Region,
}

impl By {
    fn of<'a>(self, spec: &'a Spec, slot: &'a Slot) -> &'a str {
        match self {
            Self::Cloud => &slot.cloud,
            Self::Service => &slot.service,
            Self::Bought if slot.buy.is_spot() => "spot",
            Self::Bought => "on-demand",
            Self::Accelerator => spec.accelerator.as_ref().map_or("none", |a| &*a.kind),
            Self::Region => &slot.region,
        }
    }
    /// Is it the same for all offers of a type?
    const fn is_of_the_type(self) -> bool {
        matches!(self, Self::Accelerator)
    }
}

impl Catalog {
    /// Counts the offers that fit a need by one dimension.
    pub fn counts(&self, need: &Need, assume: &Assumptions, by: By) -> BTreeMap<&str, usize> {
        let places: Vec<bool> = self.slots.iter().map(|s| need.fits_slot(s)).collect();
        let cap = need.max_usd_per_hour.map(crate::Usd::pico);
        let mut of_slots = vec![0_usize; self.slots.len()];
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for (i, spec) in self.specs.iter().enumerate() {
            if !need.fits_spec(spec) {
                continue;
            }
            let mut of_type = 0;
            let saving = assume.saving_on(spec).map(|(saving, _)| saving);
            for (row, slot) in self.rows_of(i) {
                let within = || {
                    cap.is_none_or(|cap| {
                        let listed = self.price[row as usize];
                        let ceiling = || {
                            let ceiling = Rate::from_pico(*self.ceilings.get(&row)?);
                            saving.map_or(Some(ceiling), |s| s.off(ceiling)).map(Rate::pico)
                        };
                        let known = if listed == UNKNOWN { ceiling() } else { Some(listed) };
                        known.is_some_and(|price| i128::from(price) <= cap)
                    })
                };
                if places[usize::from(slot)] && within() {
                    of_slots[usize::from(slot)] += 1;
                    of_type += 1;
                }
            }
            if by.is_of_the_type() && of_type > 0 {
                let slot = &self.slots[usize::from(self.slots_of(i)[0])];
                *counts.entry(by.of(spec, slot)).or_default() += of_type;
            }
        }
        if let (false, Some(spec)) = (by.is_of_the_type(), self.specs.first()) {
            for (slot, count) in self.slots.iter().zip(of_slots).filter(|(_, count)| *count > 0) {
                *counts.entry(by.of(spec, slot)).or_default() += count;
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::need::Vocabulary;
    use crate::past::{Saving, SpotSeen};
    use crate::{Limits, Question, Rates, Work};

    #[test]
    fn counts_are_what_the_list_has() {
        let catalog = crate::snapshot::embedded();
        let words = Vocabulary::new(&catalog);
        let (limits, work) = (Limits::none(&catalog), Work::default());
        // Managed spot at half its ceiling on one family, so that a ceiling on the price counts what is paid.
        let saving = Some(Saving { fraction: "0.5".parse().unwrap(), runs: 3 });
        let seen = SpotSeen { cloud: "aws".into(), name: "ml.g5".into(), saving, interruptions: None };
        let assume = Assumptions { spot: vec![seen], ..Assumptions::default() };
        for text in
            ["", "1 gpu", "spot in europe", "under $1 an hour", "sagemaker training spot under $2 an hour", "4096 vcpu"]
        {
            let need = words.read(text).need;
            let question = Question {
                need: &need,
                work: &work,
                limits: &limits,
                rates: Rates::embedded(),
                assume: &assume,
                time_left_ms: None,
                hourly_value: None,
                budget: None,
                order: crate::Order::Best,
                descending: false,
                barred: crate::Barred::InPlace,
                take: 0,
            };
            let fitting = catalog.pick(&question).fitting;
            for by in [By::Cloud, By::Service, By::Bought, By::Accelerator, By::Region] {
                assert_eq!(catalog.counts(&need, &assume, by).values().sum::<usize>(), fitting, "{text} {by:?}");
            }
        }
    }
}
