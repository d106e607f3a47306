//! What a machine type is made of, and from where, how and as what it can be had.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Processor architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arch {
    /// 64-bit Intel and AMD.
    #[serde(rename = "x86_64")]
    X86,
    /// 64-bit Arm (Graviton, Axion, Tau T2A, Ampere).
    #[serde(rename = "arm64")]
    Arm,
}

impl Arch {
    /// `x86_64` or `arm64`, as the clouds write it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::X86 => "x86_64",
            Self::Arm => "arm64",
        }
    }
    /// Of a machine type, by the clouds' naming rules: EC2's `g` after the generation digit is Graviton (Instance type
    /// naming conventions, Amazon EC2 guide), Google's `t2a`, `c4a`, `n4a` and `a4x` are Arm. `None`: no such rule.
    pub fn of_name(cloud: &str, machine: &str) -> Option<Self> {
        let arm = match cloud {
            "aws" => {
                let family = machine.strip_prefix("ml.").unwrap_or(machine).split('.').next()?;
                let letters = family.find(|c: char| c.is_ascii_digit())?;
                let options: &str = family[letters..].trim_start_matches(|c: char| c.is_ascii_digit());
                let options = options.split('-').next()?;
                family == "a1" || options.contains('g')
            }
            "gcp" => {
                let family = machine.split('-').next()?;
                if family == "tpu" || family.starts_with("ct") {
                    return None;
                }
                matches!(family, "t2a" | "c4a" | "n4a" | "a4x")
            }
            _ => return None,
        };
        Some(if arm { Self::Arm } else { Self::X86 })
    }
}

/// What kind of accelerator it is, for "gpu" as against "tpu".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// A graphics processor (NVIDIA, AMD).
    Gpu,
    /// Google's TPU.
    Tpu,
    /// AWS's Trainium or Inferentia.
    Neuron,
}

/// Accelerators of a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accelerator {
    /// Kind, in the facts' words: `A10G`, `A100-40GB`, `TPU v5e`.
    pub kind: Box<str>,
    /// How many; below 1 for a slice of one.
    pub count: Decimal,
    /// Memory of each in GiB, as the cloud's API says it (A10G 22.35); `None`: not known.
    pub memory_gib: Option<Decimal>,
}

impl Accelerator {
    /// GPU, TPU or Neuron, by its name.
    pub fn class(&self) -> Class {
        if self.kind.starts_with("TPU") {
            Class::Tpu
        } else if self.kind.starts_with("Trainium") || self.kind.starts_with("Inferentia") {
            Class::Neuron
        } else {
            Class::Gpu
        }
    }
}

/// A machine type. What is `None` is not known, never zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// `aws`, `gcp`, `local`.
    pub cloud: Box<str>,
    /// Its name in the facts' own words: `g5.xlarge`, `ml.g5.xlarge`, `n1-standard-4:training`.
    pub machine: Box<str>,
    /// vCPUs.
    pub vcpus: Option<u32>,
    /// Memory in GiB.
    pub memory_gib: Option<Decimal>,
    /// Accelerators; `None`: it has none.
    pub accelerator: Option<Accelerator>,
    /// Architecture.
    pub arch: Option<Arch>,
    /// Network, in the cloud's words ("Up to 10 Gigabit").
    pub network: Option<Box<str>>,
    /// Local disk in GB; 0 where the cloud says that there is none.
    pub local_disk_gb: Option<u32>,
}

impl Spec {
    /// A type of which nothing but the name is known; its architecture by naming rule.
    pub fn named(cloud: &str, machine: &str) -> Self {
        Self {
            cloud: cloud.into(),
            machine: machine.into(),
            vcpus: None,
            memory_gib: None,
            accelerator: None,
            arch: Arch::of_name(cloud, machine),
            network: None,
            local_disk_gb: None,
        }
    }
    /// Its family, as team policies name it: `g5` of `g5.xlarge`, `ml.m5` of `ml.m5.xlarge`, `n1` of `n1-standard-4`.
    pub fn family(&self) -> &str {
        family(&self.machine)
    }
    /// What `newer` knows, filled up with what only `self` knows.
    pub(crate) fn refreshed(&mut self, newer: Self) {
        fn take<T>(old: &mut Option<T>, new: Option<T>) {
            if new.is_some() {
                *old = new;
            }
        }
        take(&mut self.vcpus, newer.vcpus);
        take(&mut self.memory_gib, newer.memory_gib);
        if let Some(mut accelerator) = newer.accelerator {
            if accelerator.memory_gib.is_none() {
                let same = self.accelerator.as_ref().filter(|old| old.kind == accelerator.kind);
                accelerator.memory_gib = same.and_then(|old| old.memory_gib);
            }
            self.accelerator = Some(accelerator);
        }
        take(&mut self.arch, newer.arch);
        take(&mut self.network, newer.network);
        take(&mut self.local_disk_gb, newer.local_disk_gb);
    }
}

