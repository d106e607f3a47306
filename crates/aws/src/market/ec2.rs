//! What EC2 tells: spot prices, machine types, how likely spot machines start, and vCPUs in use.

use crate::aws::Inner;
use crate::clock::{date_time, timestamp};
use crate::retry::call;
use aws_sdk_ec2::types::{Filter, Instance, InstanceTypeInfo};
use curfew_core::market::{MachineType, SpotPrice};
use curfew_core::{Cx, RegionName, Result};
use std::collections::BTreeMap;

/// What the spot prices are asked for; other systems' prices are not looked at.
const LINUX: [&str; 2] = ["Linux/UNIX", "Linux/UNIX (Amazon VPC)"];

impl Inner {
    pub(super) fn ec2(&self, region: &RegionName) -> aws_sdk_ec2::Client {
        self.at(region).ec2.clone()
    }

    /// The prices that hold now, of each machine and zone.
    pub(super) async fn spot_now(&self, cx: &Cx, region: &RegionName) -> Result<Vec<SpotPrice>> {
        let (client, now) = (self.ec2(region), date_time(cx.now()));
        let (mut found, mut token) = (Vec::new(), None::<String>);
        loop {
            let page = call(cx, "read the spot prices", || {
                let ask = client.describe_spot_price_history().start_time(now).max_results(1_000);
                ask.set_product_descriptions(Some(LINUX.map(str::to_owned).to_vec()))
                    .set_next_token(token.clone().filter(|t| !t.is_empty()))
                    .send()
            })
            .await?;
            found.extend(page.spot_price_history().iter().filter_map(|row| {
                Some(SpotPrice {
                    zone: row.availability_zone()?.to_owned(),
                    machine: row.instance_type()?.as_str().to_owned(),
                    product: row.product_description()?.as_str().to_owned(),
                    price: row.spot_price()?.to_owned(),
                    since: timestamp(row.timestamp()?),
                })
            }));
            token = page.next_token;
            if token.as_ref().is_none_or(String::is_empty) {
                return Ok(found);
            }
        }
    }

