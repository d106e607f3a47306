//! The sweep: every kind, in every region, of every account, judged.

use crate::Engine;
use curfew_core::access::Regions;
use curfew_core::provider::{Kind, Provider};
use curfew_core::resource::Resource;
use curfew_core::verdict::{Judged, judge};
use curfew_core::{Cx, Gap, HourlyRate, RegionName, Result, Sweep, Timestamp, money::Total};
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;

/// What a sweep found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SweepReport {
    /// When.
    pub at: Timestamp,
    /// Worst first, then dearest.
    pub rows: Vec<SweepRow>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
    /// What was read: "This computer: training runs, endpoints, …".
    pub read: Vec<String>,
    /// What all of it costs by the hour.
    pub rate: Total<HourlyRate>,
}

/// A resource with its verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SweepRow {
    /// What.
    pub resource: Resource,
    /// What we think.
    pub judged: Judged,
    /// "This computer".
    pub place: String,
}

/// How many lists run at once, over all services and regions.
const AT_ONCE: usize = 16;

/// "AWS · lab, in 17 regions: runs, …", and where only some regions were read, which and why.
fn was_read(provider: &dyn Provider, regions: Option<&Regions>) -> String {
    let kinds: Vec<&str> = provider.kinds().iter().map(|k| k.sheet().many).collect();
    let place = match regions {
        None => String::new(),
        Some(Regions { read, limited_by: Some(by), .. }) => {
            let names: Vec<&str> = read.iter().map(curfew_core::RegionName::as_str).collect();
            format!(" in {} only, as {by} says", names.join(", "))
        }
        Some(Regions { read, at: None, .. }) => {
            let names: Vec<&str> = read.iter().map(curfew_core::RegionName::as_str).collect();
            format!(" in {} only, as it is not known which regions are enabled", names.join(", "))
        }
        Some(Regions { read, .. }) => format!(" in all {} enabled regions", read.len()),
    };
    format!("{}{place}: {}", provider.title(), kinds.join(", "))
}

async fn list_one(
    provider: Arc<dyn Provider>,
    kind: usize,
    region: RegionName,
    cx: Cx,
) -> (Arc<dyn Provider>, Sweep<Resource>) {
    let list = provider.kinds()[kind].list(&cx, &region).await;
    (provider, list)
}

impl Engine {
    /// Reads everything and judges it. What failed is a gap in the report, not an error.
    pub async fn sweep(&self, cx: &Cx) -> Result<SweepReport> {
        let keeps: HashMap<String, Timestamp> = self.store.keeps().await?.into_iter().collect();
        let (mut work, mut gaps, mut read) = (Vec::new(), Vec::new(), Vec::new());
        for provider in &self.providers {
            let (known, gap) = self.regions_of(cx, &**provider).await;
            gaps.extend(gap);
            read.push(was_read(&**provider, known.as_ref()));
            // Region by region, the home region first: kinds of one region ask for the same things, and ask once.
            for region in provider.regions() {
                let each = |kind| list_one(provider.clone(), kind, region.clone(), cx.clone());
                work.extend((0..provider.kinds().len()).map(each));
            }
        }
        let lists: Vec<_> = futures::stream::iter(work).buffered(AT_ONCE).collect().await;
        let now = cx.now();
        let mut rows = Vec::new();
        for (provider, list) in lists {
            gaps.extend(list.gaps);
            rows.extend(list.items.into_iter().map(|mut resource| {
                resource.keep_until = resource.keep_until.max(keeps.get(&resource.key.to_string()).copied());
                SweepRow { judged: judge(&resource, now), place: provider.title(), resource }
            }));
        }
        rows.sort_by(|a, b| {
            let dear = |r: &SweepRow| r.resource.rate.amount().map(|rate| rate.0.amount());
            (a.judged.verdict, dear(b), b.resource.bytes, &a.resource.key).cmp(&(
                b.judged.verdict,
                dear(a),
                a.resource.bytes,
                &b.resource.key,
            ))
        });
        let rate = Total::of_rates(rows.iter().map(|r| &r.resource.rate));
        let report = SweepReport { at: now, rows, gaps, read, rate };
        self.store.put_fact("last sweep", &report).await?;
        Ok(report)
    }

    /// The last sweep by any process of this home.
    pub async fn last_sweep(&self) -> Result<Option<SweepReport>> {
        self.store.fact("last sweep").await
    }

    /// Marks a resource keep until then, or takes the mark away.
    pub async fn keep(&self, key: &curfew_core::resource::ResourceKey, until: Option<Timestamp>) -> Result<()> {
        self.store.keep(key.to_string(), until).await
    }

    pub(crate) fn kind_of(&self, key: &curfew_core::resource::ResourceKey) -> Result<&dyn Kind> {
        let provider = self.provider(&key.cloud, &key.account)?;
        let kind = provider.kinds().iter().find(|k| k.sheet().id == key.kind).map(|k| &**k);
        kind.ok_or_else(|| {
            curfew_core::Error::new(
                curfew_core::ErrorKind::Unsupported,
                "find the kind",
                format!("{} knows no “{}”", provider.title(), curfew_core::say::clean(&key.kind, 60)),
            )
        })
    }
}
