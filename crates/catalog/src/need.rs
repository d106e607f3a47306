//! What the user needs: filled in by a form, or read from words ([`crate::need::words`]).

mod clash;
mod complete;
mod grammar;
mod quantity;
mod vocabulary;
pub mod words;

pub(crate) use grammar::class_of;

pub use clash::Clash;
pub use complete::Completion;
pub use vocabulary::Vocabulary;
pub use words::{BadWord, Reading};

use crate::amount::Usd;
use crate::spec::{Arch, Class, Slot, Spec, family};
use curfew_core::curfew::CurfewSpec;
use jiff::SignedDuration;
use rust_decimal::Decimal;
use std::fmt::Write as _;

/// From and up to, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span<T> {
    /// At least.
    pub min: Option<T>,
    /// At most.
    pub max: Option<T>,
}

impl<T> Default for Span<T> {
    fn default() -> Self {
        Self { min: None, max: None }
    }
}

impl<T: PartialOrd + Copy> Span<T> {
    /// At least `n`.
    pub const fn at_least(n: T) -> Self {
        Self { min: Some(n), max: None }
    }
    /// No bound at all?
    pub const fn is_open(&self) -> bool {
        self.min.is_none() && self.max.is_none()
    }
    /// Is `n` within? What is not known is within only where there is no bound.
    pub fn holds(&self, n: Option<T>) -> bool {
        match n {
            None => self.is_open(),
            Some(n) => self.min.is_none_or(|min| n >= min) && self.max.is_none_or(|max| n <= max),
        }
    }
}

/// Accelerators that are needed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AcceleratorNeed {
    /// Any of these kinds; empty: any kind. In the catalogue's words.
    pub kinds: Vec<String>,
    /// Only GPUs, TPUs or Neuron chips.
    pub class: Option<Class>,
    /// How many; at least one where nothing is said.
    pub count: Span<Decimal>,
    /// Memory of each, at least, in GiB.
    pub memory_gib: Option<Decimal>,
}

/// Asked for accelerators, for none, or not asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Accelerators {
    /// Not asked: machines with and without.
    #[default]
    Any,
    /// None, please.
    None,
    /// These.
    Some(AcceleratorNeed),
}

/// Where data lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataAt {
    /// On this computer.
    Here,
    /// In a region of a cloud (`None`: not said which, so the cloud that the machine is in is taken to be another).
    Cloud {
        /// `aws`, `gcp`.
        cloud: String,
        /// Region.
        region: Option<String>,
    },
}

/// Data that the job reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Data {
    /// How much, in GB (10^9 bytes), as clouds bill transfer.
    pub gb: Decimal,
    /// Where.
    pub at: DataAt,
}

/// What is needed. Empty lists and `None` ask for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Need {
    /// Accelerators.
    pub accelerators: Accelerators,
    /// vCPUs.
    pub vcpus: Span<u32>,
    /// Memory in GiB.
    pub memory_gib: Span<Decimal>,
    /// Architecture.
    pub arch: Option<Arch>,
    /// Any of these clouds.
    pub clouds: Vec<String>,
    /// Any of these services.
    pub services: Vec<String>,
    /// Any of these components.
    pub components: Vec<String>,
    /// Any of these regions.
    pub regions: Vec<String>,
    /// Any of these machine names or families (`g5.xlarge`, `g5`, `ml.g5`).
    pub machines: Vec<String>,
    /// Spot only (`true`), or nothing that may be taken away (`false`).
    pub spot: Option<bool>,
    /// Show what is known of commitments too.
    pub commitments: bool,
    /// At most this much an hour.
    pub max_usd_per_hour: Option<Usd>,
    /// At most this much in all.
    pub max_usd: Option<Usd>,
    /// Done by then.
    pub ready_by: Option<CurfewSpec>,
    /// The user's own number for how long it takes.
    pub hours: Option<SignedDuration>,
    /// Data that the job reads.
    pub data: Option<Data>,
    /// Disk in GB.
    pub disk_gb: Option<u32>,
}

