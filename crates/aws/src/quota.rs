//! Quotas: which one was hit, and the nearest machine that this account may use instead.

use crate::aws::Inner;
use crate::machines;
use crate::retry::call;
use curfew_core::error::Bill;
use curfew_core::{Cx, Error, ErrorKind, RegionName, Result};
use std::collections::BTreeMap;

impl Inner {
    /// Adds to a quota error what would work instead: the nearest machine whose quota of the same use is not zero.
    /// `usage` is the end of the quota's name: "training job usage", "endpoint usage".
    pub(crate) async fn explain_quota(
        &self,
        cx: &Cx,
        region: &RegionName,
        error: Error,
        machine: &str,
        usage: &str,
    ) -> Error {
        if error.kind() != ErrorKind::Quota {
            return error;
        }
        let error = error.at("machine").bill(Bill::NothingStarted).with("machine", machine).with("region", region);
        let Ok(quotas) = self.quotas(cx, region).await else { return error };
        let free = machines::near(region.as_str(), machine).into_iter().find_map(|other| {
            let value = *quotas.get(&format!("{other} for {usage}"))?;
            (value >= 1.0).then_some((other, value))
        });
        let small = || {
            let mut open: Vec<&String> = quotas
                .iter()
                .filter(|(name, value)| **value >= 1.0 && name.ends_with(&format!(" for {usage}")))
                .map(|(name, _)| name)
                .collect();
            open.sort();
            open.first().and_then(|name| name.split(' ').next()).map(str::to_owned)
        };
        let other = free.map(|(name, _)| name.to_owned()).or_else(small);
        match other {
            Some(name) => error.next(format!(
                "This account may use {name} for this; take it, or ask for more under Service Quotas in AWS's console"
            )),
            None => error,
        }
    }

    /// The applied SageMaker quotas of the account, by name. What is not listed is unknown, not zero.
    pub(crate) async fn quotas(&self, cx: &Cx, region: &RegionName) -> Result<BTreeMap<String, f64>> {
        let client = self.at(region).quotas.clone();
        let (mut all, mut token) = (BTreeMap::new(), None::<String>);
        loop {
            let page = call(cx, "read the quotas", || {
                client
                    .list_service_quotas()
                    .service_code("sagemaker")
                    .max_results(100)
                    .set_next_token(token.clone())
                    .send()
            })
            .await?;
            for quota in page.quotas() {
                if let (Some(name), Some(value)) = (quota.quota_name(), quota.value()) {
                    all.insert(name.to_owned(), value);
                }
            }
            token = page.next_token;
            if token.is_none() {
                return Ok(all);
            }
        }
    }
}
