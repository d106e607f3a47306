//! Google's Cloud Billing Catalog: SKU pages of Compute Engine, put together to whole machines.
//!
//! Google sells cores, memory, accelerators and bundled local disk as SKUs of their own; nobody rents them apart, so a
//! machine is priced as their sum, on demand and spot, in every region that all of its parts are sold in. What a SKU is
//! for stands in its description only; the descriptions understood here are listed in [`part_of`].

use super::{Feed, FeedError, Report, date_of, feed};
use crate::builder::{Builder, NewOffer};
use crate::offers::Catalog;
use crate::spec::{Buy, Slot, Spec, family};
use crate::{Rate, Usd};
use jiff::civil::Date;
use rust_decimal::Decimal;
use rustc_hash::FxHashMap;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;
use std::io::Read;

const EXPECTED: &str = "page of SKUs";

/// What a page says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SkusPage {
    /// The token of the next page; empty: this was the last.
    pub next_page_token: String,
    /// SKUs on it.
    pub seen: usize,
}

/// A part of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Part {
    /// A vCPU of a family.
    Core(String),
    /// A GiB of a family.
    Memory(String),
    /// An accelerator, by the catalogue's kind.
    Accelerator(&'static str),
    /// A GiB-month of local SSD.
    LocalSsd,
    /// A whole machine of a shared core.
    Whole(&'static str),
}

/// SKUs as pages bring them; [`Skus::price`] makes machines of them.
#[derive(Debug, Default)]
pub struct Skus {
    /// Dollars an hour (local SSD: a month) by part, region and spot, with the date from which it counts.
    rates: FxHashMap<(Part, String, bool), (Usd, Option<Date>)>,
    seen: usize,
    notes: Vec<(String, String)>,
}

impl Skus {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }
    /// Reads one page (`services/6F81-5844-456A/skus`) as a stream.
    pub fn page(&mut self, from: impl Read) -> Result<SkusPage, FeedError> {
        let mut page = SkusPage::default();
        let mut json = serde_json::Deserializer::from_reader(std::io::BufReader::with_capacity(1 << 16, from));
        let seed = Page { skus: self, page: &mut page };
        let read = seed.deserialize(&mut json).and_then(|()| json.end());
        read.map_err(|e| FeedError::json(&e, EXPECTED, self.seen, "SKUs"))?;
        Ok(page)
    }
    /// Prices every Compute Engine machine that `known` lists, in every region where all of its parts are known.
    pub fn price(&self, known: &Catalog) -> Feed {
        let mut builder = Builder::new();
        for (about, says) in &self.notes {
            builder.note(about, says);
        }
        let mut regions: Vec<&str> = self.rates.keys().map(|(_, region, _)| region.as_str()).collect();
        regions.sort_unstable();
        regions.dedup();
        let google = known.specs().iter().filter(|s| &*s.cloud == "gcp" && !s.machine.contains(':'));
        let mut published = None;
        for spec in google.filter(|s| !s.machine.starts_with("tpu")) {
            for region in &regions {
                for (buy, spot) in [(Buy::OnDemand, false), (Buy::Spot, true)] {
                    let Some((usd, as_of)) = self.sum(spec, region, spot) else { continue };
                    published = published.max(as_of);
                    let slot = Slot {
                        cloud: "gcp".into(),
                        service: "gce".into(),
                        component: None,
                        region: (*region).into(),
                        zone: None,
                        buy,
                    };
                    builder.spec(spec.clone());
                    let rate = Rate::from_usd(usd);
                    let source = "Cloud Billing Catalog: sum of SKUs";
                    builder.offer(&NewOffer { slot, machine: &spec.machine, rate, as_of, source });
                }
            }
        }
        let Feed { catalog, report } = feed(builder, "Compute Engine", published, self.seen);
        Feed { catalog, report: Report { seen: self.seen, ..report } }
    }
    /// The sum of a machine's parts, and the newest date among them; `None` where one is not sold or not known.
    fn sum(&self, spec: &Spec, region: &str, spot: bool) -> Option<(Usd, Option<Date>)> {
        let mut sum = (Usd::ZERO, None);
        let mut add = |part: Part, amount: Decimal, per: i128| {
            let (usd, as_of) = self.rates.get(&(part, region.to_owned(), spot))?;
            let scale = 10_i128.pow(amount.scale());
            sum.0 = sum.0 + usd.times(amount.mantissa(), scale.checked_mul(per)?)?;
            sum.1 = sum.1.max(*as_of);
            Some(())
        };
        let name = host(&spec.machine);
        if let Some(whole) = WHOLE.iter().find(|w| **w == name) {
            add(Part::Whole(whole), Decimal::ONE, 1)?;
        } else {
            let of = family(name).to_owned();
            // Shared-core machines show two vCPUs and are billed for a part of one.
            let cores = match name {
                "e2-micro" => Decimal::new(25, 2),
                "e2-small" => Decimal::new(5, 1),
                "e2-medium" => Decimal::ONE,
                _ => Decimal::from(spec.vcpus?),
            };
            add(Part::Core(of.clone()), cores, 1)?;
            add(Part::Memory(of), spec.memory_gib?, 1)?;
        }
        if let Some(a) = &spec.accelerator {
            let kind = KINDS.iter().find(|(_, kind)| *kind == &*a.kind)?.1;
            add(Part::Accelerator(kind), a.count, 1)?;
        }
        if let Some(gib) = bundled_ssd(name, spec) {
            // Billed by the month of 730 hours.
            add(Part::LocalSsd, gib, 730)?;
        }
        Some(sum)
    }
    fn take(&mut self, sku: &Sku) {
        let usage = sku.category.usage_type.as_str();
        let spot = match usage {
            "OnDemand" => false,
            "Preemptible" | "Spot" => true,
            _ => return,
        };
        let Some(part) = part_of(&sku.description) else { return };
        let Some(info) = sku.pricing_info.last() else { return };
        let about = format!("{} ({})", curfew_core::say::clean(&sku.description, 80), sku.id);
        let unit = info.pricing_expression.usage_unit.as_str();
        let wanted: &[&str] = match part {
            Part::Memory(_) => &["GiBy.h"],
            Part::LocalSsd => &["GiBy.mo"],
            _ => &["h"],
        };
        if !wanted.contains(&unit) {
            let says =
                format!("is priced per “{}”, not per {}; kept out", curfew_core::say::clean(unit, 20), wanted[0]);
            return self.notes.push((about, says));
        }
        let tiers = &info.pricing_expression.tiered_rates;
        let Some(tier) = tiers.iter().find(|t| t.start_usage_amount == 0.0) else { return };
        let price = &tier.unit_price;
        if price.currency_code != "USD" {
            let currency = curfew_core::say::clean(&price.currency_code, 12);
            return self.notes.push((about, format!("is priced in “{currency}”, not in US dollars; kept out")));
        }
        let Some(usd) = price.exact() else {
            return self.notes.push((about, "has a price that is not a number; kept out".to_owned()));
        };
        if usd <= Usd::ZERO {
            return self
                .notes
                .push((about, "has a price of 0 or less, which no part of a machine has; kept out".to_owned()));
        }
        let as_of = date_of(&info.effective_time);
        for region in &sku.service_regions {
            let slot = self.rates.entry((part.clone(), region.clone(), spot)).or_insert((usd, as_of));
            // The catalogue lists some parts twice (with and without a discount scheme): the list price is the higher.
            if usd > slot.0 {
                *slot = (usd, as_of);
            }
        }
    }
}

