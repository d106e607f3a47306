//! Asking a cloud for a larger quota: what to ask for, filled in, and where.

use crate::Engine;
use curfew_catalog::spec::Spec;
use curfew_catalog::{QuotaAsk, QuotaLevel, QuotaOrigin};
use curfew_core::market::Quota;
use curfew_core::{Result, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Quotas as an account told them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct KnownQuotas {
    /// Cloud and account.
    pub(super) of: String,
    /// When.
    pub(super) at: Timestamp,
    /// What.
    pub(super) levels: Vec<Quota>,
    /// What could not be read.
    pub(super) gaps: Vec<String>,
}

impl Engine {
    /// Keeps what an account told, in place of what it told before.
    pub(super) async fn put_quotas(&self, known: KnownQuotas) -> Result<()> {
        let mut all: Vec<KnownQuotas> = self.store.fact("quotas").await?.unwrap_or_default();
        all.retain(|k| k.of != known.of);
        all.push(known);
        self.store.put_fact("quotas", &all).await
    }
    /// The applied quotas of all accounts, as last read.
    pub(super) async fn applied_quotas(&self) -> Result<Arc<Vec<QuotaLevel>>> {
        let seq = self.store.seq().await?;
        let mut shelf = self.shelf.quotas.lock().await;
        if let Some((known, levels)) = &*shelf
            && *known == seq
        {
            return Ok(levels.clone());
        }
        let all: Vec<KnownQuotas> = self.store.fact("quotas").await?.unwrap_or_default();
        let levels: Vec<QuotaLevel> = all.into_iter().flat_map(|k| k.levels).map(level).collect();
        let levels = match &*shelf {
            Some((_, same)) if **same == levels => same.clone(),
            _ => Arc::new(levels),
        };
        *shelf = Some((seq, levels.clone()));
        Ok(levels)
    }
}

fn level(q: Quota) -> QuotaLevel {
    QuotaLevel {
        cloud: q.cloud,
        service: q.service,
        region: q.region,
        code: q.code,
        name: q.name,
        unit: q.unit,
        value: q.value,
        used: q.used,
        origin: QuotaOrigin::Applied,
    }
}

/// A request for more, ready to be sent or copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskWhere {
    /// The page of the cloud's console on which it is asked for.
    pub url: String,
    /// What to ask for, in one sentence.
    pub says: String,
    /// The fields of the request, as the console names them.
    pub fields: Vec<(&'static str, String)>,
    /// A reason that a person would give; edit it.
    pub reason: String,
}

/// Where and how to ask for a quota. The addresses are the consoles' own (Service Quotas user guide, "Requesting a
/// quota increase"; Google Cloud, "Request a higher quota value").
pub fn ask_where(ask: &QuotaAsk) -> AskWhere {
    let wanted = ask.ask_for.normalize().to_string();
    let name = ask.name.clone().unwrap_or_else(|| "the quota of this machine".into());
    let value = ask.value.map_or_else(|| "not known".into(), |v| v.normalize().to_string());
    let service = if ask.cloud == "aws" && ask.service == "ec2" { "ec2" } else { ask.service.as_str() };
    let url = match (ask.cloud.as_str(), &ask.code) {
        ("aws", Some(code)) => {
            format!("https://{}.console.aws.amazon.com/servicequotas/home/services/{service}/quotas/{code}", ask.region)
        }
        ("aws", None) => {
            format!("https://{}.console.aws.amazon.com/servicequotas/home/services/{service}/quotas", ask.region)
        }
        _ => "https://console.cloud.google.com/iam-admin/quotas".to_owned(),
    };
    let mut fields = vec![("Service", service.to_owned()), ("Quota", name.clone())];
    fields.extend(ask.code.clone().map(|code| ("Code", code)));
    fields.extend([("Region", ask.region.clone()), ("Now", value), ("Ask for", format!("{wanted} {}", ask.unit))]);
    AskWhere {
        says: format!("Ask for {wanted} {} of “{name}” in {}.", ask.unit, ask.region),
        reason: format!(
            "I train machine learning models and need one machine at a time in {}. Each run has an end time at which \
             it is stopped.",
            ask.region
        ),
        url,
        fields,
    }
}

/// "T4 · 4 vCPU · 16 GiB", "8 × A100-40GB · 96 vCPU · 1152 GiB", "8 vCPU · 15.6 GiB · no GPU".
pub fn has(spec: &Spec) -> String {
    let mut parts = Vec::new();
    match &spec.accelerator {
        Some(a) if a.count == rust_decimal::Decimal::ONE => parts.push(a.kind.to_string()),
        Some(a) => parts.push(format!("{} × {}", a.count.normalize(), a.kind)),
        None => {}
    }
    parts.extend(spec.vcpus.map(|n| format!("{n} vCPU")));
    parts.extend(spec.memory_gib.map(|gib| format!("{} GiB", gib.normalize())));
    if spec.accelerator.is_none() && &*spec.cloud == "local" {
        parts.push("no GPU".into());
    }
    parts.join(" · ")
}
