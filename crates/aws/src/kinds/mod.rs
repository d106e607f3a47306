//! Kinds of things that can be left behind at AWS. One file each that reads like a data sheet: what it is called, which
//! there are, what one of them is, and how it goes. The frame around them is here.

pub(crate) mod buckets;
mod configs;
mod endpoints;
mod jobs;
mod models;
mod roles;
mod runs;
pub(crate) mod uploads;

use crate::aws::{Clients, Inner};
use crate::retry::call;
use async_trait::async_trait;
use curfew_core::provider::Kind;
use curfew_core::resource::{Evidence, KindSheet, RemovalStep, Resource, ResourceKey};
use curfew_core::{Cost, Cx, Error, ErrorKind, IntentId, RegionName, Result, Sweep, Timestamp, say};
use std::sync::Arc;

/// Every kind.
pub(crate) fn all(inner: &Arc<Inner>) -> Vec<Box<dyn Kind>> {
    fn framed<K: Sheet + 'static>(inner: &Arc<Inner>, kind: K) -> Box<dyn Kind> {
        Box::new(Framed { inner: inner.clone(), kind })
    }
    vec![
        framed(inner, endpoints::Endpoints),
        framed(inner, configs::Configs),
        framed(inner, models::Models),
        framed(inner, jobs::Jobs),
        framed(inner, runs::Runs),
        framed(inner, uploads::Uploads),
        framed(inner, buckets::Buckets),
        framed(inner, roles::Roles),
    ]
}

/// What one kind tells of itself.
#[async_trait]
trait Sheet: Send + Sync {
    /// Names and order.
    fn sheet(&self) -> KindSheet;
    /// The ids of all of them.
    async fn ids(&self, at: &At<'_>) -> Result<Vec<String>>;
    /// One of them; `None` only where AWS says that it is gone.
    async fn read(&self, at: &At<'_>, id: &str) -> Result<Option<Resource>>;
    /// One step of its removal.
    async fn remove(&self, at: &At<'_>, id: &str, verb: &str) -> Result<()>;
}

/// Where a kind looks.
struct At<'a> {
    inner: &'a Inner,
    cx: &'a Cx,
    region: &'a RegionName,
    clients: Arc<Clients>,
    sheet: KindSheet,
}

struct Framed<K> {
    inner: Arc<Inner>,
    kind: K,
}

impl<K: Sheet> Framed<K> {
    fn at<'a>(&'a self, cx: &'a Cx, region: &'a RegionName) -> At<'a> {
        At { inner: &self.inner, cx, region, clients: self.inner.at(region), sheet: self.kind.sheet() }
    }
}

#[async_trait]
impl<K: Sheet> Kind for Framed<K> {
    fn sheet(&self) -> KindSheet {
        self.kind.sheet()
    }
    async fn list(&self, cx: &Cx, region: &RegionName) -> Sweep<Resource> {
        let at = self.at(cx, region);
        let mut sweep = Sweep::default();
        let ids = match self.kind.ids(&at).await {
            Ok(ids) => ids,
            Err(e) => {
                sweep.gaps.push(self.inner.gap(region, at.sheet.many, &e));
                return sweep;
            }
        };
        for id in ids {
            match self.kind.read(&at, &id).await {
                Ok(found) => sweep.items.extend(found),
                Err(e) => sweep.gaps.push(self.inner.gap(region, &format!("the {} {id}", at.sheet.one), &e)),
            }
        }
        sweep.items.sort_by(|a, b| a.key.cmp(&b.key));
        sweep
    }
    async fn read(&self, cx: &Cx, region: &RegionName, id: &str) -> Result<Option<Resource>> {
        cx.check("look again")?;
        self.kind.read(&self.at(cx, region), id).await
    }
    async fn remove(&self, cx: &Cx, region: &RegionName, id: &str, step: &RemovalStep) -> Result<()> {
        cx.check("remove it")?;
        self.kind.remove(&self.at(cx, region), id, &step.verb).await
    }
}

