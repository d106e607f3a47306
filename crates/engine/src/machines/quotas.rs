//! Asking a cloud for a larger quota: what to ask for, filled in, and where; or sent through an account.

use crate::{Engine, new_intent};
use curfew_catalog::QuotaAsk;
use curfew_catalog::spec::Spec;
use curfew_core::intent::Verb;
use curfew_core::market::{QuotaAsked, QuotaWish};
use curfew_core::{AccountId, Cx, Error, ErrorKind, RegionName, Result, say};

impl Engine {
    /// Sends the request for a larger quota through an account of its cloud. Asking twice finds the first request.
    pub async fn ask_for_quota(&self, cx: &Cx, ask: &QuotaAsk, account: &AccountId) -> Result<QuotaAsked> {
        let wish = QuotaWish {
            service: ask.service.clone(),
            region: RegionName::new(ask.region.clone()).map_err(|e| Error::input("region", e.to_string()))?,
            code: ask.code.clone(),
            name: ask.name.clone().ok_or_else(|| {
                let says = "it is not known which quota this machine counts against";
                Error::new(ErrorKind::Unsupported, "ask for a larger quota", says)
            })?,
            value: ask.ask_for,
        };
        let providers = self.providers();
        let cloud = providers.iter().find(|p| p.cloud().as_str() == ask.cloud && p.account() == account);
        let provider = cloud.ok_or_else(|| {
            let says = format!("no account {} of this cloud is connected", say::clean(&account.0, 40));
            Error::new(ErrorKind::NotFound, "ask for a larger quota", says)
        })?;
        let intent = crate::runs::intent(cx, new_intent(), Verb::AskQuota, &**provider, &wish.name, &wish, None)?;
        self.store.open_intent(&intent, &self.owner).await?;
        let asked = self.send_wish(cx, &**provider, &wish).await;
        let outcome = match &asked {
            Ok(asked) if asked.before => "was asked for already",
            Ok(_) => "asked",
            Err(_) => "failed",
        };
        self.store.close_intent(&intent.id, cx.now(), outcome).await?;
        asked
    }

    pub(crate) async fn send_wish(
        &self,
        cx: &Cx,
        provider: &dyn curfew_core::provider::Provider,
        wish: &QuotaWish,
    ) -> Result<QuotaAsked> {
        let market = provider.market().ok_or_else(|| {
            let says = format!("{} cannot be asked for a quota from here", provider.title());
            Error::new(ErrorKind::Unsupported, "ask for a larger quota", says).next("Ask on its console")
        })?;
        market.ask_for_quota(cx, wish).await
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
