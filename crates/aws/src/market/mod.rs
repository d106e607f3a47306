//! What the account tells of prices and limits: applied quotas and how much of each is in use, spot prices, its price
//! list, what its regions offer.

mod asking;
mod ec2;
pub(crate) mod heard;
mod products;
mod serverless;

pub(crate) use serverless::Seconds;

use crate::aws::{Aws, Clients, Inner};
use crate::quota::SERVERLESS_CONCURRENCY;
use crate::retry::call;
use async_trait::async_trait;
use aws_sdk_sagemaker::types::TrainingJobStatus;
use curfew_core::market::{MachineTypes, Market, Quota, QuotaAsked, QuotaWish, SpotPrice};
use curfew_core::{Cx, RegionName, Result, Sweep};
use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;
use std::collections::BTreeMap;

#[async_trait]
impl Market for Aws {
    async fn quotas(&self, cx: &Cx) -> Result<Sweep<Quota>> {
        let mut sweep = Sweep::default();
        for region in &self.inner.priced_regions() {
            for (service, title) in [("sagemaker", "SageMaker quotas"), ("ec2", "EC2 quotas")] {
                match self.inner.quota_list(cx, region, service).await {
                    Ok(mut quotas) => {
                        self.inner.count_use(cx, region, service, &mut quotas).await;
                        sweep.items.extend(quotas);
                    }
                    Err(e) => sweep.gaps.push(self.inner.gap(region, title, &e)),
                }
            }
        }
        Ok(sweep)
    }
    async fn spot_prices(&self, cx: &Cx, region: &RegionName) -> Result<Vec<SpotPrice>> {
        self.inner.spot_now(cx, region).await
    }
    async fn products(&self, cx: &Cx, region: &RegionName) -> Result<Vec<String>> {
        self.inner.products_of(cx, region).await
    }
    async fn machine_types(&self, cx: &Cx, region: &RegionName) -> Result<MachineTypes> {
        Ok(MachineTypes { service: "ec2".into(), types: self.inner.types_of(cx, region).await? })
    }
    async fn placement(&self, cx: &Cx, machine: &str, regions: &[RegionName]) -> Result<Vec<(RegionName, u8)>> {
        self.inner.scores(cx, machine, regions).await
    }
    async fn ask_for_quota(&self, cx: &Cx, wish: &QuotaWish) -> Result<QuotaAsked> {
        self.inner.ask_quota(cx, wish).await
    }
}