/// The host of a name that carries its accelerators: `n1-standard-8+nvidia-tesla-t4x1`.
fn host(machine: &str) -> &str {
    machine.split('+').next().unwrap_or(machine)
}

/// Machines sold whole.
const WHOLE: [&str; 2] = ["f1-micro", "g1-small"];

/// How descriptions name accelerators, and the catalogue's kinds. Longer names come first.
const KINDS: [(&str, &str); 14] = [
    ("nvidia tesla a100 80gb", "A100-80GB"),
    ("nvidia tesla a100", "A100-40GB"),
    ("nvidia h100 80gb", "H100"),
    ("nvidia h200 141gb", "H200"),
    ("nvidia h200", "H200"),
    ("nvidia b200", "B200"),
    ("nvidia rtx pro 6000", "RTX PRO 6000"),
    ("nvidia rtx 6000 96gb", "RTX PRO 6000"),
    ("nvidia tesla t4", "T4"),
    ("nvidia tesla p4", "P4"),
    ("nvidia tesla p100", "P100"),
    ("nvidia tesla v100", "V100"),
    ("nvidia tesla k80", "K80"),
    ("nvidia l4", "L4"),
];

/// Local SSD that comes with a machine and is billed beside it, in GiB: 375 for each GPU of A2 Ultra, 750 for each of
/// A3 (Compute Engine, "Accelerator-optimized machine family").
fn bundled_ssd(name: &str, spec: &Spec) -> Option<Decimal> {
    let gpus = spec.accelerator.as_ref()?.count;
    if name.starts_with("a2-ultragpu") {
        Some(gpus * Decimal::from(375))
    } else if name.starts_with("a3-highgpu") || name.starts_with("a3-megagpu") {
        Some(gpus * Decimal::from(750))
    } else {
        None
    }
}

