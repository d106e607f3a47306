//! Which quota a machine counts against, and what is known of it.
//!
//! EC2 counts vCPUs by class of families, on demand and spot apart; SageMaker counts machines by type and use; Compute
//! Engine counts accelerators by kind. Names and codes are the clouds' own, from the table of quotas.

use crate::offers::Offer;
use crate::snapshot;
use crate::spec::{Slot, Spec};
use rust_decimal::Decimal;
use rustc_hash::FxHashMap;
use serde::Serialize;

/// Where a quota's value is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum QuotaOrigin {
    /// The account's own, read from it.
    Applied,
    /// What a new account starts with.
    NewAccount,
}

/// A quota and its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QuotaLevel {
    /// `aws`, `gcp`.
    pub cloud: String,
    /// `ec2`, `sagemaker`, `compute`, `vertex`, as the quota's own service is called.
    pub service: String,
    /// `None`: every region.
    pub region: Option<String>,
    /// `L-DB2E81BA`, `NVIDIA_T4_GPUS`; `None`: not known.
    pub code: Option<String>,
    /// "Running On-Demand G and VT instances".
    pub name: String,
    /// `vCPU`, `instances`, `gpus`.
    pub unit: String,
    /// How much; `None`: not known.
    pub value: Option<Decimal>,
    /// How much of it is in use, in the same unit; `None`: not known, and taken as none.
    pub used: Option<Decimal>,
    /// From where.
    pub origin: QuotaOrigin,
}

impl QuotaLevel {
    /// What can still be started.
    pub fn left(&self) -> Option<Decimal> {
        Some((self.value? - self.used.unwrap_or_default()).max(Decimal::ZERO))
    }
}

/// A quota as one offer meets it: enough to fill in a request for more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QuotaAsk {
    /// `aws`, `gcp`.
    pub cloud: String,
    /// The quota's own service: `ec2`, `sagemaker`, `compute`, `vertex`.
    pub service: String,
    /// The region to ask for it in.
    pub region: String,
    /// Its code, where known.
    pub code: Option<String>,
    /// Its name, where known.
    pub name: Option<String>,
    /// `vCPU`, `instances`, `gpus`.
    pub unit: String,
    /// What one such machine takes.
    pub needs: Decimal,
    /// The value; `None`: unknown.
    pub value: Option<Decimal>,
    /// In use.
    pub used: Option<Decimal>,
    /// From where the value is; `None`: there is none.
    pub origin: Option<QuotaOrigin>,
    /// The value to ask for, so that one such machine starts beside what runs.
    pub ask_for: Decimal,
}

/// The new-account defaults of the embedded table.
pub fn new_account_levels() -> Vec<QuotaLevel> {
    let blank = |text: &str| (!text.is_empty() && text != "per region").then(|| text.to_owned());
    snapshot::quotas()
        .iter()
        .map(|q| QuotaLevel {
            cloud: q.provider.clone(),
            service: q.service.clone(),
            region: blank(&q.region),
            code: blank(&q.quota_code),
            name: q.quota_name.clone(),
            unit: q.unit.clone(),
            value: q.default_value,
            used: None,
            origin: QuotaOrigin::NewAccount,
        })
        .collect()
}

/// EC2's quota classes: the families each covers, by the letters before the generation digit.
fn ec2_class(machine: &str) -> &'static str {
    let letters: &str = &machine[..machine.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(machine.len())];
    match letters {
        "g" | "gr" | "vt" => "G",
        "p" => "P",
        "dl" => "DL",
        "f" => "F",
        "x" => "X",
        "inf" => "Inf",
        "trn" => "Trn",
        "hpc" => "HPC",
        "u" => "High Memory",
        "mac" => "Mac",
        _ => "Standard",
    }
}

/// The group of quotas that a type counts against and how much one machine takes: `ec2/G`, `sagemaker/ml.g5.xlarge`,
/// `gce/T4`. `None`: no quota that we know of.
pub(super) fn group_of(spec: &Spec) -> Option<(String, Decimal)> {
    if &*spec.cloud == "aws" {
        if spec.machine.starts_with("ml.") {
            return Some((format!("sagemaker/{}", spec.machine), Decimal::ONE));
        }
        let vcpus = spec.vcpus.map_or(Decimal::ONE, Decimal::from);
        return Some((format!("ec2/{}", ec2_class(&spec.machine)), vcpus));
    }
    if &*spec.cloud == "gcp" && !spec.machine.contains(':') {
        let a = spec.accelerator.as_ref()?;
        return Some((format!("gce/{}", a.kind), a.count.ceil()));
    }
    None
}

/// The group and the use (`spot`, or a SageMaker use such as "training job") that a quota's name speaks of.
fn subject(level: &QuotaLevel) -> Option<(String, String)> {
    match level.service.as_str() {
        "ec2" => {
            let spot = level.name.contains("Spot");
            let rest = level.name.strip_prefix("Running On-Demand ").or_else(|| level.name.strip_prefix("All "))?;
            let class = rest.split(' ').next()?;
            Some((format!("ec2/{class}"), if spot { "spot" } else { "" }.to_owned()))
        }
        "sagemaker" => {
            let (machine, usage) = level.name.split_once(" for ")?;
            let usage = usage.strip_suffix(" usage")?;
            machine.starts_with("ml.").then(|| (format!("sagemaker/{machine}"), usage.to_owned()))
        }
        "compute" => {
            let code = level.code.as_deref()?;
            let (spot, metric) = code.strip_prefix("PREEMPTIBLE_").map_or(("", code), |rest| ("spot", rest));
            let kind = match metric.strip_prefix("NVIDIA_")?.strip_suffix("_GPUS")? {
                "A100" => "A100-40GB",
                "A100_80GB" => "A100-80GB",
                kind => kind,
            };
            Some((format!("gce/{kind}"), spot.to_owned()))
        }
        _ => None,
    }
}