impl Inner {
    /// The applied quotas of a service (`ec2`, `sagemaker`) that count machines; their use is not looked at.
    async fn quota_list(&self, cx: &Cx, region: &RegionName, service: &str) -> Result<Vec<Quota>> {
        let client = self.at(region).quotas.clone();
        let (mut found, mut token) = (Vec::new(), None::<String>);
        loop {
            let page = call(cx, "read the quotas", || {
                client.list_service_quotas().service_code(service).max_results(100).set_next_token(token.clone()).send()
            })
            .await?;
            found.extend(page.quotas().iter().filter_map(|q| {
                let name = q.quota_name()?;
                let counts =
                    service != "ec2" || name.starts_with("Running On-Demand ") || name.contains(" Spot Instance ");
                counts.then(|| Quota {
                    cloud: "aws".into(),
                    service: service.to_owned(),
                    region: Some(region.to_string()),
                    code: q.quota_code().map(str::to_owned),
                    name: name.to_owned(),
                    unit: if service == "ec2" { "vCPU" } else { "instances" }.into(),
                    value: q.value().and_then(Decimal::from_f64),
                    used: None,
                })
            }));
            token = page.next_token;
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    /// Fills in what is in use. That it cannot be counted leaves it unknown, and not zero.
    async fn count_use(&self, cx: &Cx, region: &RegionName, service: &str, quotas: &mut [Quota]) {
        if service == "ec2" {
            let Ok(used) = self.vcpus_in_use(cx, region).await else { return };
            for quota in quotas {
                let spot = quota.name.contains(" Spot ");
                let of = used.iter().filter(|((letters, s), _)| *s == spot && ec2::counts(&quota.name, letters));
                quota.used = Some(Decimal::from(of.map(|(_, n)| *n).sum::<u32>()));
            }
            return;
        }
        let Ok(used) = self.in_use(cx, region).await else { return };
        for quota in quotas {
            let name = &quota.name;
            // Only what was counted: quotas of other uses stay unknown.
            if name.ends_with(" job usage") && name.contains("training")
                || name.ends_with(" for endpoint usage")
                || name == SERVERLESS_CONCURRENCY
            {
                quota.used = Some(Decimal::from(used.get(name).copied().unwrap_or(0)));
            }
        }
    }
}

impl Inner {
    /// Machines in use by running jobs and endpoints, by the name of the quota that they count for.
    async fn in_use(&self, cx: &Cx, region: &RegionName) -> Result<BTreeMap<String, u32>> {
        let clients = self.at(region);
        let mut used = BTreeMap::new();
        for (machine, spot, count) in jobs(cx, &clients).await? {
            let kind = if spot { "spot training" } else { "training" };
            *used.entry(format!("{machine} for {kind} job usage")).or_default() += count;
        }
        for (name, count) in endpoints(cx, &clients).await? {
            *used.entry(name).or_default() += count;
        }
        Ok(used)
    }

    /// The same of endpoints alone.
    pub(crate) async fn endpoints_in_use(&self, cx: &Cx, region: &RegionName) -> Result<BTreeMap<String, u32>> {
        let mut used = BTreeMap::new();
        for (name, count) in endpoints(cx, &self.at(region)).await? {
            *used.entry(name).or_default() += count;
        }
        Ok(used)
    }
}

async fn jobs(cx: &Cx, clients: &Clients) -> Result<Vec<(String, bool, u32)>> {
    const WHAT: &str = "count what is in use";
    let (mut found, mut token) = (Vec::new(), None::<String>);
    loop {
        let page = call(cx, WHAT, || {
            let list = clients.sagemaker.list_training_jobs().max_results(100);
            list.status_equals(TrainingJobStatus::InProgress).set_next_token(token.clone()).send()
        })
        .await?;
        for name in page.training_job_summaries().iter().filter_map(|j| j.training_job_name()) {
            let job =
                call(cx, WHAT, || clients.sagemaker.describe_training_job().training_job_name(name).send()).await?;
            let Some(resources) = job.resource_config() else { continue };
            let machine = resources.instance_type().map(|t| t.as_str().to_owned()).unwrap_or_default();
            let spot = job.enable_managed_spot_training().unwrap_or(false);
            found.push((machine, spot, resources.instance_count().unwrap_or(1).unsigned_abs()));
        }
        token = page.next_token;
        if token.is_none() {
            return Ok(found);
        }
    }
}

/// The name of a quota, and how much of it one endpoint uses.
async fn endpoints(cx: &Cx, clients: &Clients) -> Result<Vec<(String, u32)>> {
    const WHAT: &str = "count what is in use";
    let (mut found, mut token) = (Vec::new(), None::<String>);
    loop {
        let page =
            call(cx, WHAT, || clients.sagemaker.list_endpoints().max_results(100).set_next_token(token.clone()).send())
                .await?;
        for name in page.endpoints().iter().filter_map(|e| e.endpoint_name()) {
            let endpoint = call(cx, WHAT, || clients.sagemaker.describe_endpoint().endpoint_name(name).send()).await?;
            let config = endpoint.endpoint_config_name().unwrap_or_default();
            let config =
                call(cx, WHAT, || clients.sagemaker.describe_endpoint_config().endpoint_config_name(config).send());
            for variant in config.await?.production_variants() {
                if let Some(machine) = variant.instance_type() {
                    let count = variant.initial_instance_count().unwrap_or(1).unsigned_abs();
                    found.push((format!("{} for endpoint usage", machine.as_str()), count));
                } else if let Some(serverless) = variant.serverless_config() {
                    let count = serverless.max_concurrency().unwrap_or(0);
                    found.push((SERVERLESS_CONCURRENCY.to_owned(), count.unsigned_abs()));
                }
            }
        }
        token = page.next_token;
        if token.is_none() {
            return Ok(found);
        }
    }
}
