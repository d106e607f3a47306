//! What a job costs beside the machine: its disk and the transfer of its data, from the table of resource rates.
//!
//! A rate that is not known for a place is never taken as nothing: the dearest known one of the same kind at the same
//! cloud stands in, and is marked as assumed.

use crate::amount::Usd;
use crate::facts::ResourceRate;
use crate::need::DataAt;
use crate::snapshot;
use crate::spec::Slot;
use serde::Serialize;
use std::sync::LazyLock;

/// A rate, and how it is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KnownRate {
    /// Dollars per unit.
    pub usd: Usd,
    /// `GB-month`, `GB`.
    pub unit: &'static str,
    /// "gp3 disk in us-east-1, ec2.shop@74c9fd8 ebs.json, 2024-07-18".
    pub basis: String,
    /// It is another place's or another kind's rate, for want of this one's.
    pub assumed: bool,
}

/// Resource rates, looked up by what they are for.
#[derive(Debug)]
pub struct Rates {
    /// Sorted by provider, service, kind and region; of equal ones the last counts.
    rows: Vec<ResourceRate>,
}

fn key(r: &ResourceRate) -> [&str; 4] {
    [&r.provider, &r.service, &r.resource_kind, &r.region]
}

impl Rates {
    /// From rows; of two for the same thing and place the later one counts.
    pub fn new(mut rows: Vec<ResourceRate>) -> Self {
        rows.sort_by(|a, b| key(a).cmp(&key(b)));
        Self { rows }
    }
    /// The embedded ones.
    pub fn embedded() -> &'static Self {
        static RATES: LazyLock<Rates> = LazyLock::new(|| Rates::new(snapshot::resource_rates().to_vec()));
        &RATES
    }
    fn rows_of(&self, cloud: &str, service: &str, kind: &str) -> &[ResourceRate] {
        let wanted = [cloud, service, kind];
        let from = self.rows.partition_point(|r| key(r)[..3] < wanted[..]);
        let count = self.rows[from..].partition_point(|r| key(r)[..3] == wanted[..]);
        &self.rows[from..from + count]
    }
    /// The rate of one thing in one region, for callers that price what is left behind.
    pub fn get(&self, cloud: &str, service: &str, kind: &str, region: &str) -> Option<&ResourceRate> {
        self.rows_of(cloud, service, kind).iter().rfind(|r| r.region == region)
    }
    /// What a GB-month of the disk beside a machine costs; `None` for this computer, whose disk nobody bills.
    pub fn disk(&self, slot: &Slot) -> Option<KnownRate> {
        self.find_disk(slot).map(|found| found.known(&slot.region))
    }
    pub(crate) fn find_disk(&self, slot: &Slot) -> Option<Found<'_>> {
        let (service, kind, called) = match (&*slot.cloud, &*slot.service, slot.component.as_deref()) {
            ("aws", "sagemaker", Some("training")) => ("sagemaker", "training-job-volume", "training volume"),
            ("aws", "sagemaker", Some("hosting")) => ("sagemaker", "endpoint-volume", "endpoint volume"),
            ("aws", "sagemaker", _) => ("sagemaker", "notebook-instance-volume", "notebook volume"),
            ("aws", _, _) => ("ebs", "volume-gp3", "gp3 disk"),
            ("gcp", "gce", _) => ("compute", "pd-balanced", "balanced persistent disk"),
            ("gcp", _, _) => ("compute", "pd-ssd", "SSD persistent disk"),
            _ => return None,
        };
        let exact = self.get(&slot.cloud, service, kind, &slot.region);
        // Vertex AI's own disk rate is not in the table: Compute Engine's SSD rate is an assumption even where known.
        let assumed_kind = &*slot.service == "vertex";
        let (row, foreign) = match exact {
            Some(row) => (row, false),
            None => (self.rows_of(&slot.cloud, service, kind).iter().max_by_key(|r| r.usd)?, true),
        };
        Some(Found { row, unit: "GB-month", called, foreign, assumed: assumed_kind || foreign })
    }
    /// What a GB of data costs on its way from where it lies to a machine; `None`: it costs nothing (the same region,
    /// or into a cloud from this computer, which neither cloud bills).
    pub fn transfer(&self, from: &DataAt, to: &Slot) -> Option<KnownRate> {
        let DataAt::Cloud { region, .. } = from else { return None };
        let wanted = region.as_deref().unwrap_or("an unnamed region");
        self.find_transfer(from, to).map(|found| found.known(wanted))
    }
    pub(crate) fn find_transfer(&self, from: &DataAt, to: &Slot) -> Option<Found<'_>> {
        let DataAt::Cloud { cloud, region } = from else { return None };
        let region = region.as_deref();
        if *cloud == *to.cloud && region == Some(&*to.region) {
            return None;
        }
        let kind = if *cloud != *to.cloud {
            "internet"
        } else if cloud == "aws" {
            let east = |r: &str| r.starts_with("us-east-");
            if region.is_some_and(east) && east(&to.region) { "us-east" } else { "other-region" }
        } else {
            match (region.map(continent), continent(&to.region)) {
                (Some("oceania"), _) | (_, "oceania") => "oceania",
                (Some(a), b) if a == b => "same-continent",
                _ => "other-continent",
            }
        };
        let called = match kind {
            "internet" => "transfer to the internet",
            "us-east" => "transfer between the US East regions",
            _ => "transfer to another region",
        };
        let own = region.and_then(|region| self.get(cloud, "egress", kind, region));
        let (row, foreign) = match own {
            Some(row) => (row, false),
            None => (self.rows_of(cloud, "egress", kind).iter().max_by_key(|r| r.usd)?, true),
        };
        Some(Found { row, unit: "GB", called, foreign, assumed: foreign })
    }
}