/// The use that a slot makes of its group's quotas, as [`subject`] names it.
fn usage(slot: &Slot) -> String {
    if &*slot.service == "sagemaker" {
        return match (slot.component.as_deref(), slot.buy.is_spot()) {
            (Some("training"), true) => "spot training job".to_owned(),
            (Some("training"), false) => "training job".to_owned(),
            (Some("hosting"), _) => "endpoint".to_owned(),
            (Some("notebook"), _) => "notebook instance".to_owned(),
            (Some("processing"), _) => "processing job".to_owned(),
            (Some("batch-transform"), _) => "transform job".to_owned(),
            // Studio's quotas are per app; a row whose component the source does not name has no quota we could name.
            (other, _) => other.unwrap_or("unnamed").to_owned(),
        };
    }
    if slot.buy.is_spot() { "spot" } else { "" }.to_owned()
}

/// Levels by group.
pub(super) struct Index<'a> {
    by_group: FxHashMap<String, Vec<(String, &'a QuotaLevel)>>,
}

impl<'a> Index<'a> {
    pub(super) fn new(levels: &'a [QuotaLevel]) -> Self {
        let mut by_group: FxHashMap<String, Vec<_>> = FxHashMap::default();
        for level in levels {
            if let Some((group, usage)) = subject(level) {
                by_group.entry(group).or_default().push((usage, level));
            }
        }
        Self { by_group }
    }
    pub(super) fn knows(&self, group: &str) -> bool {
        self.by_group.contains_key(group)
    }
    /// The level that counts at a slot: the account's own before a default, a region's own before every region's.
    pub(super) fn level(&self, group: &str, slot: &Slot) -> Option<&'a QuotaLevel> {
        let usage = usage(slot);
        let fits = |l: &QuotaLevel| *l.cloud == *slot.cloud && l.region.as_deref().is_none_or(|r| *r == *slot.region);
        let known = self.by_group.get(group)?.iter().filter(|(u, l)| *u == usage && fits(l)).map(|(_, l)| *l);
        known.max_by_key(|l| (l.value.is_some(), l.origin == QuotaOrigin::Applied, l.region.is_some()))
    }
}

/// The quota that an offer counts against; `None` where we know of none.
pub fn quota_of(offer: &Offer<'_>, levels: &[QuotaLevel]) -> Option<QuotaAsk> {
    let (group, needs) = group_of(offer.spec)?;
    let index = Index::new(levels);
    let level = index.level(&group, offer.slot)?;
    Some(QuotaAsk {
        cloud: level.cloud.clone(),
        service: level.service.clone(),
        region: offer.slot.region.to_string(),
        code: level.code.clone(),
        name: Some(level.name.clone()),
        unit: level.unit.clone(),
        needs,
        value: level.value,
        used: level.used,
        origin: level.value.map(|_| level.origin),
        ask_for: level.used.unwrap_or_default() + needs,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_the_documented_ones() {
        for (machine, class) in [
            ("g5.xlarge", "G"),
            ("gr6.4xlarge", "G"),
            ("p4d.24xlarge", "P"),
            ("inf2.xlarge", "Inf"),
            ("trn1.32xlarge", "Trn"),
            ("m5.large", "Standard"),
            ("im4gn.large", "Standard"),
            ("x2gd.large", "X"),
            ("u-6tb1.metal", "High Memory"),
        ] {
            assert_eq!(ec2_class(machine), class, "{machine}");
        }
    }

    #[test]
    fn new_account_defaults_meet_the_offers() {
        let levels = new_account_levels();
        let catalog = snapshot::embedded();
        let check = |key: &str, expect: Option<(&str, &str, &str)>| {
            let found = catalog.find(&key.parse().unwrap());
            let ask = quota_of(&found[0], &levels);
            let got = ask.as_ref().map(|a| {
                let value = a.value.map_or("unknown".to_owned(), |v| v.to_string());
                (a.code.as_deref().unwrap_or("no code"), value, format!("{} {}", a.ask_for, a.unit))
            });
            let got = got.as_ref().map(|(code, value, ask)| (*code, value.as_str(), ask.as_str()));
            assert_eq!(got, expect, "{key}");
        };
        check("aws:ec2:us-east-1:g5.xlarge", Some(("L-DB2E81BA", "0", "4 vCPU")));
        check("aws:ec2:us-east-1:g5.xlarge:spot", Some(("L-3819A6DF", "0", "4 vCPU")));
        check("aws:ec2:us-east-1:m5.large", Some(("L-1216C47A", "5", "2 vCPU")));
        check("aws:ec2:us-east-1:p5.48xlarge", Some(("L-417A185B", "unknown", "192 vCPU")));
        check("aws:sagemaker:us-east-1:ml.g4dn.xlarge:training", Some(("no code", "0", "1 instances")));
        check("aws:sagemaker:us-east-1:ml.g5.xlarge:training", Some(("L-B6D80D9C", "unknown", "1 instances")));
        check("gcp:gce:us-central1:a2-highgpu-1g:spot", Some(("PREEMPTIBLE_NVIDIA_A100_GPUS", "unknown", "1 gpus")));
        check("gcp:gce:us-central1:n1-standard-8", None);
    }
}