/// What a SKU is for, by its description; `None`: not a part of a machine that anybody can rent by the hour.
fn part_of(description: &str) -> Option<Part> {
    let lower = description.to_lowercase();
    if lower.starts_with("ssd backed local storage") {
        return Some(Part::LocalSsd);
    }
    let (what, _) = lower.split_once(" running in ")?;
    let what = what.strip_prefix("spot ").unwrap_or(what);
    let what = what.strip_prefix("preemptible ").unwrap_or(what);
    let what = what.split(" attached to ").next().unwrap_or(what).trim();
    let not_ours = [
        "custom",
        "sole tenancy",
        "reserved",
        "reservation",
        "commitment",
        "premium",
        "upgrade",
        "dws",
        "licens",
        "extended",
        "calendar",
        "plus",
    ];
    if not_ours.iter().any(|word| what.contains(word)) {
        return None;
    }
    if let Some(accelerator) = what.strip_suffix(" gpu") {
        let (_, kind) = KINDS.iter().find(|(name, _)| *name == accelerator)?;
        return Some(Part::Accelerator(kind));
    }
    match what {
        "micro instance with burstable cpu" => return Some(Part::Whole("f1-micro")),
        "small instance with 1 vcpu" => return Some(Part::Whole("g1-small")),
        _ => {}
    }
    let (what, core) = match (what.strip_suffix(" core"), what.strip_suffix(" ram")) {
        (Some(what), _) => (what, true),
        (_, Some(what)) => (what, false),
        _ => return None,
    };
    let family = match what {
        "compute optimized" | "compute optimized instance" => "c2".to_owned(),
        "memory-optimized instance" | "memory optimized instance" => "m1".to_owned(),
        _ => {
            let family = what.strip_suffix(" instance")?;
            let family = [" predefined", " amd", " arm"].iter().fold(family, |f, s| f.strip_suffix(s).unwrap_or(f));
            let plain = family.len() <= 4 && family.chars().all(|c| c.is_ascii_alphanumeric());
            if !plain {
                return None;
            }
            family.to_owned()
        }
    };
    Some(if core { Part::Core(family) } else { Part::Memory(family) })
}

struct Page<'s> {
    skus: &'s mut Skus,
    page: &'s mut SkusPage,
}
impl<'de> DeserializeSeed<'de> for Page<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_map(self)
    }
}
impl<'de> Visitor<'de> for Page<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with skus")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut found = false;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "skus" => {
                    found = true;
                    map.next_value_seed(List { skus: self.skus, page: self.page })?;
                }
                "nextPageToken" => self.page.next_page_token = map.next_value()?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if found { Ok(()) } else { Err(serde::de::Error::custom("it has no skus")) }
    }
}

struct List<'s> {
    skus: &'s mut Skus,
    page: &'s mut SkusPage,
}
impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_seq(self)
    }
}
impl<'de> Visitor<'de> for List<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of SKUs")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(sku) = list.next_element::<Sku>()? {
            self.skus.seen += 1;
            self.page.seen += 1;
            self.skus.take(&sku);
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sku {
    #[serde(default)]
    #[serde(rename = "skuId")]
    id: String,
    description: String,
    category: Category,
    #[serde(default)]
    service_regions: Vec<String>,
    #[serde(default)]
    pricing_info: Vec<PricingInfo>,
}
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Category {
    #[serde(default)]
    usage_type: String,
}
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PricingInfo {
    #[serde(default)]
    effective_time: String,
    pricing_expression: Expression,
}
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Expression {
    #[serde(default)]
    usage_unit: String,
    #[serde(default)]
    tiered_rates: Vec<Tier>,
}
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tier {
    #[serde(default)]
    start_usage_amount: f64,
    unit_price: UnitPrice,
}
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UnitPrice {
    #[serde(default)]
    currency_code: String,
    /// int64 as a text, as Google's JSON has it; left out where 0.
    #[serde(default)]
    units: String,
    #[serde(default)]
    nanos: i64,
}

impl UnitPrice {
    fn exact(&self) -> Option<Usd> {
        let whole: i128 = if self.units.is_empty() { 0 } else { self.units.parse().ok()? };
        let nanos = whole.checked_mul(1_000_000_000)?.checked_add(self.nanos.into())?;
        Some(Usd::from_pico(nanos.checked_mul(1000)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions() {
        let check = |text: &str, expect: Option<Part>| assert_eq!(part_of(text), expect, "{text}");
        let (core, memory) = (|f: &str| Some(Part::Core(f.into())), |f: &str| Some(Part::Memory(f.into())));
        check("N1 Predefined Instance Core running in Americas", core("n1"));
        check("Spot Preemptible N1 Predefined Instance Ram running in Americas", memory("n1"));
        check("N2D AMD Instance Core running in Belgium", core("n2d"));
        check("C4A Arm Instance Ram running in Iowa", memory("c4a"));
        check("Compute optimized Core running in Americas", core("c2"));
        check("Memory-optimized Instance Ram running in Americas", memory("m1"));
        check("N2 Custom Instance Core running in Americas", None);
        check("N1 Predefined Sole Tenancy Instance Core running in Americas", None);
        check("Nvidia Tesla T4 GPU running in Americas", Some(Part::Accelerator("T4")));
        check(
            "Nvidia Tesla A100 80GB GPU attached to Spot Preemptible VMs running in Americas",
            Some(Part::Accelerator("A100-80GB")),
        );
        check("Nvidia H100 80GB Plus GPU running in Americas", None);
        check("SSD backed Local Storage running in Americas", Some(Part::LocalSsd));
        check("Micro Instance with burstable CPU running in Americas", Some(Part::Whole("f1-micro")));
        check("Network Internet Egress from Americas to China", None);
        check("Licensing Fee for RHEL running in Americas", None);
    }
}
