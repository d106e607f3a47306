//! The embedded snapshot against the facts: every row, every figure, digit by digit.

use curfew_catalog::{Catalog, facts, snapshot};
use serde_json::Value;
use std::collections::HashMap;
use std::hash::Hasher;

fn rate(catalog: &Catalog, key: &str) -> Option<String> {
    let found = catalog.find(&key.parse().unwrap());
    assert_eq!(found.len(), 1, "{key}");
    found[0].rate.map(|r| r.to_string())
}

#[test]
fn known_checks() {
    let c = snapshot::embedded();
    let check = |key, expect: &str| assert_eq!(rate(&c, key).as_deref(), Some(expect), "{key}");
    check("aws:ec2:us-east-1:g5.xlarge", "1.006");
    check("aws:ec2:us-east-1:p5.48xlarge", "55.04");
    check("gcp:gce:us-central1:a2-highgpu-1g", "3.673385");
    check("gcp:gce:us-central1:n1-standard-8", "0.379998");
    check("gcp:vertex:us-central1:n1-standard-4:training", "0.21849885");
    check("gcp:vertex:us-central1:n1-standard-4:prediction", "0.219");
    check("aws:sagemaker:us-east-1:ml.m5.xlarge:training", "0.23");
    check("aws:sagemaker:us-east-1:ml.m5.2xlarge:hosting", "0.461");
    check("aws:sagemaker:us-east-1:ml.t3.medium:notebook", "0.05");
    assert_eq!(rate(&c, "aws:sagemaker:us-east-1:ml.m5.xlarge:training:spot"), None);
    // One component's price is never borrowed for another.
    assert!(c.find(&"aws:sagemaker:us-east-1:ml.m5.2xlarge:training".parse().unwrap()).is_empty());
    let gp3 = snapshot::resource_rates().iter().find(|r| r.resource_kind == "volume-gp3" && r.region == "us-east-1");
    assert_eq!(gp3.unwrap().usd.to_string(), "0.08");
    assert_eq!(snapshot::images().len(), 836);
    assert_eq!(snapshot::perf().len(), 25);
    assert_eq!(snapshot::quotas().len(), 56);
}

/// Changes only when the figures do: the snapshot is made again on purpose, never by accident.
#[test]
fn digest_of_the_rows() {
    let c = snapshot::embedded();
    let mut hash = rustc_hash::FxHasher::default();
    let mut priced = 0;
    for row in c.rows() {
        hash.write(serde_json::to_string(&row).unwrap().as_bytes());
        priced += usize::from(row.usd_per_hour.is_some());
    }
    let about = snapshot::about();
    assert_eq!((c.len(), about.offers, c.specs().len()), (9653, 9653, 617));
    insta::assert_snapshot!(format!("{:016x} {priced} of {} priced", hash.finish(), c.len()));
}

/// With CURFEW_FACTS naming the folder of the facts: every row of instances.csv is in the JSON, exactly.
#[test]
fn every_row_of_the_facts() {
    let Some(folder) = std::env::var_os("CURFEW_FACTS") else {
        eprintln!("CURFEW_FACTS is not set: rows are held by digest_of_the_rows alone");
        return;
    };
    let file = std::fs::File::open(std::path::Path::new(&folder).join("instances.csv")).unwrap();
    let facts: Vec<facts::InstanceRow> = facts::table(file).unwrap();
    let c = snapshot::embedded();
    let mut rows: HashMap<[String; 5], Value> = HashMap::new();
    for row in c.rows() {
        let key = [row.cloud, row.service, row.region, row.machine, row.purchase].map(str::to_owned);
        let json = serde_json::to_string(&row).unwrap();
        assert!(rows.insert(key, Value::String(json)).is_none(), "two rows of one key");
    }
    for f in &facts {
        for (purchase, usd) in [("on-demand", &f.usd_per_hour_on_demand), ("spot", &f.usd_per_hour_spot)] {
            let key = [&f.provider, &f.service, &f.region, &f.instance_type, &purchase.to_owned()].map(String::clone);
            let Some(Value::String(json)) = rows.remove(&key) else {
                assert!(purchase == "spot" && usd.is_empty() && f.service == "sagemaker", "{f:?} has no row");
                continue;
            };
            let figure = |name: &str, text: &str| {
                let text = if text.is_empty() { "null" } else { text };
                assert!(json.contains(&format!("\"{name}\":{text},")), "{name} {text}: {json}");
            };
            figure("usd_per_hour", usd);
            figure("vcpus", &f.vcpus);
            figure("memory_gib", &f.memory_gib);
            figure("accelerator_count", &f.accelerator_count);
            figure("accelerator_memory_gib", &f.accelerator_memory_gib);
            let quoted =
                |text: &str| if text.is_empty() { String::new() } else { serde_json::to_string(text).unwrap() };
            figure("accelerator", &quoted(&f.accelerator_name));
            figure("source", &quoted(&f.source));
            figure("as_of", &quoted(&f.as_of));
        }
    }
    assert!(rows.is_empty(), "rows that no fact has: {:?}", rows.keys().take(3).collect::<Vec<_>>());
}
