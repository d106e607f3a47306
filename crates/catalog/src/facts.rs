//! Tables of the facts, as CSV: offers for the builder, and the small ones kept as they are.

use crate::amount::{Rate, Usd};
use crate::builder::{Builder, NewOffer};
use crate::spec::{Accelerator, Buy, Slot, Spec};
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::io::Read;

/// Why a table cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {says}")]
pub struct BadTable {
    /// From 1, the header included.
    pub line: u64,
    /// One sentence.
    pub says: String,
}

/// A row of instances.csv, as text.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct InstanceRow {
    /// `aws`, `gcp`.
    pub provider: String,
    /// `ec2`, `sagemaker`, `gce`, `vertex`.
    pub service: String,
    /// Region.
    pub region: String,
    /// Machine.
    pub instance_type: String,
    /// vCPUs.
    pub vcpus: String,
    /// GiB.
    pub memory_gib: String,
    /// Kind.
    pub accelerator_name: String,
    /// How many.
    pub accelerator_count: String,
    /// GiB each.
    pub accelerator_memory_gib: String,
    /// USD an hour; blank: not known.
    pub usd_per_hour_on_demand: String,
    /// USD an hour; blank: not known.
    pub usd_per_hour_spot: String,
    /// From where.
    pub source: String,
    /// Date.
    pub as_of: String,
}

/// Reads every row of a CSV table with a header.
pub fn table<T: DeserializeOwned>(from: impl Read) -> Result<Vec<T>, BadTable> {
    csv::Reader::from_reader(from).into_deserialize().collect::<Result<_, _>>().map_err(|e| {
        let line = e.position().map_or(0, csv::Position::line);
        BadTable { line, says: e.to_string() }
    })
}

/// Adds the rows of instances.csv: each on demand, and as spot where that exists ([`spot_kind`]).
pub fn add_instances(builder: &mut Builder, from: impl Read) -> Result<usize, BadTable> {
    let rows: Vec<InstanceRow> = table(from)?;
    for (i, row) in rows.iter().enumerate() {
        let line = i as u64 + 2;
        add_instance(builder, row).map_err(|field| BadTable {
            line,
            says: format!("{field} of {} cannot be read exactly", row.instance_type),
        })?;
    }
    Ok(rows.len())
}

fn add_instance(builder: &mut Builder, row: &InstanceRow) -> Result<(), &'static str> {
    let decimal = |text: &str, field| match text {
        "" => Ok(None),
        text => {
            let exact = text.parse::<Decimal>().ok().filter(|d| d.to_string() == text);
            exact.map(Some).ok_or(field)
        }
    };
    let price = |text: &str, field| match text {
        "" => Ok(None),
        text => Rate::parse(text).filter(|r| r.to_string() == text).map(Some).ok_or(field),
    };
    let vcpus = match row.vcpus.as_str() {
        "" => None,
        text => Some(text.parse().map_err(|_| "vcpus")?),
    };
    let accelerator = match row.accelerator_name.as_str() {
        "" => None,
        kind => Some(Accelerator {
            kind: kind.into(),
            count: decimal(&row.accelerator_count, "accelerator_count")?.ok_or("accelerator_count")?,
            memory_gib: decimal(&row.accelerator_memory_gib, "accelerator_memory_gib")?,
        }),
    };
    let memory_gib = decimal(&row.memory_gib, "memory_gib")?;
    let spec = Spec { vcpus, memory_gib, accelerator, ..Spec::named(&row.provider, &row.instance_type) };
    builder.spec(spec);
    let component = component(&row.service, &row.instance_type, &row.source);
    let as_of: Date = row.as_of.parse().map_err(|_| "as_of")?;
    let spot_price = price(&row.usd_per_hour_spot, "usd_per_hour_spot")?;
    let spot = spot_kind(&row.service, component.as_deref()).or(spot_price.map(|_| Buy::Spot));
    let slot = |buy| Slot {
        cloud: row.provider.as_str().into(),
        service: row.service.as_str().into(),
        component: component.clone(),
        region: row.region.as_str().into(),
        zone: None,
        buy,
    };
    let on_demand = price(&row.usd_per_hour_on_demand, "usd_per_hour_on_demand")?;
    let both = [(Some(Buy::OnDemand), on_demand), (spot, spot_price)];
    for (buy, rate) in both {
        let Some(buy) = buy else { continue };
        let new =
            NewOffer { slot: slot(buy), machine: &row.instance_type, rate, as_of: Some(as_of), source: &row.source };
        if !builder.offer(&new) {
            return Err("a price");
        }
    }
    Ok(())
}

/// How a service sells what it may take away again. EC2 and Compute Engine have spot machines, SageMaker has managed
/// spot for training and nothing else, Vertex AI takes spot for custom training and for prediction.
pub fn spot_kind(service: &str, component: Option<&str>) -> Option<Buy> {
    match (service, component) {
        ("ec2" | "gce" | "vertex", _) => Some(Buy::Spot),
        ("sagemaker", Some("training")) => Some(Buy::ManagedSpot),
        _ => None,
    }
}

