//! Quotas: which one was hit, and the nearest machine that this account may use instead.

use crate::aws::Inner;
use crate::machines;
use crate::retry::call;
use crate::serving::mode;
use curfew_core::endpoint::EndpointSpec;
use curfew_core::error::Bill;
use curfew_core::provider::Caution;
use curfew_core::{Cx, Error, ErrorKind, RegionName, Result};
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What an endpoint needs of one quota.
struct Need {
    is_it: Box<dyn Fn(&str) -> bool + Send + Sync>,
    /// Do the needs of all endpoints add up to what is in use?
    adds_up: bool,
    number: u32,
    field: &'static str,
}

/// Quotas are matched by name: AWS's codes of them are nowhere listed as a whole.
fn needs(spec: &EndpointSpec) -> Result<Vec<Need>> {
    Ok(match mode::machine(spec)? {
        Some(machine) => {
            let name = format!("{machine} for endpoint usage");
            vec![Need { is_it: Box::new(move |n| n == name), adds_up: true, number: 1, field: "machine" }]
        }
        None => vec![
            Need {
                is_it: Box::new(|n| n == "Memory size in MB per serverless endpoint"),
                adds_up: false,
                number: mode::memory(&spec.mode),
                field: "memory",
            },
            Need {
                is_it: Box::new(|n| n == SERVERLESS_CONCURRENCY),
                adds_up: true,
                number: mode::concurrency(&spec.mode),
                field: "concurrency",
            },
        ],
    })
}

/// How many requests all serverless endpoints of a region may answer at once (L-96300102).
pub(crate) const SERVERLESS_CONCURRENCY: &str =
    "Maximum total concurrency that can be allocated across all serverless endpoints";

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

    /// Whether the account's quotas let this endpoint be, before anything is made: an error where they do not, a caution
    /// where that cannot be found out. A quota that is not listed is unknown, and bars nothing here.
    pub(crate) async fn check_endpoint_quota(
        &self,
        cx: &Cx,
        region: &RegionName,
        spec: &EndpointSpec,
    ) -> Result<Option<Caution>> {
        let Ok(quotas) = self.quotas_of_late(cx, region).await else {
            return Ok(Some(Caution {
                code: "quota-unknown".into(),
                says: "Whether this account’s quotas allow it could not be read.".into(),
                risk: "AWS may refuse it; then nothing is started and nothing is billed.".into(),
                ask: false,
            }));
        };
        for need in needs(spec)? {
            let Some((name, value)) = quotas.iter().find(|(name, _)| (need.is_it)(name)) else { continue };
            let mut used = 0;
            // Asked for only where it can make a difference.
            if *value >= f64::from(need.number) && need.adds_up {
                let Ok(all) = self.endpoints_in_use(cx, region).await else { continue };
                used = all.get(name).copied().unwrap_or(0);
            }
            if f64::from(used + need.number) <= *value {
                continue;
            }
            let in_use = if need.adds_up { format!(", of which {used} are in use") } else { String::new() };
            let what = format!("the quota “{name}” of this account is {value}{in_use}, and this needs {}", need.number);
            let error =
                Error::new(ErrorKind::Quota, "check the endpoint", what).at(need.field).bill(Bill::NothingStarted);
            return Err(match mode::machine(spec)? {
                Some(machine) => {
                    let error =
                        error.next("Ask for more under Service Quotas in AWS's console, or choose another machine");
                    self.explain_quota(cx, region, error, machine, "endpoint usage").await
                }
                None => error.next("Choose less, or ask for more under Service Quotas in AWS's console"),
            });
        }
        Ok(None)
    }

    /// The quotas, read at most every ten minutes: there are thousands of them, and a form asks at each key.
    async fn quotas_of_late(&self, cx: &Cx, region: &RegionName) -> Result<Arc<BTreeMap<String, f64>>> {
        const LATE: SignedDuration = SignedDuration::from_mins(10);
        let of_region = {
            let mut all = self.known.quotas.lock().expect("nothing panics while it is held");
            all.entry(region.clone()).or_default().clone()
        };
        let mut known = of_region.lock().await;
        if let Some((at, quotas)) = &*known
            && cx.now().duration_since(*at).abs() < LATE
        {
            return Ok(quotas.clone());
        }
        let quotas = Arc::new(self.quotas(cx, region).await?);
        *known = Some((cx.now(), quotas.clone()));
        Ok(quotas)
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
