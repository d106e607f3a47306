//! SageMaker's machines and what they cost, as far as the price list here knows (assets/aws/README.md: sources, dates).

use crate::market::heard;
use curfew_core::machine::{MachineRef, Purchase};
use curfew_core::money::{Cost, HourlyRate};
use curfew_core::provider::Machine;
use curfew_core::{CloudId, Timestamp};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use std::sync::LazyLock;

/// A price so young need not be asked for again.
const RECENT_DAYS: i32 = 180;

const MACHINES: &str = include_str!("../../../assets/aws/machines.csv");

pub(crate) struct Row {
    pub region: &'static str,
    pub name: &'static str,
    vcpus: u32,
    memory_gib: f64,
    accelerator: &'static str,
    count: u32,
    usd: Decimal,
    component: &'static str,
    as_of: Date,
}

static ALL: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let row = |line: &'static str| {
        let f: Vec<&str> = line.split(',').collect();
        Some(Row {
            region: f[0],
            name: f[1],
            vcpus: f[2].parse().ok()?,
            memory_gib: f[3].parse().ok()?,
            accelerator: f[4],
            count: f[5].parse().unwrap_or(0),
            usd: f[6].parse().ok()?,
            component: f[7],
            as_of: f[8].parse().ok()?,
        })
    };
    MACHINES.lines().skip(1).filter_map(row).collect()
});

fn rows<'a>(region: &'a str, name: &'a str) -> impl Iterator<Item = &'static Row> + 'a {
    ALL.iter().filter(move |r| r.region == region && r.name == name)
}

/// Are machines of this region known here?
pub(crate) fn has_region(region: &str) -> bool {
    ALL.iter().any(|r| r.region == region)
}

/// Has the list here a price of this component that is not half a year old?
pub(crate) fn is_recent(region: &str, name: &str, component: &str, now: Timestamp) -> bool {
    let today = now.to_zoned(TimeZone::UTC).date();
    rows(region, name).any(|r| r.component == component && (today - r.as_of).get_days() < RECENT_DAYS)
}

/// What `count` such machines cost by the hour for `component` (`Training`, `Hosting`): as AWS has told this home, else by
/// the list here, else by what the list here has of another component, which the basis says: they differ a little where
/// they differ at all.
pub(crate) fn rate(region: &str, name: &str, component: &str, count: u32) -> Cost<HourlyRate> {
    let many = if count > 1 { format!(" × {count}") } else { String::new() };
    if let Some((usd, as_of)) = heard::price(region, name, component) {
        let basis = format!("AWS's price of {name}{many} in {region} for {component}");
        let cost = Cost::Estimated { amount: HourlyRate::usd(usd), as_of, basis };
        return cost.map(|r| r.0.times(Decimal::from(count)).map(HourlyRate));
    }
    let found = rows(region, name).find(|r| r.component == component).or_else(|| rows(region, name).next());
    let Some(row) = found else {
        return Cost::Unknown { why: format!("the price list here has no {name} in {region}") };
    };
    let as_of = row.as_of.to_zoned(TimeZone::UTC).map_or(Timestamp::UNIX_EPOCH, |z| z.timestamp());
    let by = if row.component == component { String::new() } else { format!(", price of {}", row.component) };
    let cost = Cost::Estimated {
        amount: HourlyRate::usd(row.usd),
        as_of,
        basis: format!("list price of {name}{many} in {region}{by}"),
    };
    cost.map(|r| r.0.times(Decimal::from(count)).map(HourlyRate))
}

/// Has it a GPU? By the list, else by its family's name.
pub(crate) fn has_gpu(name: &str) -> bool {
    let family = name.strip_prefix("ml.").unwrap_or(name).split('.').next().unwrap_or("");
    ALL.iter().find(|r| r.name == name).map_or_else(|| family.starts_with(['p', 'g']), |r| r.count > 0)
}

/// Machines of a region, or of any where the list has none of this region, without those that only notebooks use.
pub(crate) fn offers(cloud: &CloudId, region: &str) -> Vec<Machine> {
    let mut seen = std::collections::BTreeSet::new();
    ALL.iter()
        .filter(|r| r.region == region && seen.insert(r.name))
        .map(|r| Machine {
            machine: MachineRef {
                cloud: cloud.clone(),
                account: None,
                service: Some("sagemaker".into()),
                region: Some(region.to_owned()),
                machine: Some(r.name.to_owned()),
                purchase: Purchase::OnDemand,
            },
            vcpus: r.vcpus,
            memory_gib: r.memory_gib,
            accelerators: (r.count > 0).then(|| format!("{} × {}", r.accelerator, r.count)),
            rate: rate(region, r.name, "Training", 1),
        })
        .collect()
}

/// Machines near `name` in size and price, nearest first: what to take where a quota bars it.
pub(crate) fn near(region: &str, name: &str) -> Vec<&'static str> {
    let wanted = rows(region, name).next().or_else(|| ALL.iter().find(|r| r.name == name));
    let mut others: Vec<&Row> = Vec::new();
    for row in ALL.iter().filter(|r| r.region == region && r.name != name) {
        if !others.iter().any(|o| o.name == row.name) {
            others.push(row);
        }
    }
    let distance = |r: &&Row| match wanted {
        Some(w) => {
            let apart = |a: f64, b: f64| (a.max(0.01) / b.max(0.01)).ln().abs();
            let gpu = if (r.count > 0) == (w.count > 0) { 0.0 } else { 10.0 };
            gpu + apart(r.memory_gib, w.memory_gib) + apart(f64::from(r.vcpus), f64::from(w.vcpus))
        }
        None => r.memory_gib,
    };
    others.sort_by(|a, b| distance(a).total_cmp(&distance(b)).then(a.name.cmp(b.name)));
    others.into_iter().map(|r| r.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_have_a_basis_and_unknown_is_not_zero() {
        let known = rate("us-east-1", "ml.m5.xlarge", "Training", 1);
        assert_eq!(known.amount().unwrap().to_string(), "$0.23");
        let two = rate("us-east-1", "ml.m5.xlarge", "Hosting", 2);
        assert_eq!(two.amount().unwrap().to_string(), "$0.46");
        assert!(
            matches!(two, Cost::Estimated { basis, .. } if basis.contains("× 2") && basis.contains("price of Training"))
        );
        assert!(rate("us-east-1", "ml.unheard.of", "Training", 1).is_unknown());
        assert!(rate("eu-west-3", "ml.m5.xlarge", "Training", 1).is_unknown());
    }

    #[test]
    fn gpus_and_neighbours() {
        assert!(has_gpu("ml.g4dn.xlarge") && has_gpu("ml.p9x.huge") && !has_gpu("ml.m5.xlarge"));
        let near = near("us-east-1", "ml.m5.xlarge");
        assert!(!near.contains(&"ml.m5.xlarge") && !has_gpu(near[0]), "{near:?}");
    }
}
