//! Offers as JSON, one object each: what `curfew machines --all --json` prints. Figures are the sources' own digits.

use crate::amount::{Rate, Usd};
use crate::finish::Row;
use crate::offers::{Catalog, Offer};
use crate::pick::Picked;
use crate::plan::Question;
use crate::spec::Buy;
use crate::why::Reason;
use rust_decimal::Decimal;
use serde::{Serialize, Serializer};

/// One offer as JSON. Every key is always there; what is not known is `null`.
#[derive(Debug, Clone, Serialize)]
pub struct OfferRow<'a> {
    /// `aws:ec2:us-east-1:g5.xlarge[:spot]`, as `curfew machines show` takes it.
    pub key: String,
    /// `aws`, `gcp`, `local`.
    pub cloud: &'a str,
    /// The facts' own word: `ec2`, `sagemaker`, `gce`, `vertex`; `local`.
    pub service: &'a str,
    /// `training`, `hosting`, `notebook`, `prediction` … where the source names it.
    pub component: Option<&'a str>,
    /// Region.
    pub region: &'a str,
    /// Zone, for spot where known.
    pub zone: Option<&'a str>,
    /// The facts' own name.
    pub machine: &'a str,
    /// `on-demand`, `spot`, `1-year`, `3-years`.
    pub purchase: &'static str,
    /// Exact; `null`: see `price`.
    pub usd_per_hour: Option<Rate>,
    /// `listed`, `unknown`, `at most` (managed spot: see the ceiling), `not billed` (this computer).
    pub price: &'static str,
    /// For managed spot: the on-demand price, which it never exceeds.
    pub ceiling_usd_per_hour: Option<Rate>,
    /// The currency of the figures.
    pub currency: &'static str,
    /// The date of the price.
    pub as_of: Option<String>,
    /// Where the figures are from.
    pub source: &'a str,
    /// vCPUs.
    pub vcpus: Option<u32>,
    /// GiB.
    #[serde(serialize_with = "exact")]
    pub memory_gib: Option<Decimal>,
    /// Kind: `A10G`, `TPU v5e`; `null`: none.
    pub accelerator: Option<&'a str>,
    /// How many.
    #[serde(serialize_with = "exact")]
    pub accelerator_count: Option<Decimal>,
    /// GiB of each, as the cloud's API says it.
    #[serde(serialize_with = "exact")]
    pub accelerator_memory_gib: Option<Decimal>,
    /// `x86_64`, `arm64`.
    pub architecture: Option<&'static str>,
    /// In the cloud's words.
    pub network: Option<&'a str>,
    /// GB; 0: none.
    pub local_disk_gb: Option<u32>,
}

#[expect(clippy::ref_option, reason = "serde's serialize_with hands out a reference to the field")]
fn exact<S: Serializer>(d: &Option<Decimal>, s: S) -> Result<S::Ok, S::Error> {
    let Some(d) = d else { return s.serialize_none() };
    let raw = serde_json::value::RawValue::from_string(d.normalize().to_string());
    raw.map_err(serde::ser::Error::custom)?.serialize(s)
}

impl<'a> OfferRow<'a> {
    /// The row of an offer of `catalog`.
    pub fn new(catalog: &'a Catalog, offer: &Offer<'a>) -> Self {
        let Offer { spec, slot, rate, .. } = *offer;
        let ceiling = (slot.buy == Buy::ManagedSpot && rate.is_none())
            .then(|| catalog.on_demand_of(offer))
            .flatten()
            .and_then(|o| o.rate);
        let price = match (offer.is_local(), rate, ceiling) {
            (true, ..) => "not billed",
            (_, Some(_), _) => "listed",
            (_, None, Some(_)) => "at most",
            (_, None, None) => "unknown",
        };
        let accelerator = spec.accelerator.as_ref();
        Self {
            key: offer.key(),
            cloud: &slot.cloud,
            service: &slot.service,
            component: slot.component.as_deref(),
            region: &slot.region,
            zone: slot.zone.as_deref(),
            machine: &spec.machine,
            purchase: slot.buy.word(),
            usd_per_hour: rate.filter(|_| !offer.is_local()),
            price,
            ceiling_usd_per_hour: ceiling,
            currency: "USD",
            as_of: offer.as_of.map(|d| d.to_string()),
            source: offer.source,
            vcpus: spec.vcpus,
            memory_gib: spec.memory_gib,
            accelerator: accelerator.map(|a| &*a.kind),
            accelerator_count: accelerator.map(|a| a.count),
            accelerator_memory_gib: accelerator.and_then(|a| a.memory_gib),
            architecture: spec.arch.map(crate::Arch::word),
            network: spec.network.as_deref(),
            local_disk_gb: spec.local_disk_gb,
        }
    }
}