/// A rate as found, before it is put into words.
pub(crate) struct Found<'a> {
    pub(crate) row: &'a ResourceRate,
    unit: &'static str,
    called: &'static str,
    /// It is another region's.
    foreign: bool,
    assumed: bool,
}

impl Found<'_> {
    fn known(&self, wanted: &str) -> KnownRate {
        let r = self.row;
        let basis = format!("{} in {}, {}, {}", self.called, r.region, r.source.trim(), r.as_of);
        let basis = if self.foreign {
            format!("no rate is known for {wanted}; the dearest known is taken: {basis}")
        } else if self.assumed {
            format!("its own rate is not known; taken: {basis}")
        } else {
            basis
        };
        KnownRate { usd: r.usd, unit: self.unit, basis, assumed: self.assumed }
    }
}

/// Google prices transfer by continent.
fn continent(region: &str) -> &str {
    match region.split('-').next().unwrap_or(region) {
        "us" | "northamerica" => "north-america",
        "australia" => "oceania",
        first => first,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Buy;

    fn slot(cloud: &str, service: &str, component: Option<&str>, region: &str) -> Slot {
        let component = component.map(Into::into);
        Slot {
            cloud: cloud.into(),
            service: service.into(),
            component,
            region: region.into(),
            zone: None,
            buy: Buy::OnDemand,
        }
    }
    fn says(rate: Option<KnownRate>) -> String {
        rate.map_or("nothing".into(), |r| format!("{}/{}{}", r.usd, r.unit, if r.assumed { " assumed" } else { "" }))
    }

    #[test]
    fn disks() {
        let check = |slot, expect: &str| assert_eq!(says(Rates::embedded().disk(&slot)), expect);
        check(slot("aws", "ec2", None, "us-east-1"), "0.08/GB-month");
        check(slot("aws", "sagemaker", Some("training"), "eu-west-1"), "0.154/GB-month");
        check(slot("aws", "sagemaker", Some("training"), "us-east-1"), "0.154/GB-month assumed");
        check(slot("gcp", "gce", None, "us-central1"), "0.1/GB-month");
        check(slot("gcp", "vertex", Some("training"), "us-central1"), "0.17/GB-month assumed");
        check(slot("local", "local", None, "here"), "nothing");
    }

    #[test]
    fn transfer() {
        let at = |cloud: &str, region: &str| DataAt::Cloud { cloud: cloud.into(), region: Some(region.into()) };
        let ec2 = |region| slot("aws", "ec2", None, region);
        let gce = |region| slot("gcp", "gce", None, region);
        let check = |from: &DataAt, to, expect: &str| assert_eq!(says(Rates::embedded().transfer(from, &to)), expect);
        check(&DataAt::Here, ec2("us-east-1"), "nothing");
        check(&at("aws", "us-east-1"), ec2("us-east-1"), "nothing");
        check(&at("aws", "us-east-1"), ec2("us-east-2"), "0.01/GB");
        check(&at("aws", "us-east-1"), ec2("eu-west-1"), "0.02/GB");
        check(&at("aws", "ap-south-1"), gce("us-central1"), "0.1093/GB");
        check(&at("aws", "eu-north-1"), gce("us-central1"), "0.12/GB assumed");
        check(&at("gcp", "us-central1"), gce("us-east1"), "0.02/GB");
        check(&at("gcp", "us-central1"), gce("europe-west4"), "0.08/GB");
        check(&at("gcp", "us-central1"), gce("australia-southeast1"), "0.1/GB");
        check(&at("gcp", "asia-south1"), ec2("ap-south-1"), "0.12/GB assumed");
    }
}
