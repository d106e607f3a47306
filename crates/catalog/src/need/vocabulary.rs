//! The words that a need can be written in: the catalogue's own names and the field's usual ones.

use crate::offers::Catalog;
use crate::spec::{Accelerator, Arch, Class, family};
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};

/// What a word or phrase means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// One or more accelerator kinds, in the catalogue's words.
    Kinds(Vec<String>),
    /// Any accelerator of a class.
    Class(Option<Class>),
    NoAccelerator,
    Vcpus,
    Spot(bool),
    Arch(Arch),
    Cloud(&'static str),
    Service(String),
    Component(String),
    /// One or more regions.
    Regions(Vec<String>),
    /// A machine or family, as catalogued.
    Machine(String),
    Commitments,
    /// Says nothing.
    Filler,
}

/// A word with its meaning, for reading and for completing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) phrase: String,
    pub(crate) meaning: Meaning,
    /// What it is, for the list of completions; empty: not offered.
    pub(crate) says: String,
}

/// All words that are understood. Made once for a catalogue.
#[derive(Debug, Default)]
pub struct Vocabulary {
    pub(crate) entries: Vec<Entry>,
    by_phrase: FxHashMap<String, usize>,
    /// Region → cloud.
    pub(crate) clouds_of_region: BTreeMap<String, String>,
    /// Service → cloud.
    pub(crate) clouds_of_service: BTreeMap<String, String>,
    /// (service, component) pairs that exist.
    pub(crate) components: BTreeSet<(String, String)>,
    /// Longest phrase, in words.
    pub(crate) longest: usize,
}

/// Phrase, meaning, what it is.
type Fixed = (&'static str, Meaning, &'static str);

fn fixed() -> Vec<Fixed> {
    use Meaning::{Class as Kind, Cloud, Commitments, Filler, NoAccelerator, Spot, Vcpus};
    let gpu = || Kind(Some(Class::Gpu));
    vec![
        ("gpu", gpu(), "a graphics processor"),
        ("gpus", gpu(), ""),
        ("graphics card", gpu(), ""),
        ("nvidia", gpu(), ""),
        ("tpu", Kind(Some(Class::Tpu)), "Google's accelerator"),
        ("tpus", Kind(Some(Class::Tpu)), ""),
        ("accelerator", Kind(None), "a GPU, a TPU or a Neuron chip"),
        ("accelerators", Kind(None), ""),
        ("neuron", Kind(Some(Class::Neuron)), "Trainium or Inferentia"),
        ("no gpu", NoAccelerator, "processors only"),
        ("no gpus", NoAccelerator, ""),
        ("without gpu", NoAccelerator, ""),
        ("without a gpu", NoAccelerator, ""),
        ("no accelerator", NoAccelerator, ""),
        ("no accelerators", NoAccelerator, ""),
        ("cpu only", NoAccelerator, ""),
        ("cpu-only", NoAccelerator, ""),
        ("vcpu", Vcpus, "processors, as clouds count them"),
        ("vcpus", Vcpus, ""),
        ("cpu", Vcpus, ""),
        ("cpus", Vcpus, ""),
        ("core", Vcpus, ""),
        ("cores", Vcpus, ""),
        ("spot", Spot(true), "cheaper, may be taken away"),
        ("preemptible", Spot(true), ""),
        ("interruptible", Spot(true), ""),
        ("on demand", Spot(false), "never taken away"),
        ("on-demand", Spot(false), ""),
        ("ondemand", Spot(false), ""),
        ("no spot", Spot(false), ""),
        ("not spot", Spot(false), ""),
        ("arm", Meaning::Arch(Arch::Arm), "64-bit Arm processors"),
        ("arm64", Meaning::Arch(Arch::Arm), ""),
        ("aarch64", Meaning::Arch(Arch::Arm), ""),
        ("graviton", Meaning::Arch(Arch::Arm), ""),
        ("x86", Meaning::Arch(Arch::X86), "Intel or AMD processors"),
        ("x86_64", Meaning::Arch(Arch::X86), ""),
        ("x86-64", Meaning::Arch(Arch::X86), ""),
        ("amd64", Meaning::Arch(Arch::X86), ""),
        ("aws", Cloud("aws"), "Amazon's cloud"),
        ("amazon", Cloud("aws"), ""),
        ("gcp", Cloud("gcp"), "Google's cloud"),
        ("google", Cloud("gcp"), ""),
        ("google cloud", Cloud("gcp"), ""),
        ("local", Cloud("local"), "this computer"),
        ("this computer", Cloud("local"), ""),
        ("compute engine", Meaning::Service("gce".into()), ""),
        ("vertex ai", Meaning::Service("vertex".into()), ""),
        ("serving", Meaning::Component("hosting".into()), ""),
        ("endpoint", Meaning::Component("hosting".into()), ""),
        ("commitments", Commitments, "show what is known of one- and three-year prices too"),
        ("reserved", Commitments, ""),
        ("and", Filler, ""),
        ("or", Filler, ""),
        ("with", Filler, ""),
        ("a", Filler, ""),
        ("an", Filler, ""),
        ("the", Filler, ""),
        ("of", Filler, ""),
        ("on", Filler, ""),
        ("at", Filler, ""),
        ("in", Filler, ""),
        ("for", Filler, ""),
        ("from", Filler, ""),
        ("each", Filler, ""),
        ("or more", Filler, ""),
        ("+", Filler, ""),
        ("machine", Filler, ""),
        ("machines", Filler, ""),
        ("instance", Filler, ""),
        ("instances", Filler, ""),
    ]
}