    /// Every machine type that the region offers.
    pub(super) async fn types_of(&self, cx: &Cx, region: &RegionName) -> Result<Vec<MachineType>> {
        let client = self.ec2(region);
        let (mut found, mut token) = (Vec::new(), None::<String>);
        loop {
            let page = call(cx, "read the machine types", || {
                client.describe_instance_types().max_results(100).set_next_token(token.clone()).send()
            })
            .await?;
            found.extend(page.instance_types().iter().filter_map(machine_type));
            token = page.next_token;
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    /// How likely one spot machine starts, by region.
    pub(super) async fn scores(&self, cx: &Cx, machine: &str, regions: &[RegionName]) -> Result<Vec<(RegionName, u8)>> {
        let client = self.ec2(&self.home);
        let names: Vec<String> = regions.iter().map(ToString::to_string).collect();
        let answer = call(cx, "ask how likely spot machines start", || {
            let ask = client.get_spot_placement_scores().instance_types(machine).target_capacity(1);
            ask.set_region_names(Some(names.clone())).single_availability_zone(false).send()
        })
        .await?;
        let scores = answer.spot_placement_scores().iter().filter_map(|s| {
            let region = RegionName::new(s.region()?).ok()?;
            Some((region, u8::try_from(s.score()?).ok().filter(|n| (1..=10).contains(n))?))
        });
        Ok(scores.collect())
    }

    /// vCPUs of running machines: by the letters of their family ("g", "inf"), on demand and spot apart.
    pub(super) async fn vcpus_in_use(&self, cx: &Cx, region: &RegionName) -> Result<BTreeMap<(String, bool), u32>> {
        let client = self.ec2(region);
        let (mut used, mut token) = (BTreeMap::new(), None::<String>);
        let running = Filter::builder().name("instance-state-name").values("pending").values("running").build();
        loop {
            let page = call(cx, "count what is in use", || {
                let ask = client.describe_instances().filters(running.clone()).max_results(1_000);
                ask.set_next_token(token.clone()).send()
            })
            .await?;
            for machine in page.reservations().iter().flat_map(aws_sdk_ec2::types::Reservation::instances) {
                let spot = machine.instance_lifecycle().is_some_and(|l| l.as_str() == "spot");
                if let Some(kind) = machine.instance_type() {
                    *used.entry((family_letters(kind.as_str()).to_owned(), spot)).or_default() += vcpus(machine);
                }
            }
            token = page.next_token;
            if token.is_none() {
                return Ok(used);
            }
        }
    }
}

fn vcpus(machine: &Instance) -> u32 {
    let of = |n: Option<i32>| n.map_or(1, i32::unsigned_abs);
    machine.cpu_options().map_or(1, |c| of(c.core_count()) * of(c.threads_per_core()))
}

/// "g" of g5.xlarge, "inf" of inf2.xlarge.
pub(super) fn family_letters(machine: &str) -> &str {
    &machine[..machine.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(machine.len())]
}

/// Does a quota whose name is "Running On-Demand G and VT instances" or "All Standard (A, C, …) Spot Instance Requests"
/// count machines of these letters?
pub(super) fn counts(quota: &str, letters: &str) -> bool {
    let class = match letters {
        "gr" => "g",
        "u" => "high",
        other => other,
    };
    quota.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word.eq_ignore_ascii_case(class))
}

fn machine_type(info: &InstanceTypeInfo) -> Option<MachineType> {
    let positive = |n: Option<i32>| n.and_then(|n| u32::try_from(n).ok());
    let mib = |n: Option<i32>| n.and_then(|n| u64::try_from(n).ok());
    let gpus = info.gpu_info().into_iter().flat_map(aws_sdk_ec2::types::GpuInfo::gpus).filter_map(|g| {
        Some((
            g.name()?.to_owned(),
            positive(g.count())?,
            mib(g.memory_info().and_then(aws_sdk_ec2::types::GpuDeviceMemoryInfo::size_in_mib)),
        ))
    });
    let inference = info
        .inference_accelerator_info()
        .into_iter()
        .flat_map(aws_sdk_ec2::types::InferenceAcceleratorInfo::accelerators)
        .filter_map(|a| {
            Some((
                a.name()?.to_owned(),
                positive(a.count())?,
                mib(a.memory_info().and_then(aws_sdk_ec2::types::InferenceDeviceMemoryInfo::size_in_mib)),
            ))
        });
    let neuron =
        info.neuron_info().into_iter().flat_map(aws_sdk_ec2::types::NeuronInfo::neuron_devices).filter_map(|d| {
            Some((
                d.name()?.to_owned(),
                positive(d.count())?,
                mib(d.memory_info().and_then(aws_sdk_ec2::types::NeuronDeviceMemoryInfo::size_in_mib)),
            ))
        });
    let disk = info
        .instance_storage_info()
        .and_then(aws_sdk_ec2::types::InstanceStorageInfo::total_size_in_gb)
        .and_then(|gb| u32::try_from(gb).ok());
    Some(MachineType {
        name: info.instance_type()?.as_str().to_owned(),
        vcpus: positive(info.v_cpu_info().and_then(aws_sdk_ec2::types::VCpuInfo::default_v_cpus)),
        memory_mib: info
            .memory_info()
            .and_then(aws_sdk_ec2::types::MemoryInfo::size_in_mib)
            .and_then(|n| u64::try_from(n).ok()),
        architectures: info
            .processor_info()
            .map(|p| p.supported_architectures().iter().map(|a| a.as_str().to_owned()).collect())
            .unwrap_or_default(),
        accelerators: gpus.chain(neuron).chain(inference).collect(),
        network: info.network_info().and_then(|n| n.network_performance()).map(str::to_owned),
        local_disk_gb: if info.instance_storage_supported() == Some(false) { Some(0) } else { disk },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_counts_the_machines_it_names() {
        let check = |quota: &str, yes: &[&str], no: &[&str]| {
            for machine in yes {
                assert!(counts(quota, family_letters(machine)), "{quota} counts {machine}");
            }
            for machine in no {
                assert!(!counts(quota, family_letters(machine)), "{quota} does not count {machine}");
            }
        };
        check("Running On-Demand G and VT instances", &["g5.xlarge", "gr6.4xlarge", "vt1.3xlarge"], &["p3.2xlarge"]);
        let standard = "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances";
        check(
            standard,
            &["m5.large", "t3.micro", "r7i.large", "a1.metal"],
            &["g5.xlarge", "inf2.xlarge", "x2idn.metal"],
        );
        check("All P Spot Instance Requests", &["p4d.24xlarge"], &["g5.xlarge"]);
        check("Running On-Demand High Memory instances", &["u-6tb1.metal"], &["m5.large"]);
        check("Running On-Demand Inf instances", &["inf2.xlarge"], &["i3.large"]);
    }
}