/// A row of an answer as JSON: the offer, what it comes to, and what stands in its way. Seconds are whole.
#[derive(Debug, Clone, Serialize)]
pub struct PickedRow<'a> {
    /// The offer.
    #[serde(flatten)]
    pub offer: OfferRow<'a>,
    /// `best`, `cheapest`, `soonest`, `front` (nothing is both cheaper and sooner).
    pub marks: Vec<&'static str>,
    /// Seconds until done; `null`: how long it takes is not known.
    pub done_in_s: Option<i64>,
    /// If all goes well.
    pub done_in_s_low: Option<i64>,
    /// If it does not.
    pub done_in_s_high: Option<i64>,
    /// Exact: machine, start-up, interruption, disk and transfer; `null`: price or time is not known.
    pub to_finish_usd: Option<Usd>,
    /// The machine at work.
    pub machine_usd: Option<Usd>,
    /// Its start-up.
    pub start_up_usd: Option<Usd>,
    /// Work expected to be lost to interruptions.
    pub interruption_usd: Option<Usd>,
    /// The disk.
    pub disk_usd: Option<Usd>,
    /// Moving the data.
    pub transfer_usd: Option<Usd>,
    /// Beside it: the user's waiting; `null`: no hourly value given.
    pub waiting_usd: Option<Usd>,
    /// Why it is barred; empty: it is not.
    pub barred: Vec<Reason>,
}

impl Catalog {
    /// The rows of an answer as JSON rows, in its order.
    pub fn picked_rows(&self, question: &Question<'_>, picked: &Picked) -> Vec<PickedRow<'_>> {
        let is = |marked: &Option<Row>, row: &Row| marked.as_ref().is_some_and(|m| m.id == row.id);
        let seconds = |ms: i64| (ms + 500) / 1000;
        let of = |row: &Row| {
            let done = row.times.map(|t| t.done);
            let marks = [
                ("best", is(&picked.best, row)),
                ("cheapest", is(&picked.cheapest, row)),
                ("soonest", is(&picked.soonest, row)),
                ("front", picked.front.iter().any(|f| f.id == row.id)),
            ];
            PickedRow {
                offer: OfferRow::new(self, &self.offer(row.id)),
                marks: marks.into_iter().filter_map(|(mark, holds)| holds.then_some(mark)).collect(),
                done_in_s: done.map(|d| seconds(d.ms)),
                done_in_s_low: done.map(|d| seconds(d.low_ms)),
                done_in_s_high: done.map(|d| seconds(d.high_ms)),
                to_finish_usd: row.costs.map(|c| c.total),
                machine_usd: row.costs.map(|c| c.machine),
                start_up_usd: row.costs.map(|c| c.start_up),
                interruption_usd: row.costs.map(|c| c.interruption),
                disk_usd: row.costs.map(|c| c.disk),
                transfer_usd: row.costs.map(|c| c.transfer),
                waiting_usd: row.costs.and_then(|c| c.waiting),
                barred: self.reasons(question, row),
            }
        };
        picked.rows.iter().map(of).collect()
    }
    /// Every offer as a JSON row, in row order.
    pub fn rows(&self) -> impl Iterator<Item = OfferRow<'_>> {
        self.iter().map(|o| OfferRow::new(self, &o))
    }
}
