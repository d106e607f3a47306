//! What an account tells of prices and limits beyond the public lists: plain data in the cloud's own words. A provider
//! that has none of it leaves [`crate::provider::Provider::market`] as it is.

use crate::cx::Cx;
use crate::error::Result;
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