impl At<'_> {
    /// A resource with what all of them share; the rest is for its kind to fill in.
    fn resource(&self, id: &str, name: &str) -> Resource {
        Resource {
            key: ResourceKey {
                cloud: self.inner.cloud.clone(),
                account: self.inner.account.clone(),
                region: self.region.clone(),
                kind: self.sheet.id.into(),
                id: id.into(),
            },
            name: name.into(),
            kind_title: self.sheet.one.into(),
            state: String::new(),
            created: None,
            owner: None,
            size: None,
            bytes: None,
            rate: Cost::Unknown { why: "not worked out".into() },
            so_far: Cost::Unknown { why: "AWS tells what it has cost a day later".into() },
            evidence: Vec::new(),
            curfew: None,
            intent: None,
            keep_until: None,
            steps: Vec::new(),
            fingerprint: String::new(),
        }
    }
    /// Takes what our tags tell: who asked for it, by which intent, until when to keep it.
    async fn tagged(&self, resource: &mut Resource, arn: &str) -> Result<()> {
        for (key, value) in tags(&self.clients, self.cx, arn).await? {
            match key.as_str() {
                crate::names::TAG_INTENT => resource.intent = IntentId::new(value).ok(),
                crate::names::TAG_OWNER => resource.owner = Some(value),
                crate::names::TAG_KEEP => resource.keep_until = value.parse().ok(),
                _ => {}
            }
        }
        Ok(())
    }
}

/// The tags of a thing of SageMaker's; none where it is gone.
async fn tags(clients: &Clients, cx: &Cx, arn: &str) -> Result<Vec<(String, String)>> {
    let answer = call(cx, "read the tags", || clients.sagemaker.list_tags().resource_arn(arn).send()).await;
    match answer {
        Ok(answer) => Ok(answer
            .tags()
            .iter()
            .map(|t| (t.key().unwrap_or_default().into(), t.value().unwrap_or_default().into()))
            .collect()),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(e) => Err(e),
    }
}

/// One tag.
pub(crate) async fn tag(clients: &Clients, cx: &Cx, arn: &str, key: &str) -> Result<Option<String>> {
    Ok(tags(clients, cx, arn).await?.into_iter().find(|(k, _)| k == key).map(|(_, v)| v))
}

fn step(verb: &str, says: impl Into<String>) -> RemovalStep {
    RemovalStep { verb: verb.into(), says: says.into(), reversible: false, artefacts: None }
}

fn last_used(at: Timestamp, how: &str) -> Evidence {
    Evidence::LastUsed { at, how: how.into() }
}

fn not_billed(note: &str) -> Cost<curfew_core::HourlyRate> {
    Cost::NotBilled { note: note.into() }
}

fn unknown_step(verb: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, "remove it", format!("there is no step “{}”", say::clean(verb, 40)))
}

/// S3's price of keeping so many bytes, by the hour.
fn storage_rate(region: &RegionName, bytes: u64) -> Cost<curfew_core::HourlyRate> {
    use curfew_core::{HourlyRate, Money};
    use rust_decimal::Decimal;
    // $0.023 a GB and month in us-east-1 (assets/aws/README.md). 730 hours a month, GB of 2^30 bytes as S3 bills.
    if region.as_str() != "us-east-1" {
        return Cost::Unknown { why: format!("the price list here has no storage price of {region}") };
    }
    let month = Decimal::new(23, 3);
    let hourly = month / Decimal::from(730) * Decimal::from(bytes) / Decimal::from(1_u64 << 30);
    Cost::Estimated {
        amount: HourlyRate(Money::usd(hourly.round_dp(18))),
        as_of: "2024-07-01T00:00:00Z".parse().expect("a constant that is a time"),
        basis: "S3 Standard in us-east-1, $0.023 a GB and month".into(),
    }
}
