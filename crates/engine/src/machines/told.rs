//! What accounts told of their limits and of what is to be had: kept in the store, and laid over the public figures.

use crate::Engine;
use curfew_catalog::{Offer, QuotaLevel, QuotaOrigin};
use curfew_core::market::Quota;
use curfew_core::{AccountId, Cx, RegionName, Result, Timestamp};
use jiff::SignedDuration;
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

/// The machine types that a service offers in a region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct KnownTypes {
    pub(super) cloud: String,
    pub(super) service: String,
    pub(super) region: String,
    /// When it was read.
    pub(super) at: Timestamp,
    pub(super) machines: Vec<String>,
}

/// How likely a spot machine starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct KnownScore {
    pub(super) machine: String,
    pub(super) region: String,
    /// Of which account it was asked; a score holds for that one.
    #[serde(default)]
    pub(super) account: Option<AccountId>,
    /// When it was asked.
    pub(super) at: Timestamp,
    /// 1 to 10.
    pub(super) score: u8,
}

impl KnownScore {
    /// Does it still say something?
    pub(super) fn holds(&self, now: Timestamp) -> bool {
        now.duration_since(self.at) < SCORE_HOLDS
    }
}

/// All of it, as last told.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Told {
    /// With the account that told: `aws 123456789012`.
    pub(super) quotas: Vec<(String, QuotaLevel)>,
    pub(super) types: Vec<KnownTypes>,
    pub(super) scores: Vec<KnownScore>,
}

/// For how long a score says something; AWS gives new ones through the day, and each question counts against a limit.
const SCORE_HOLDS: SignedDuration = SignedDuration::from_hours(1);

impl Engine {
    /// Keeps what an account told, in place of what it told before.
    pub(super) async fn put_quotas(&self, known: KnownQuotas) -> Result<()> {
        let mut all: Vec<KnownQuotas> = self.store.fact("quotas").await?.unwrap_or_default();
        all.retain(|k| k.of != known.of);
        all.push(known);
        self.store.put_fact("quotas", &all).await
    }
    /// Keeps what a region offers.
    pub(super) async fn put_types(&self, known: KnownTypes) -> Result<()> {
        let mut all: Vec<KnownTypes> = self.store.fact("machine-types").await?.unwrap_or_default();
        let key = |k: &KnownTypes| (k.cloud.clone(), k.service.clone(), k.region.clone());
        all.retain(|k| key(k) != key(&known));
        all.push(known);
        self.store.put_fact("machine-types", &all).await
    }
    /// Everything that accounts told, as last read.
    pub(super) async fn told(&self) -> Result<Arc<Told>> {
        let seq = self.store.seq().await?;
        let mut shelf = self.shelf.told.lock().await;
        if let Some((known, told)) = &*shelf
            && *known == seq
        {
            return Ok(told.clone());
        }
        let quotas: Vec<KnownQuotas> = self.store.fact("quotas").await?.unwrap_or_default();
        let told = Told {
            quotas: quotas
                .into_iter()
                .flat_map(|k| k.levels.into_iter().map(move |q| (k.of.clone(), level(q))))
                .collect(),
            types: self.store.fact("machine-types").await?.unwrap_or_default(),
            scores: self.store.fact("placement").await?.unwrap_or_default(),
        };
        let told = match &*shelf {
            Some((_, same)) if **same == told => same.clone(),
            _ => Arc::new(told),
        };
        *shelf = Some((seq, told.clone()));
        Ok(told)
    }

    /// Asks how likely a spot machine starts for an account (the cloud's first one where none is named), unless that was
    /// asked within the hour; `None`: nobody can tell, because it is no spot machine of a connected account, or its cloud
    /// gives no score.
    pub async fn placement(&self, cx: &Cx, offer: &Offer<'_>, account: Option<&AccountId>) -> Result<Option<u8>> {
        // What a service makes of a machine is its own affair: only the plain machine has a score.
        if !offer.slot.buy.is_spot() || offer.slot.component.is_some() {
            return Ok(None);
        }
        let (machine, region) = (offer.spec.machine.to_string(), offer.slot.region.to_string());
        let mut all: Vec<KnownScore> = self.store.fact("placement").await?.unwrap_or_default();
        let Ok(at) = RegionName::new(region.clone()) else { return Ok(None) };
        let able = |p: &&Arc<dyn curfew_core::provider::Provider>| {
            let named = account.is_none_or(|a| a == p.account());
            p.cloud().as_str() == &*offer.slot.cloud && named && p.market().is_some()
        };
        let providers = self.providers();
        let Some(provider) = providers.iter().find(able) else { return Ok(None) };
        let account = Some(provider.account().clone());
        let fresh = |k: &KnownScore| k.holds(cx.now());
        let same = |k: &KnownScore| k.machine == machine && k.region == region && k.account == account;
        if let Some(known) = all.iter().find(|k| same(k) && fresh(k)) {
            return Ok(Some(known.score));
        }
        let Some(market) = provider.market() else { return Ok(None) };
        let scores = market.placement(cx, &machine, std::slice::from_ref(&at)).await?;
        let score = scores.into_iter().find(|(r, _)| *r == at).map(|(_, score)| score);
        if let Some(score) = score {
            all.retain(|k| fresh(k) && !same(k));
            all.push(KnownScore { machine, region, account, at: cx.now(), score });
            self.store.put_fact("placement", &all).await?;
        }
        Ok(score)
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
