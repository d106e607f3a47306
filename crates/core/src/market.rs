//! What an account tells of prices and limits beyond the public lists: plain data in the cloud's own words. A provider
//! that has none of it leaves [`crate::provider::Provider::market`] as it is.

use crate::cx::Cx;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::RegionName;
use crate::sweep::Sweep;
use async_trait::async_trait;
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Prices and limits of one account.
#[async_trait]
pub trait Market: Send + Sync {
    /// Quotas as applied to this account, with what is in use; a region that cannot be read is a gap.
    async fn quotas(&self, cx: &Cx) -> Result<Sweep<Quota>>;
    /// Spot prices of a region, the newest of each machine and zone (`DescribeSpotPriceHistory`).
    async fn spot_prices(&self, cx: &Cx, region: &RegionName) -> Result<Vec<SpotPrice>>;
    /// The price list of a region as its query API tells it (`GetProducts`): a JSON text for each product with its
    /// terms.
    async fn products(&self, cx: &Cx, region: &RegionName) -> Result<Vec<String>>;
    /// The machine types that a region offers, and what they are made of (`DescribeInstanceTypes`).
    async fn machine_types(&self, _: &Cx, _: &RegionName) -> Result<MachineTypes> {
        Err(unsupported("read the machine types"))
    }
    /// How likely a spot machine starts in each of these regions, 1 to 10 (`GetSpotPlacementScores`). A region that is
    /// not among the answers has no score.
    async fn placement(&self, _: &Cx, _machine: &str, _: &[RegionName]) -> Result<Vec<(RegionName, u8)>> {
        Err(unsupported("ask how likely spot machines start"))
    }
    /// Asks for a larger quota. Where the same is asked already, that request is the answer: it may be called twice.
    async fn ask_for_quota(&self, _: &Cx, _: &QuotaWish) -> Result<QuotaAsked> {
        Err(unsupported("ask for a larger quota"))
    }
}

fn unsupported(what: &'static str) -> Error {
    Error::new(ErrorKind::Unsupported, what, "this account's cloud cannot be asked for that here")
}

/// A larger quota, as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaWish {
    /// The quota's own service: `ec2`, `sagemaker`.
    pub service: String,
    /// In which region.
    pub region: RegionName,
    /// `L-DB2E81BA`; where it is not known the name tells.
    pub code: Option<String>,
    /// "ml.g5.xlarge for training job usage".
    pub name: String,
    /// The value wanted.
    pub value: Decimal,
}

/// A request that the cloud has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaAsked {
    /// The cloud's own id of the request.
    pub id: String,
    /// How it stands, in words: "pending".
    pub state: String,
    /// The value asked for.
    pub value: Decimal,
    /// It had been asked for before.
    pub before: bool,
}

/// What a service offers in a region.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MachineTypes {
    /// Whose machines they are, as prices name it: `ec2`.
    pub service: String,
    /// Each type once.
    pub types: Vec<MachineType>,
}

/// What a machine of a type is made of, as the cloud tells it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MachineType {
    /// `g5.xlarge`.
    pub name: String,
    /// vCPUs.
    pub vcpus: Option<u32>,
    /// MiB.
    pub memory_mib: Option<u64>,
    /// `x86_64`, `arm64` …
    pub architectures: Vec<String>,
    /// Kind (`A10G`), how many, MiB of each: GPUs, inference accelerators and Neuron devices alike.
    pub accelerators: Vec<(String, u32, Option<u64>)>,
    /// "Up to 10 Gigabit".
    pub network: Option<String>,
    /// GB; `Some(0)` where it has none.
    pub local_disk_gb: Option<u32>,
}

/// A quota of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    /// `aws`, `gcp`.
    pub cloud: String,
    /// The quota's own service: `ec2`, `sagemaker`, `compute`, `vertex`.
    pub service: String,
    /// Its region; `None`: every region.
    pub region: Option<String>,
    /// `L-DB2E81BA`, `NVIDIA_T4_GPUS`.
    pub code: Option<String>,
    /// "Running On-Demand G and VT instances".
    pub name: String,
    /// `vCPU`, `instances`, `gpus`.
    pub unit: String,
    /// The applied value; `None`: not known.
    pub value: Option<Decimal>,
    /// How much of it is in use; `None`: not known.
    pub used: Option<Decimal>,
}

/// A spot price of one machine in one zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpotPrice {
    /// `us-east-1a`.
    pub zone: String,
    /// `g5.xlarge`.
    pub machine: String,
    /// `Linux/UNIX` …
    pub product: String,
    /// Dollars an hour, as the API writes it: `0.402100`.
    pub price: String,
    /// When this price began.
    pub since: Timestamp,
}