/// The component that a row's machine name (Vertex) or source (SageMaker) names; `None` where neither does.
fn component(service: &str, machine: &str, source: &str) -> Option<Box<str>> {
    if service == "vertex" {
        return machine.rsplit_once(':').map(|(_, component)| component.into());
    }
    if service != "sagemaker" {
        return None;
    }
    if let Some((_, rest)) = source.split_once("component ") {
        let word = rest.split([',', ';', ' ']).next().unwrap_or("");
        return component_word(word);
    }
    // "USE1-Host:ml.m5.2xlarge": the usage type of the price list.
    let usage = source.split(' ').find(|w| w.contains(":ml."))?;
    component_of_usage(usage)
}

/// AWS's names for a SageMaker component as one word each: `training`, `hosting`, `notebook`, `studio-jupyterlab` ….
pub(crate) fn component_word(word: &str) -> Option<Box<str>> {
    let lower = word.trim().to_lowercase().replace(' ', "-");
    Some(match lower.as_str() {
        "" => return None,
        "jupyterlab" => "studio-jupyterlab".into(),
        _ => lower.into(),
    })
}

/// From a usage type such as `USE1-Train:ml.m5.xlarge`.
pub(crate) fn component_of_usage(usage: &str) -> Option<Box<str>> {
    let (head, _) = usage.split_once(":ml.")?;
    let head = head.rsplit('-').next()?;
    let word = match head {
        "Train" | "Training" => "training",
        "Host" | "Hosting" => "hosting",
        "Notebk" | "Notebook" => "notebook",
        "Processing" | "Process" => "processing",
        "Tsform" | "Transform" => "batch-transform",
        _ => return None,
    };
    Some(word.into())
}

/// What a thing other than a machine costs: resource_rates.csv.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ResourceRate {
    /// `aws`, `gcp`.
    pub provider: String,
    /// `ebs`, `compute`, `egress` …
    pub service: String,
    /// `volume-gp3` …
    pub resource_kind: String,
    /// `GB-month`, `hour` …
    pub unit: String,
    /// USD per unit.
    #[serde(deserialize_with = "exact_usd")]
    pub usd: Usd,
    /// Region.
    pub region: String,
    /// From where.
    pub source: String,
    /// Date.
    pub as_of: Date,
}

/// A quota: quotas.csv.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct QuotaFact {
    /// `aws`, `gcp`.
    pub provider: String,
    /// `ec2`, `sagemaker`, `compute`, `vertex`.
    pub service: String,
    /// Blank: every region.
    pub region: String,
    /// `L-DB2E81BA`, `NVIDIA_A100_GPUS`; blank: not known.
    pub quota_code: String,
    /// Its name.
    pub quota_name: String,
    /// `vCPU`, `instances`, `gpus`.
    pub unit: String,
    /// What a new account has; `None`: not known.
    pub default_value: Option<Decimal>,
    /// `yes`, or blank: not known.
    pub adjustable: String,
    /// From where.
    pub source: String,
    /// Date.
    pub as_of: Date,
}

/// A container image: training_images.csv.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Image {
    /// `aws`, `gcp`.
    pub provider: String,
    /// `pytorch`, `tensorflow`, `sklearn` …
    pub framework: String,
    /// `training`, `inference`, `prediction`.
    pub scope: String,
    /// `2.6.0`, `1.4-2` …
    pub framework_version: String,
    /// `py312`; blank: not named.
    pub py_version: String,
    /// `cpu`, `gpu`, `cpu;gpu`.
    pub processor: String,
    /// For instance "CUDA 12.x".
    pub instance_note: String,
    /// Repository.
    pub repository: String,
    /// Tag.
    pub tag_or_suffix: String,
    /// Region, or `us (multi-region)`.
    pub region: String,
    /// Registry account (AWS).
    pub registry_account: String,
    /// The whole URI.
    pub example_uri: String,
    /// `pytorch2.6.0` for Hugging Face.
    pub base_framework: String,
    /// Last day of patches, where known.
    pub end_of_patch: Option<Date>,
    /// Last day of availability, where known.
    pub end_of_availability: Option<Date>,
    /// From where.
    pub source: String,
    /// Date.
    pub as_of: Date,
}

/// An accelerator's published figures: gpu_perf.csv. Per accelerator, dense.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Perf {
    /// Kind, as offers name it.
    pub accelerator_name: String,
    /// Who makes it.
    pub vendor: String,
    /// TFLOPS.
    pub fp32_tflops: Option<f64>,
    /// TFLOPS.
    pub tf32_tensor_tflops: Option<f64>,
    /// TFLOPS.
    pub fp16_tensor_tflops: Option<f64>,
    /// TFLOPS.
    pub bf16_tensor_tflops: Option<f64>,
    /// The maker's GB, not the API's GiB.
    pub memory_gib: Option<f64>,
    /// GB/s.
    pub memory_bandwidth_gbs: Option<f64>,
    /// A remark.
    pub density: String,
    /// From where.
    pub source: String,
    /// Date.
    pub as_of: Date,
}

fn exact_usd<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Usd, D::Error> {
    let text = String::deserialize(d)?;
    Usd::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("“{text}” is not an exact price")))
}
