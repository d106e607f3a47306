//! Will it start? Quotas, team policy and what a region offers, made ready for a catalogue: one look-up per row.

mod quota;

pub use quota::{QuotaAsk, QuotaLevel, QuotaOrigin, new_account_levels, quota_of};

use crate::amount::{Rate, Usd};
use crate::offers::{Catalog, Offer};
use curfew_core::curfew::CurfewSpec;
use curfew_core::policy::Policy;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use rustc_hash::{FxHashMap, FxHashSet};

/// Why a row is barred, as bits.
pub(crate) mod bar {
    pub(crate) const DEADLINE: u16 = 1;
    pub(crate) const CAP: u16 = 1 << 1;
    pub(crate) const BUDGET: u16 = 1 << 2;
    pub(crate) const QUOTA: u16 = 1 << 3;
    pub(crate) const PRICE: u16 = 1 << 4;
    pub(crate) const FAMILY: u16 = 1 << 5;
    pub(crate) const REGION: u16 = 1 << 6;
    pub(crate) const SPOT: u16 = 1 << 7;
    pub(crate) const CURFEW: u16 = 1 << 8;
    pub(crate) const NOT_OFFERED: u16 = 1 << 9;
    pub(crate) const COMMITMENT: u16 = 1 << 10;
}

/// What limits the choice, as the caller knows it.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// The team's policy.
    pub policy: Policy,
    /// Quotas: applied values of connected accounts, and new-account defaults ([`new_account_levels`]).
    pub quotas: Vec<QuotaLevel>,
    /// Is a new account's default of 0 a bar where the account's own value is not known? Otherwise it is a caution.
    pub defaults_bar: bool,
    /// Machine types that a service offers in a region, where that was asked: (cloud, service, region) → names.
    pub offered: FxHashMap<(String, String, String), FxHashSet<String>>,
    /// Spot placement scores, 1 to 10: (machine, region).
    pub placement: FxHashMap<(String, String), u8>,
}

/// [`Rules`] made ready for one catalogue. Make it again when either changes, not at each question.
#[derive(Debug, Default)]
pub struct Limits {
    pub(crate) rules: Rules,
    /// Bars by machine type.
    pub(crate) spec_bars: Vec<u16>,
    /// Bars by slot.
    pub(crate) slot_bars: Vec<u16>,
    /// Which row of `left` a type looks at; `u16::MAX`: no quota is known.
    pub(crate) group: Vec<u16>,
    /// How much of its quota one machine of a type takes.
    pub(crate) units: Vec<f32>,
    /// Group by group, for each slot what is left; infinite where nothing bars.
    pub(crate) left: Vec<f32>,
    /// Types that a region is known not to offer: (type, slot).
    pub(crate) missing: FxHashSet<(u32, u16)>,
    pub(crate) longest_ms: i64,
    /// The policy's price ceiling, and the price above which it asks for spot.
    pub(crate) price_cap: Option<Rate>,
    pub(crate) spot_above: Option<Rate>,
    slots: usize,
}

impl Limits {
    /// Makes rules ready for `catalog`.
    pub fn new(catalog: &Catalog, rules: Rules) -> Self {
        let policy = &rules.policy;
        let rate = |d: Option<Decimal>| d.and_then(Usd::from_decimal).and_then(Rate::from_usd);
        let local = |cloud: &str| cloud == "local";
        let allowed = |list: &[String], name: &str| list.is_empty() || list.iter().any(|x| x == name);
        let spec_bars = catalog.specs.iter().map(|s| {
            let barred = !local(&s.cloud) && !allowed(&policy.families, s.family());
            if barred { bar::FAMILY } else { 0 }
        });
        let slot_bars = catalog.slots.iter().map(|s| {
            let region = !local(&s.cloud) && !allowed(&policy.regions, &s.region);
            (if region { bar::REGION } else { 0 }) | (if s.buy.is_commitment() { bar::COMMITMENT } else { 0 })
        });
        let longest_ms = match policy.longest_curfew {
            CurfewSpec::For(time) => i64::try_from(time.as_millis()).unwrap_or(i64::MAX),
            _ => i64::MAX,
        };
        let mut limits = Self {
            spec_bars: spec_bars.collect(),
            slot_bars: slot_bars.collect(),
            group: vec![u16::MAX; catalog.specs.len()],
            units: vec![0.0; catalog.specs.len()],
            left: Vec::new(),
            missing: FxHashSet::default(),
            longest_ms,
            price_cap: rate(policy.max_usd_per_hour),
            spot_above: rate(policy.spot_above_usd_per_hour),
            slots: catalog.slots.len(),
            rules,
        };
        limits.find_quotas(catalog);
        limits.find_missing(catalog);
        limits
    }
    /// No rules at all.
    pub fn none(catalog: &Catalog) -> Self {
        Self::new(catalog, Rules::default())
    }
    /// The rules it was made of.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }
    fn find_quotas(&mut self, catalog: &Catalog) {
        let index = quota::Index::new(&self.rules.quotas);
        let mut groups: FxHashMap<String, u16> = FxHashMap::default();
        for (i, spec) in catalog.specs.iter().enumerate() {
            let Some((name, units)) = quota::group_of(spec) else { continue };
            if !index.knows(&name) {
                continue;
            }
            self.units[i] = units.to_f32().unwrap_or(f32::INFINITY);
            let next = u16::try_from(groups.len()).unwrap_or(u16::MAX);
            let group = *groups.entry(name.clone()).or_insert(next);
            self.group[i] = group;
            if group == next && group != u16::MAX {
                let defaults_bar = self.rules.defaults_bar;
                self.left.extend(catalog.slots.iter().map(|slot| {
                    let level = index.level(&name, slot).filter(|l| defaults_bar || l.origin == QuotaOrigin::Applied);
                    level.and_then(QuotaLevel::left).and_then(|d| d.to_f32()).unwrap_or(f32::INFINITY)
                }));
            }
        }
    }
    fn find_missing(&mut self, catalog: &Catalog) {
        if self.rules.offered.is_empty() {
            return;
        }
        let lists: Vec<Option<&FxHashSet<String>>> = catalog
            .slots
            .iter()
            .map(|s| self.rules.offered.get(&(s.cloud.to_string(), s.service.to_string(), s.region.to_string())))
            .collect();
        for (spec, s) in catalog.specs.iter().enumerate() {
            let name = &*s.machine;
            for &slot in catalog.slots_of(spec) {
                if lists[usize::from(slot)].is_some_and(|list| !list.contains(name)) {
                    self.missing.insert((u32::try_from(spec).unwrap_or(u32::MAX), slot));
                }
            }
        }
    }
    /// What is left of a type's quota at each slot; `None`: nothing known that could bar.
    pub(crate) fn left_of(&self, spec: usize) -> Option<(&[f32], f32)> {
        let group = usize::from(*self.group.get(spec)?);
        let at = group.checked_mul(self.slots)?;
        Some((self.left.get(at..at + self.slots)?, self.units[spec]))
    }
    /// The quota that an offer counts against, with what is known of it.
    pub fn quota(&self, offer: &Offer<'_>) -> Option<QuotaAsk> {
        quota_of(offer, &self.rules.quotas)
    }
    /// The spot placement score of an offer, 1 (unlikely to start) to 10, where it was asked.
    pub fn placement(&self, offer: &Offer<'_>) -> Option<u8> {
        let key = (offer.spec.machine.to_string(), offer.slot.region.to_string());
        self.rules.placement.get(&key).copied().filter(|_| offer.slot.buy.is_spot())
    }
}
