//! A product of the AWS Price List, from JSON or CSV: is it a machine we offer, and which?

use crate::builder::{Builder, NewOffer};
use crate::facts::{component_of_usage, component_word};
use crate::offers::Catalog;
use crate::spec::{Accelerator, Arch, Buy, Slot, Spec, family};
use crate::{Rate, Usd};
use jiff::civil::Date;
use rust_decimal::Decimal;

/// The attributes that are looked at. Names differ in spelling between JSON ("preInstalledSw") and CSV ("Pre Installed
/// S/W"), so they are compared by letters and digits alone.
const NAMES: [&str; 20] = [
    "productfamily",
    "instancetype",
    "instancename",
    "component",
    "regioncode",
    "locationtype",
    "operatingsystem",
    "tenancy",
    "preinstalledsw",
    "capacitystatus",
    "licensemodel",
    "marketoption",
    "usagetype",
    "vcpu",
    "memory",
    "storage",
    "networkperformance",
    "gpu",
    "physicalgpu",
    "physicalprocessor",
];

/// The values of [`NAMES`]; blank: not said.
#[derive(Debug, Default)]
pub(super) struct Product([String; NAMES.len()]);

/// Letters and digits of a name, small.
pub(super) fn plain(name: &str, into: &mut String) {
    into.clear();
    into.extend(name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()));
}

impl Product {
    pub(super) fn clear(&mut self) {
        self.0.iter_mut().for_each(String::clear);
    }
    /// Where the value of an attribute (by its plain name) goes; `None`: it is not looked at.
    pub(super) fn field(&mut self, plain: &str) -> Option<&mut String> {
        let at = NAMES.iter().position(|n| *n == plain)?;
        Some(&mut self.0[at])
    }
    fn get(&self, plain: &'static str) -> &str {
        NAMES.iter().position(|n| *n == plain).map_or("", |at| &self.0[at])
    }
    /// The machine it is an hour of, where it is one that we offer: a Linux machine of EC2 that is shared and used
    /// (not a reservation, not a licence), or a machine of SageMaker.
    pub(super) fn machine(&self, known: &Catalog) -> Option<Machine> {
        let is = |value: &str, wanted: &str| value.is_empty() || value.eq_ignore_ascii_case(wanted);
        if !is(self.get("locationtype"), "AWS Region") || self.get("regioncode").is_empty() {
            return None;
        }
        let (service, name, component): (_, &str, _) = match self.get("productfamily") {
            "Compute Instance" | "Compute Instance (bare metal)" => {
                let ours = self.get("operatingsystem") == "Linux"
                    && self.get("tenancy") == "Shared"
                    && is(self.get("preinstalledsw"), "NA")
                    && is(self.get("capacitystatus"), "Used")
                    && is(self.get("licensemodel"), "No License required")
                    && is(self.get("marketoption"), "OnDemand");
                if !ours || !self.get("instancetype").contains('.') {
                    return None;
                }
                ("ec2", self.get("instancetype"), None)
            }
            "ML Instance" => {
                let named =
                    [self.get("instancename"), self.get("instancetype")].into_iter().find(|n| n.starts_with("ml."))?;
                // "ml.m5.xlarge-Hosting": the type with its component behind it.
                let suffix = named.rsplit_once('-').filter(|(_, s)| s.starts_with(|c: char| c.is_ascii_uppercase()));
                let name = suffix.map_or(named, |(name, _)| name);
                let component =
                    component_word(self.get("component")).or_else(|| component_of_usage(self.get("usagetype")))?;
                ("sagemaker", name, Some(component))
            }
            _ => return None,
        };
        let slot = |buy| Slot {
            cloud: "aws".into(),
            service: service.into(),
            component: component.clone(),
            region: self.get("regioncode").into(),
            zone: None,
            buy,
        };
        Some(Machine { slot: slot(Buy::OnDemand), spec: self.spec(name, known) })
    }
    fn spec(&self, name: &str, known: &Catalog) -> Spec {
        let arch = if self.get("physicalprocessor").contains("Graviton") { Some(Arch::Arm) } else { None };
        let mut spec = Spec {
            vcpus: self.get("vcpu").parse().ok(),
            memory_gib: gib(self.get("memory")),
            network: Some(self.get("networkperformance")).filter(|n| !n.is_empty() && *n != "NA").map(Into::into),
            local_disk_gb: local_disk(self.get("storage")),
            ..Spec::named("aws", name)
        };
        spec.arch = arch.or(spec.arch);
        spec.accelerator = accelerator(name, self.get("gpu").parse().ok(), self.get("physicalgpu"), known);
        spec
    }
}

/// A machine that a product is an hour of.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    /// On demand.
    pub(super) slot: Slot,
    pub(super) spec: Spec,
}

/// "16 GiB", "1,952 GiB", "0.5 GiB".
fn gib(text: &str) -> Option<Decimal> {
    let number = text.strip_suffix(" GiB").or_else(|| text.strip_suffix(" Gib"))?;
    number.replace(',', "").parse().ok().map(|d: Decimal| d.normalize())
}

