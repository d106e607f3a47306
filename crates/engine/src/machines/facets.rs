//! What a list can be narrowed down by, with how many offers each choice would leave.

use curfew_catalog::{AcceleratorNeed, Accelerators, Assumptions, By, Catalog, Need};
use std::collections::BTreeMap;

/// A dimension to narrow down by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facet {
    /// Stable: `cloud`, `service`, `bought`, `accelerator`, `region`.
    pub id: &'static str,
    /// "Cloud".
    pub title: &'static str,
    /// The values that some fitting offer has, the most frequent first.
    pub options: Vec<FacetOption>,
}

/// A value of a dimension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacetOption {
    /// As sent.
    pub value: String,
    /// As shown.
    pub title: String,
    /// How many offers fit with it and with everything else that was asked.
    pub count: usize,
    /// Is it chosen?
    pub chosen: bool,
}

const FACETS: [(&str, &str, By); 5] = [
    ("cloud", "Cloud", By::Cloud),
    ("service", "Service", By::Service),
    ("bought", "Bought", By::Bought),
    ("accelerator", "Accelerator", By::Accelerator),
    ("region", "Region", By::Region),
];

/// Narrows a need by the chosen facets, but for one dimension.
pub(super) fn apply(need: &mut Need, chosen: &[(String, String)], but: Option<&str>) {
    let of = |id: &str| -> Vec<String> {
        let mine = chosen.iter().filter(|(dimension, _)| dimension == id && but != Some(id));
        mine.map(|(_, value)| value.clone()).collect()
    };
    let narrow = |list: &mut Vec<String>, chosen: Vec<String>| {
        if !chosen.is_empty() {
            let both: Vec<String> = chosen.iter().filter(|c| list.is_empty() || list.contains(c)).cloned().collect();
            // What was chosen from the counts wins over words that have changed since.
            *list = if both.is_empty() { chosen } else { both };
        }
    };
    narrow(&mut need.clouds, of("cloud"));
    narrow(&mut need.services, of("service"));
    narrow(&mut need.regions, of("region"));
    if let [one] = of("bought").as_slice() {
        need.spot = Some(one == "spot");
    }
    let kinds = of("accelerator");
    match kinds.as_slice() {
        [] => {}
        [none] if none == "none" => need.accelerators = Accelerators::None,
        kinds => {
            let mut accelerators = match &need.accelerators {
                Accelerators::Some(a) => a.clone(),
                Accelerators::Any | Accelerators::None => AcceleratorNeed::default(),
            };
            accelerators.kinds = kinds.iter().filter(|k| *k != "none").cloned().collect();
            need.accelerators = Accelerators::Some(accelerators);
        }
    }
}

fn title(id: &str, value: &str) -> String {
    match (id, value) {
        ("cloud" | "service", "local") => "This computer",
        ("cloud", cloud) => curfew_catalog::cloud_title(cloud),
        ("service", "ec2") => "EC2",
        ("service", "sagemaker") => "SageMaker",
        ("service", "gce") => "Compute Engine",
        ("service", "vertex") => "Vertex AI",
        ("bought", "spot") => "Spot",
        ("bought", _) => "On demand",
        ("accelerator", "none") => "None",
        ("region", "here") => "Here",
        _ => value,
    }
    .to_owned()
}

/// Counts each dimension under everything else that was asked.
pub(super) fn count(catalog: &Catalog, plain: &Need, assume: &Assumptions, chosen: &[(String, String)]) -> Vec<Facet> {
    let facet = |(id, shown, by): &(&'static str, &'static str, By)| {
        let mut need = plain.clone();
        apply(&mut need, chosen, Some(id));
        let counts = catalog.counts(&need, assume, *by);
        let mut counts: BTreeMap<String, usize> = counts.into_iter().map(|(v, n)| (v.to_owned(), n)).collect();
        let is_chosen = |v: &str| chosen.iter().any(|(dimension, c)| dimension == id && c == v);
        // A choice that leaves nothing any more stays to be taken back.
        for (_, gone) in chosen.iter().filter(|(dimension, _)| dimension == id) {
            counts.entry(gone.clone()).or_default();
        }
        let mut options: Vec<FacetOption> = counts
            .into_iter()
            .map(|(v, count)| FacetOption { title: title(id, &v), chosen: is_chosen(&v), value: v, count })
            .collect();
        options.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
        Facet { id, title: shown, options }
    };
    FACETS.iter().map(facet).filter(|f| f.options.len() > 1 || f.options.iter().any(|o| o.chosen)).collect()
}