/// The family of a machine name; see [`Spec::family`].
pub fn family(machine: &str) -> &str {
    let start = if machine.starts_with("ml.") { 3 } else { 0 };
    match machine[start..].find('.') {
        Some(dot) => &machine[..start + dot],
        None => machine.split('-').next().unwrap_or(machine),
    }
}

/// How a machine is bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Buy {
    /// At the list price, until ended.
    OnDemand,
    /// Cheaper, and may be taken away.
    Spot,
    /// SageMaker's managed spot training: no list price, never above on demand.
    ManagedSpot,
    /// Committed to for one year, nothing paid up front.
    OneYear,
    /// Committed to for three years, nothing paid up front.
    ThreeYears,
}

impl Buy {
    /// All of them, in the order of their numbers in a file.
    pub(crate) const ALL: [Self; 5] = [Self::OnDemand, Self::Spot, Self::ManagedSpot, Self::OneYear, Self::ThreeYears];

    /// The word in JSON: `on-demand`, `spot` (managed spot too), `1-year`, `3-years`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::OnDemand => "on-demand",
            Self::Spot | Self::ManagedSpot => "spot",
            Self::OneYear => "1-year",
            Self::ThreeYears => "3-years",
        }
    }
    /// May it be taken away?
    pub const fn is_spot(self) -> bool {
        matches!(self, Self::Spot | Self::ManagedSpot)
    }
    /// Is it bound to a commitment? Such rows are shown and never ranked best: a job is no reason to commit for a year.
    pub const fn is_commitment(self) -> bool {
        matches!(self, Self::OneYear | Self::ThreeYears)
    }
}

/// From where, as what and how an offer is had: everything of an offer but machine and price.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    /// `aws`, `gcp`, `local`.
    pub cloud: Box<str>,
    /// `ec2`, `sagemaker`, `gce`, `vertex`, `local`.
    pub service: Box<str>,
    /// `training`, `hosting`, `notebook`, `prediction` …; `None` where the source names none.
    pub component: Option<Box<str>>,
    /// Region; `here` for this computer.
    pub region: Box<str>,
    /// Zone, for spot where known.
    pub zone: Option<Box<str>>,
    /// On demand, spot …
    pub buy: Buy,
}

/// A cloud of the figures as people call it: "AWS", "Google". What the figures do not name stays as it is.
pub fn cloud_title(cloud: &str) -> &str {
    match cloud {
        "aws" => "AWS",
        "gcp" => "Google",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn architecture_by_name() {
        let check = |cloud, machine, expect| assert_eq!(Arch::of_name(cloud, machine), expect, "{machine}");
        check("aws", "m7g.large", Some(Arch::Arm));
        check("aws", "ml.c7gn.xlarge", Some(Arch::Arm));
        check("aws", "g5g.xlarge", Some(Arch::Arm));
        check("aws", "g5.xlarge", Some(Arch::X86));
        check("aws", "gr6.4xlarge", Some(Arch::X86));
        check("aws", "t4g.nano", Some(Arch::Arm));
        check("aws", "m7i-flex.large", Some(Arch::X86));
        check("gcp", "t2a-standard-4", Some(Arch::Arm));
        check("gcp", "t2d-standard-4", Some(Arch::X86));
        check("gcp", "tpu-v5p-8", None);
        check("local", "here", None);
    }

    #[test]
    fn families() {
        for (machine, expect) in [
            ("g5.xlarge", "g5"),
            ("ml.m5.xlarge", "ml.m5"),
            ("n1-standard-8+nvidia-tesla-t4x1", "n1"),
            ("m7i-flex.large", "m7i-flex"),
            ("tpu-v5p-8", "tpu"),
            ("here", "here"),
        ] {
            assert_eq!(family(machine), expect);
        }
    }
}
