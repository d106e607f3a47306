//! What the account tells of its limits: applied quotas, and how much of each is in use.

use crate::aws::{Aws, Clients, Inner};
use crate::retry::call;
use async_trait::async_trait;
use aws_sdk_sagemaker::types::TrainingJobStatus;
use curfew_core::market::{Market, Quota, SpotPrice};
use curfew_core::{Cx, Error, ErrorKind, RegionName, Result, Sweep};
use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;
use std::collections::BTreeMap;

#[async_trait]
impl Market for Aws {
    async fn quotas(&self, cx: &Cx) -> Result<Sweep<Quota>> {
        let mut sweep = Sweep::default();
        for region in &self.inner.regions {
            match self.inner.quotas(cx, region).await {
                Ok(quotas) => {
                    // That it cannot be counted makes the use unknown, and not zero.
                    let used = self.inner.in_use(cx, region).await.ok();
                    sweep.items.extend(quotas.iter().map(|(name, value)| quota(region, name, *value, used.as_ref())));
                }
                Err(e) => sweep.gaps.push(self.inner.gap(region, "SageMaker quotas", &e)),
            }
        }
        Ok(sweep)
    }
    async fn spot_prices(&self, _: &Cx, _: &RegionName) -> Result<Vec<SpotPrice>> {
        // SageMaker's spot has no price list: what was saved is told at a job's end.
        Ok(Vec::new())
    }
    async fn products(&self, _: &Cx, _: &RegionName) -> Result<Vec<String>> {
        let what = "AWS's price list is read from its public files here, and not by the account";
        Err(Error::new(ErrorKind::Unsupported, "read the price list", what))
    }
}

fn quota(region: &RegionName, name: &str, value: f64, used: Option<&BTreeMap<String, u32>>) -> Quota {
    Quota {
        cloud: "aws".into(),
        service: "sagemaker".into(),
        region: Some(region.to_string()),
        code: None,
        name: name.to_owned(),
        unit: "instances".into(),
        value: Decimal::from_f64(value),
        // Only what was counted: quotas of other uses stay unknown.
        used: used
            .filter(|_| {
                name.ends_with(" job usage") && name.contains("training") || name.ends_with(" for endpoint usage")
            })
            .map(|used| Decimal::from(used.get(name).copied().unwrap_or(0))),
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
        for (machine, count) in endpoints(cx, &clients).await? {
            *used.entry(format!("{machine} for endpoint usage")).or_default() += count;
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
                let Some(machine) = variant.instance_type() else { continue };
                found.push((machine.as_str().to_owned(), variant.initial_instance_count().unwrap_or(1).unsigned_abs()));
            }
        }
        token = page.next_token;
        if token.is_none() {
            return Ok(found);
        }
    }
}