impl Need {
    /// Does a machine type fit? (Not: its price, place or purchase.)
    pub fn fits_spec(&self, spec: &Spec) -> bool {
        self.fits_accelerator(spec)
            && self.vcpus.holds(spec.vcpus)
            && self.memory_gib.holds(spec.memory_gib)
            && self.arch.is_none_or(|arch| spec.arch == Some(arch))
            && (self.machines.is_empty() || self.machines.iter().any(|m| names(m, &spec.machine)))
    }
    /// Do its accelerators fit?
    pub(crate) fn fits_accelerator(&self, spec: &Spec) -> bool {
        let need = match &self.accelerators {
            Accelerators::Any => return true,
            Accelerators::None => return spec.accelerator.is_none(),
            Accelerators::Some(need) => need,
        };
        let Some(a) = &spec.accelerator else { return false };
        let count = if need.count.is_open() { Span::at_least(Decimal::ONE) } else { need.count };
        count.holds(Some(a.count))
            && need.class.is_none_or(|class| a.class() == class)
            && (need.kinds.is_empty() || need.kinds.iter().any(|k| **k == *a.kind))
            && need.memory_gib.is_none_or(|gib| usable_memory(a).is_some_and(|has| has >= gib))
    }
    /// Does a slot fit?
    pub fn fits_slot(&self, slot: &Slot) -> bool {
        fn among(wanted: &[String], has: Option<&str>) -> bool {
            wanted.is_empty() || has.is_some_and(|has| wanted.iter().any(|w| w == has))
        }
        // This computer has no region and no purchase to choose, so only the cloud and the service can exclude it.
        let local = &*slot.cloud == "local";
        among(&self.clouds, Some(&slot.cloud))
            && among(&self.services, Some(&slot.service))
            && among(&self.components, slot.component.as_deref())
            && (among(&self.regions, Some(&slot.region)) || (local && self.clouds.iter().any(|c| c == "local")))
            && self.spot.is_none_or(|spot| slot.buy.is_spot() == spot || local)
            && (self.commitments || !slot.buy.is_commitment())
    }
    /// How many accelerators a job with this need keeps busy: what was asked for at least, one unless said; none where
    /// none were asked for.
    pub fn accelerators_used(&self) -> Option<Decimal> {
        match &self.accelerators {
            Accelerators::Some(need) => Some(need.count.min.filter(|n| *n > Decimal::ZERO).unwrap_or(Decimal::ONE)),
            Accelerators::Any | Accelerators::None => None,
        }
    }
    /// The need in one sentence, so that the user sees what was understood.
    pub fn says(&self) -> String {
        let mut parts = Vec::new();
        match &self.accelerators {
            Accelerators::Any => {}
            Accelerators::None => parts.push("no accelerator".to_owned()),
            Accelerators::Some(need) => parts.push(need.says()),
        }
        let mut bounds = |span: Span<String>, of: &str| match (span.min, span.max) {
            (Some(a), Some(b)) if a == b => parts.push(format!("exactly {a} {of}")),
            (Some(a), Some(b)) => parts.push(format!("{a} to {b} {of}")),
            (Some(a), None) => parts.push(format!("{a} {of} or more")),
            (None, Some(b)) => parts.push(format!("{b} {of} at most")),
            (None, None) => {}
        };
        bounds(text(&self.vcpus), "vCPU");
        bounds(text(&self.memory_gib), "GiB of memory");
        parts.extend(self.arch.map(|a| a.word().to_owned()));
        for list in [&self.machines, &self.clouds, &self.services, &self.components] {
            if !list.is_empty() {
                parts.push(list.join(" or "));
            }
        }
        parts.extend(self.spot.map(|spot| if spot { "spot" } else { "on demand" }.to_owned()));
        if !self.regions.is_empty() {
            parts.push(format!("in {}", self.regions.join(" or ")));
        }
        parts.extend(self.disk_gb.map(|gb| format!("{gb} GB of disk")));
        if let Some(data) = &self.data {
            let at = match &data.at {
                DataAt::Here => "on this computer".to_owned(),
                DataAt::Cloud { cloud, region: None } => format!("at {cloud}"),
                DataAt::Cloud { cloud, region: Some(region) } => format!("at {cloud} {region}"),
            };
            parts.push(format!("{} GB of data {at}", data.gb.normalize()));
        }
        parts.extend(self.hours.map(|h| format!("{} of work", curfew_core::say::exact_duration(h))));
        parts.extend(self.max_usd_per_hour.map(|usd| format!("at most ${usd} an hour")));
        parts.extend(self.max_usd.map(|usd| format!("at most ${usd} in all")));
        parts.extend(self.ready_by.as_ref().map(|by| format!("ready by {by}")));
        if parts.is_empty() { "any machine".to_owned() } else { parts.join(", ") }
    }
}

impl AcceleratorNeed {
    fn says(&self) -> String {
        let one = self.count.min.is_none_or(|n| n <= Decimal::ONE) && self.count.max.is_none_or(|n| n <= Decimal::ONE);
        let what = if self.kinds.is_empty() {
            let (single, many) = match self.class {
                Some(Class::Gpu) => ("GPU", "GPUs"),
                Some(Class::Tpu) => ("TPU", "TPUs"),
                Some(Class::Neuron) => ("Neuron chip", "Neuron chips"),
                None => ("accelerator", "accelerators"),
            };
            if one { single } else { many }.to_owned()
        } else {
            self.kinds.join(" or ")
        };
        let mut says = match (self.count.min, self.count.max) {
            (Some(a), Some(b)) if a == b => format!("exactly {} {what}", a.normalize()),
            (min, Some(b)) => format!("{} to {} {what}", min.unwrap_or(Decimal::ZERO).normalize(), b.normalize()),
            (min, None) => format!("{} {what} or more", min.unwrap_or(Decimal::ONE).normalize()),
        };
        if let Some(gib) = self.memory_gib {
            let _ = write!(says, " with {} GiB or more each", gib.normalize());
        }
        says
    }
}

fn text<T: ToString>(span: &Span<T>) -> Span<String> {
    Span { min: span.min.as_ref().map(T::to_string), max: span.max.as_ref().map(T::to_string) }
}

/// Does a typed machine name or family name this machine? `g5` names `g5.xlarge` and not `g5g.xlarge`; a Vertex name
/// without its component names them all.
pub(crate) fn names(typed: &str, machine: &str) -> bool {
    typed == machine || typed == family(machine) || machine.split(':').next() == Some(typed) || {
        // n1-standard, a2-highgpu: a family with its shape.
        machine.strip_prefix(typed).is_some_and(|rest| rest.starts_with('-') || rest.starts_with('+'))
    }
}

/// The memory that one accelerator, or the slice of one, offers. EC2 lists what the slice has; Google lists the whole
/// card's beside a count below one (RTX PRO 6000: 96 GiB, 0.125 of it).
pub(crate) fn usable_memory(a: &crate::spec::Accelerator) -> Option<Decimal> {
    let listed = a.memory_gib?;
    if a.count >= Decimal::ONE {
        return Some(listed);
    }
    let whole = crate::snapshot::perf_of(&a.kind).and_then(|p| p.memory_gib);
    let nearly_whole = whole.and_then(|w| Decimal::try_from(w * 0.9).ok());
    Some(if nearly_whole.is_some_and(|w| listed > w) { listed * a.count } else { listed })
}