/// Words for whole continents, by how the clouds' region names begin.
const GROUPS: [(&str, &[&str], &str); 6] = [
    ("us", &["us-"], "regions in the United States"),
    ("europe", &["eu-", "europe-"], "regions in Europe"),
    ("eu", &["eu-", "europe-"], ""),
    ("asia", &["ap-northeast-", "ap-southeast-1", "ap-south-", "asia-"], "regions in Asia"),
    ("australia", &["ap-southeast-2", "ap-southeast-4", "australia-"], "regions in Australia"),
    ("canada", &["ca-", "northamerica-northeast"], "regions in Canada"),
];

impl Vocabulary {
    /// The words for a catalogue.
    pub fn new(catalog: &Catalog) -> Self {
        let mut v = Self::default();
        for (phrase, meaning, says) in fixed() {
            v.add(phrase, meaning, says);
        }
        v.add_kinds(catalog);
        for slot in catalog.slots() {
            v.clouds_of_service.insert(slot.service.to_string(), slot.cloud.to_string());
            if let Some(component) = &slot.component {
                v.components.insert((slot.service.to_string(), component.to_string()));
            }
            if &*slot.cloud != "local" {
                v.clouds_of_region.insert(slot.region.to_string(), slot.cloud.to_string());
            }
        }
        for (service, cloud) in v.clouds_of_service.clone() {
            let says = format!("{cloud} {service}");
            v.add(&service, Meaning::Service(service.clone()), &says);
        }
        for (service, component) in v.components.clone() {
            let says = format!("offers for {component}");
            let _ = service;
            v.add(&component, Meaning::Component(component.clone()), &says);
        }
        for (region, cloud) in v.clouds_of_region.clone() {
            let says = format!("a region of {cloud}");
            v.add(&region, Meaning::Regions(vec![region.clone()]), &says);
        }
        for (word, starts, says) in GROUPS {
            let inside = |r: &&String| starts.iter().any(|s| r.starts_with(s));
            let regions: Vec<String> = v.clouds_of_region.keys().filter(inside).cloned().collect();
            if !regions.is_empty() {
                v.add(word, Meaning::Regions(regions), says);
            }
        }
        let families: BTreeSet<String> = catalog.specs().iter().map(|s| family(&s.machine).to_owned()).collect();
        for name in families {
            v.add(&name, Meaning::Machine(name.clone()), "a machine family");
        }
        for spec in catalog.specs() {
            let name = spec.machine.to_string();
            v.add(&name, Meaning::Machine(name.clone()), &describe(spec));
            if let Some((shape, _)) = name.rsplit_once('-').filter(|_| &*spec.cloud == "gcp" && !name.contains('+')) {
                v.add(shape, Meaning::Machine(shape.to_owned()), "");
            }
        }
        v
    }
    /// Earlier meanings win: `spot` stays spot whatever a cloud may call a machine.
    fn add(&mut self, phrase: &str, meaning: Meaning, says: &str) {
        let phrase = phrase.to_lowercase();
        if self.by_phrase.contains_key(&phrase) {
            return;
        }
        self.longest = self.longest.max(phrase.split(' ').count());
        self.by_phrase.insert(phrase.clone(), self.entries.len());
        self.entries.push(Entry { phrase, meaning, says: says.to_owned() });
    }
    fn add_kinds(&mut self, catalog: &Catalog) {
        let kinds: BTreeSet<String> =
            catalog.specs().iter().filter_map(|s| s.accelerator.as_ref()).map(|a| a.kind.to_string()).collect();
        let mut shared: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for kind in &kinds {
            let lower = kind.to_lowercase();
            let says = describe_kind(kind);
            self.add(&lower, Meaning::Kinds(vec![kind.clone()]), &says);
            for alias in [lower.replace(' ', "-"), lower.replace('-', " "), lower.replace([' ', '-'], "")] {
                self.add(&alias, Meaning::Kinds(vec![kind.clone()]), "");
            }
            // "v5e" for "TPU v5e", "v520" for "Radeon Pro V520": the last word, where it names something.
            if let Some((_, last)) =
                lower.rsplit_once(' ').filter(|(_, last)| !last.chars().all(|c| c.is_ascii_digit()))
            {
                self.add(last, Meaning::Kinds(vec![kind.clone()]), "");
            }
            // "a100" for both sizes, "rtx" and "rtx pro" for both models.
            for (i, c) in lower.char_indices() {
                if c == ' ' || c == '-' {
                    shared.entry(lower[..i].to_owned()).or_default().push(kind.clone());
                }
            }
        }
        for (word, kinds) in shared {
            let says = kinds.join(" or ");
            self.add(&word, Meaning::Kinds(kinds), &says);
        }
    }
    /// The meaning of a phrase of small letters.
    pub(crate) fn meaning(&self, phrase: &str) -> Option<&Meaning> {
        self.by_phrase.get(phrase).map(|&i| &self.entries[i].meaning)
    }
    /// The nearest words to one that is not understood, nearest first.
    pub(crate) fn nearest(&self, word: &str) -> Vec<String> {
        let lower = word.to_lowercase();
        let mut found: Vec<(usize, &str)> = self
            .entries
            .iter()
            .filter(|e| !matches!(e.meaning, Meaning::Filler) && e.phrase.len() > 1)
            .map(|e| (e.phrase.as_str(), 1 + e.phrase.len().min(lower.len()) / 5))
            .filter(|(phrase, far)| phrase.len().abs_diff(lower.len()) <= *far)
            .map(|(phrase, far)| (strsim::osa_distance(&lower, phrase), phrase, far))
            .filter(|(distance, _, far)| distance <= far)
            .map(|(distance, phrase, _)| (distance, phrase))
            .collect();
        found.sort_unstable();
        found.into_iter().take(3).map(|(_, phrase)| phrase.to_owned()).collect()
    }
}

fn describe(spec: &crate::Spec) -> String {
    let mut parts = Vec::new();
    if let Some(a) = &spec.accelerator {
        parts.push(format!("{} × {}", a.count.normalize(), a.kind));
    }
    parts.extend(spec.vcpus.map(|n| format!("{n} vCPU")));
    parts.extend(spec.memory_gib.map(|gib| format!("{} GiB", gib.normalize())));
    parts.join(" · ")
}

fn describe_kind(kind: &str) -> String {
    let accelerator = Accelerator { kind: kind.into(), count: 1.into(), memory_gib: None };
    let class = match accelerator.class() {
        Class::Gpu => "GPU",
        Class::Tpu => "TPU",
        Class::Neuron => "Neuron chip",
    };
    let memory = crate::snapshot::perf_of(kind).and_then(|p| p.memory_gib);
    memory.map_or_else(|| class.to_owned(), |gb| format!("{class}, sold as {gb} GB"))
}