/// "EBS only" is 0; "2 x 900 NVMe SSD", "1 x 1,900 NVMe SSD", "125 GB NVMe SSD", "900 GB NVMe SSD".
fn local_disk(text: &str) -> Option<u32> {
    if text.eq_ignore_ascii_case("EBS only") {
        return Some(0);
    }
    let whole = |word: &str| word.replace(',', "").parse::<u32>().ok();
    let words: Vec<&str> = text.split_whitespace().collect();
    match words.as_slice() {
        [count, "x", size, ..] => whole(count)?.checked_mul(whole(size)?),
        [size, "GB", ..] => whole(size),
        _ => None,
    }
}

/// Accelerators of an AWS machine. The price list gives a count of GPUs, seldom their kind: that is known from the
/// machine itself, from EC2's machine of the same name, or from another of its family.
pub(super) fn accelerator(name: &str, gpus: Option<Decimal>, physical: &str, known: &Catalog) -> Option<Accelerator> {
    let plain = name.strip_prefix("ml.").unwrap_or(name);
    let same = [name, plain].iter().find_map(|n| known.of_machine("aws", n).next().map(|o| o.spec.accelerator.clone()));
    if let Some(found) = same {
        return found;
    }
    let count = gpus.filter(|n| *n > Decimal::ZERO)?;
    let of_family = known
        .specs()
        .iter()
        .filter(|s| &*s.cloud == "aws" && family(&s.machine) == family(plain))
        .find_map(|s| s.accelerator.clone());
    let named = || {
        let kind =
            physical.trim_start_matches("NVIDIA ").trim_start_matches("AMD ").trim_start_matches("Tesla ").trim();
        // Whatever it is, it is an accelerator; a kind of its own keeps it from passing for one that we know.
        let kind = if kind.is_empty() || kind == "NA" { "GPU of unknown kind" } else { kind };
        Accelerator { kind: kind.into(), count, memory_gib: None }
    };
    Some(of_family.map_or_else(named, |a| Accelerator { count, ..a }))
}

/// One price of a product.
pub(super) struct Price<'a> {
    pub(super) unit: &'a str,
    pub(super) currency: &'a str,
    pub(super) amount: &'a str,
    pub(super) buy: Buy,
}

/// The way of buying that a reserved term stands for; only terms without money up front are an hourly price.
pub(super) fn commitment(length: &str, option: &str, class: &str) -> Option<Buy> {
    if option != "No Upfront" || !(class.is_empty() || class.eq_ignore_ascii_case("standard")) {
        return None;
    }
    match length {
        "1yr" | "1 yr" => Some(Buy::OneYear),
        "3yr" | "3 yr" => Some(Buy::ThreeYears),
        _ => None,
    }
}

/// Adds a price of a machine, or a note why not.
pub(super) fn add(builder: &mut Builder, machine: &Machine, price: &Price<'_>, as_of: Option<Date>, source: &str) {
    let name = &*machine.spec.machine;
    let about = || format!("{name}, {}", machine.slot.region);
    if !["Hrs", "hrs", "Hours", "hour", "Hour"].contains(&price.unit) {
        let unit = curfew_core::say::clean(price.unit, 30);
        return builder.note(&about(), &format!("is priced per “{unit}”, which is not an hour; kept out ({source})"));
    }
    if price.currency != "USD" {
        let currency = curfew_core::say::clean(price.currency, 12);
        return builder.note(&about(), &format!("is priced in “{currency}”, not in US dollars; kept out ({source})"));
    }
    let Some(rate) = Usd::parse(price.amount.trim()).and_then(Rate::from_usd) else {
        let amount = curfew_core::say::clean(price.amount, 40);
        return builder
            .note(&about(), &format!("has the price “{amount}”, which is not a number; kept out ({source})"));
    };
    builder.spec(machine.spec.clone());
    let slot = Slot { buy: price.buy, ..machine.slot.clone() };
    builder.offer(&NewOffer { slot, machine: name, rate: Some(rate), as_of, source });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_price_list() {
        assert_eq!(gib("1,952 GiB"), Some(Decimal::from(1952)));
        assert_eq!(gib("0.5 GiB").unwrap().to_string(), "0.5");
        assert_eq!(gib("NA"), None);
        for (text, expect) in [
            ("EBS only", Some(0)),
            ("2 x 900 NVMe SSD", Some(1800)),
            ("1 x 1,900 NVMe SSD", Some(1900)),
            ("125 GB NVMe SSD", Some(125)),
            ("NA", None),
        ] {
            assert_eq!(local_disk(text), expect, "{text}");
        }
        assert_eq!(commitment("1yr", "No Upfront", "standard"), Some(Buy::OneYear));
        assert_eq!(commitment("1yr", "All Upfront", "standard"), None);
        assert_eq!(commitment("3yr", "No Upfront", "convertible"), None);
    }
}
