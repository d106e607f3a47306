//! Rows of EC2's DescribeInstanceTypes: what machines are made of, and which a region offers.

use super::product::accelerator;
use super::{Feed, FeedError, feed};
use crate::builder::Builder;
use crate::offers::Catalog;
use crate::spec::{Accelerator, Arch, Spec};
use rust_decimal::Decimal;
use serde::Deserialize;

/// One row, as far as it is used; fill it from the SDK or read it with [`instance_types_page`].
pub use curfew_core::market::MachineType as InstanceType;

/// What machines of EC2 are made of. The feed has types and no offers; the types are what the region offers.
pub fn instance_types(rows: impl IntoIterator<Item = InstanceType>, known: &Catalog) -> Feed {
    let mut builder = Builder::new();
    let mut seen = 0;
    for row in rows {
        seen += 1;
        let arm = row.architectures.iter().any(|a| a.starts_with("arm64"));
        let arch = (!row.architectures.is_empty()).then_some(if arm { Arch::Arm } else { Arch::X86 });
        let mib = |mib: u64| (Decimal::from(mib) / Decimal::from(1024)).round_dp(2).normalize();
        let found = row.accelerators.first().map(|(kind, count, memory)| {
            let before = accelerator(&row.name, Some((*count).into()), kind, known);
            // The API and the catalogue may write a kind differently (A100, A100-40GB): the catalogue's word stays.
            let kind = before.map_or_else(|| kind.as_str().into(), |a| a.kind);
            let listed = memory.map(|m| (m, known_memory(known, &row.name)));
            let memory_gib = listed.and_then(|(m, before)| before.or(Some(mib(m))));
            Accelerator { kind, count: (*count).into(), memory_gib }
        });
        // Slices of a card (g6f) have a count of 1 in the API and a fraction in the catalogue, which says more.
        let sliced = known.of_machine("aws", &row.name).next().and_then(|o| o.spec.accelerator.clone());
        let accelerator = sliced.filter(|a| a.count < Decimal::ONE).or(found);
        builder.spec(Spec {
            vcpus: row.vcpus,
            memory_gib: row.memory_mib.map(mib),
            accelerator,
            arch,
            network: row.network.as_deref().map(Into::into),
            local_disk_gb: row.local_disk_gb,
            ..Spec::named("aws", &row.name)
        });
    }
    feed(builder, "EC2 instance types", None, seen)
}

fn known_memory(known: &Catalog, machine: &str) -> Option<Decimal> {
    known.of_machine("aws", machine).next()?.spec.accelerator.as_ref()?.memory_gib
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    instance_types: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    instance_type: String,
    #[serde(rename = "VCpuInfo")]
    vcpu_info: Option<Vcpus>,
    memory_info: Option<SizeMib>,
    processor_info: Option<Processor>,
    gpu_info: Option<Gpus>,
    inference_accelerator_info: Option<Inference>,
    neuron_info: Option<Neuron>,
    network_info: Option<Network>,
    #[serde(default)]
    instance_storage_supported: Option<bool>,
    instance_storage_info: Option<Storage>,
}
#[derive(Deserialize)]
struct Vcpus {
    #[serde(rename = "DefaultVCpus")]
    default: u32,
}
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SizeMib {
    #[serde(rename = "SizeInMiB")]
    size: u64,
}
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Processor {
    #[serde(default)]
    supported_architectures: Vec<String>,
}
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Gpus {
    #[serde(default)]
    gpus: Vec<Device>,
}
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inference {
    #[serde(default)]
    accelerators: Vec<Device>,
}
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Neuron {
    #[serde(default)]
    neuron_devices: Vec<Device>,
}
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Device {
    name: String,
    count: u32,
    memory_info: Option<SizeMib>,
}
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Network {
    network_performance: Option<String>,
}
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Storage {
    #[serde(rename = "TotalSizeInGB")]
    total: Option<u32>,
}

/// The rows of one page as JSON, as the AWS command line prints it.
pub fn instance_types_page(text: &str) -> Result<Vec<InstanceType>, FeedError> {
    let page: Page =
        serde_json::from_str(text).map_err(|e| FeedError::json(&e, "page of instance types", 0, "rows"))?;
    Ok(page.instance_types.into_iter().map(Row::plain).collect())
}

impl Row {
    fn plain(self) -> InstanceType {
        let devices = self.gpu_info.map(|g| g.gpus).into_iter();
        let devices = devices.chain(self.neuron_info.map(|n| n.neuron_devices));
        let devices = devices.chain(self.inference_accelerator_info.map(|i| i.accelerators)).flatten();
        let storage = self.instance_storage_info.and_then(|s| s.total);
        InstanceType {
            name: self.instance_type,
            vcpus: self.vcpu_info.map(|v| v.default),
            memory_mib: self.memory_info.map(|m| m.size),
            architectures: self.processor_info.map(|p| p.supported_architectures).unwrap_or_default(),
            accelerators: devices.map(|d| (d.name, d.count, d.memory_info.map(|m| m.size))).collect(),
            network: self.network_info.and_then(|n| n.network_performance),
            local_disk_gb: storage.or((self.instance_storage_supported == Some(false)).then_some(0)),
        }
    }
}
