//! Price feeds of the documented shapes: whole, odd, and cut short.

#[path = "../benches/support/bulk.rs"]
mod bulk;

use curfew_catalog::feeds::{self, Feed, FeedError, InstanceType, Skus};
use curfew_catalog::{Catalog, snapshot};
use std::io::Read;
use std::sync::LazyLock;

static KNOWN: LazyLock<Catalog> = LazyLock::new(snapshot::embedded);

fn offers(feed: &Feed) -> Vec<String> {
    let rate = |o: &curfew_catalog::Offer<'_>| o.rate.map_or("unknown".to_owned(), |r| r.to_string());
    feed.catalog
        .iter()
        .map(|o| format!("{} {} {} {}", o.key(), o.slot.buy.word(), rate(&o), o.as_of.unwrap()))
        .collect()
}
fn notes(feed: &Feed) -> Vec<String> {
    feed.catalog.notes().iter().map(|n| format!("{}: {}", n.about, n.says)).collect()
}

fn product(sku: &str, family: &str, attributes: &[(&str, &str)]) -> String {
    let attributes: Vec<String> = attributes.iter().map(|(k, v)| format!("\"{k}\":\"{v}\"")).collect();
    format!(r#""{sku}":{{"sku":"{sku}","productFamily":"{family}","attributes":{{{}}}}}"#, attributes.join(","))
}
fn term(sku: &str, unit: &str, currency: &str, price: &str, attributes: &str) -> String {
    format!(
        r#""{sku}":{{"{sku}.T":{{"sku":"{sku}","priceDimensions":{{"{sku}.T.R":{{"unit":"{unit}","beginRange":"0","endRange":"Inf","pricePerUnit":{{"{currency}":"{price}"}}}}}},"termAttributes":{{{attributes}}}}}}}"#
    )
}
const LINUX: [(&str, &str); 9] = [
    ("instanceType", "g5.xlarge"),
    ("regionCode", "us-east-1"),
    ("locationType", "AWS Region"),
    ("operatingSystem", "Linux"),
    ("tenancy", "Shared"),
    ("preInstalledSw", "NA"),
    ("capacitystatus", "Used"),
    ("licenseModel", "No License required"),
    ("gpu", "1"),
];
fn with<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut all: Vec<(&str, &str)> = LINUX.to_vec();
    all.retain(|(k, _)| !changes.iter().any(|(c, _)| c == k));
    all.extend(changes);
    all
}

fn ec2_file() -> String {
    let products = [
        product("A", "Compute Instance", &LINUX),
        product("B", "Compute Instance", &with(&[("operatingSystem", "Windows")])),
        product("C", "Compute Instance", &with(&[("preInstalledSw", "SQL Web")])),
        product("D", "Compute Instance", &with(&[("capacitystatus", "UnusedCapacityReservation")])),
        product("E", "Data Transfer", &[("regionCode", "us-east-1")]),
        product(
            "F",
            "Compute Instance",
            &with(&[
                ("instanceType", "g5.3xlarge"),
                ("vcpu", "12"),
                ("memory", "1,952 GiB"),
                ("storage", "1 x 450 NVMe SSD"),
                ("gpu", "2"),
            ]),
        ),
        product("G", "Compute Instance", &with(&[("instanceType", "m5.large")])),
        product("H", "Compute Instance", &with(&[("instanceType", "m5.xlarge")])),
        product("I", "Compute Instance", &with(&[("instanceType", "m5.2xlarge")])),
        product("J", "Compute Instance", &with(&[("instanceType", "m5.4xlarge")])),
        product("K", "Compute Instance", &with(&[("locationType", "AWS Local Zone")])),
    ];
    let one_year = r#""LeaseContractLength":"1yr","OfferingClass":"standard","PurchaseOption":"No Upfront""#;
    let up_front = r#""LeaseContractLength":"1yr","OfferingClass":"standard","PurchaseOption":"All Upfront""#;
    let on_demand = [
        term("A", "Hrs", "USD", "1.0070000000", ""),
        term("B", "Hrs", "USD", "2.0000000000", ""),
        term("C", "Hrs", "USD", "3.0000000000", ""),
        term("D", "Hrs", "USD", "4.0000000000", ""),
        term("E", "GB", "USD", "0.0200000000", ""),
        term("F", "Hrs", "USD", "2.5000000000", ""),
        term("G", "Quantity", "USD", "1.0000000000", ""),
        term("H", "Hrs", "CNY", "1.0000000000", ""),
        term("I", "Hrs", "USD", "0.0000000000", ""),
        term("J", "Hrs", "USD", "99999.0000000000", ""),
        term("K", "Hrs", "USD", "9.0000000000", ""),
    ];
    let reserved = [term("A", "Hrs", "USD", "0.6340000000", one_year), term("F", "Hrs", "USD", "0.1", up_front)];
    format!(
        r#"{{"formatVersion":"v1.0","offerCode":"AmazonEC2","version":"1","publicationDate":"2026-09-24T18:03:11Z","products":{{{}}},"terms":{{"OnDemand":{{{}}},"Reserved":{{{}}}}},"attributesList":{{}}}}"#,
        products.join(","),
        on_demand.join(","),
        reserved.join(",")
    )
}

#[test]
fn bulk_json_keeps_machines_and_says_what_it_keeps_out() {
    let feed = feeds::bulk_json(ec2_file().as_bytes(), &KNOWN).unwrap();
    assert_eq!(
        offers(&feed),
        [
            "aws:ec2:us-east-1:g5.3xlarge on-demand 2.5 2026-09-24",
            "aws:ec2:us-east-1:g5.xlarge on-demand 1.007 2026-09-24",
            "aws:ec2:us-east-1:g5.xlarge 1-year 0.634 2026-09-24",
        ]
    );
    assert_eq!((feed.report.seen, feed.report.service.as_str()), (11, "AmazonEC2"));
    insta::assert_debug_snapshot!(notes(&feed));
    let unknown_size = feed.catalog.of_machine("aws", "g5.3xlarge").next().unwrap().spec.clone();
    let accelerator = unknown_size.accelerator.unwrap();
    assert_eq!((&*accelerator.kind, accelerator.count.to_string().as_str()), ("A10G", "2"));
    assert_eq!((unknown_size.vcpus, unknown_size.local_disk_gb), (Some(12), Some(450)));
    assert_eq!(unknown_size.memory_gib.unwrap().to_string(), "1952");
}

#[test]
fn a_file_cut_short_is_an_error_wherever_it_is_cut() {
    let file = ec2_file();
    for at in (1..file.len()).step_by(97) {
        let cut = feeds::bulk_json(&file.as_bytes()[..at], &KNOWN);
        assert!(matches!(cut, Err(FeedError::CutShort { .. })), "cut at {at}: {cut:?}");
    }
    let html = feeds::bulk_json(&b"<html><body>Sign in</body></html>"[..], &KNOWN).unwrap_err().to_string();
    assert!(html.starts_with("it is not a price list file: line 1, column 1"), "{html}");
    let other = feeds::bulk_json(&br#"{"message":"Forbidden"}"#[..], &KNOWN).unwrap_err().to_string();
    assert_eq!(other, "it is not a price list file: it names no service or has no terms");
}

#[test]
fn sagemaker_components_stay_apart() {
    let ml = |sku, component, usage| {
        product(
            sku,
            "ML Instance",
            &[
                ("instanceName", "ml.m5.xlarge"),
                ("instanceType", "ml.m5.xlarge-Hosting"),
                ("component", component),
                ("usagetype", usage),
                ("regionCode", "eu-west-1"),
            ],
        )
    };
    let file = format!(
        r#"{{"offerCode":"AmazonSageMaker","publicationDate":"2026-09-24T00:00:00Z","products":{{{}}},"terms":{{"OnDemand":{{{}}}}}}}"#,
        [
            ml("A", "Training", ""),
            ml("B", "Hosting", ""),
            ml("C", "", "EU-Notebk:ml.m5.xlarge"),
            ml("D", "", "EU-Mystery:ml.m5.xlarge"),
            ml("E", "Studio-JupyterLab", "")
        ]
        .join(","),
        ["A", "B", "C", "D", "E"]
            .map(|s| term(s, "Hrs", "USD", &format!("0.{}", 200 + u32::from(s.as_bytes()[0])), ""))
            .join(",")
    );
    let feed = feeds::bulk_json(file.as_bytes(), &KNOWN).unwrap();
    assert_eq!(
        offers(&feed),
        [
            "aws:sagemaker:eu-west-1:ml.m5.xlarge:hosting on-demand 0.266 2026-09-24",
            "aws:sagemaker:eu-west-1:ml.m5.xlarge:notebook on-demand 0.267 2026-09-24",
            "aws:sagemaker:eu-west-1:ml.m5.xlarge:studio-jupyterlab on-demand 0.269 2026-09-24",
            "aws:sagemaker:eu-west-1:ml.m5.xlarge:training on-demand 0.265 2026-09-24",
        ]
    );
}

const CSV_HEAD: &str = "\"FormatVersion\",\"v1.0\"\n\"Disclaimer\",\"For information, only\"\n\"Publication Date\",\"2026-09-24T18:03:11Z\"\n\"Version\",\"20260924180311\"\n\"OfferCode\",\"AmazonEC2\"\n\"SKU\",\"OfferTermCode\",\"RateCode\",\"TermType\",\"PriceDescription\",\"EffectiveDate\",\"StartingRange\",\"EndingRange\",\"Unit\",\"PricePerUnit\",\"Currency\",\"LeaseContractLength\",\"PurchaseOption\",\"OfferingClass\",\"Product Family\",\"serviceCode\",\"Location\",\"Location Type\",\"Instance Type\",\"vCPU\",\"Memory\",\"Storage\",\"Network Performance\",\"Tenancy\",\"Operating System\",\"License Model\",\"GPU\",\"Pre Installed S/W\",\"usageType\",\"CapacityStatus\",\"Region Code\"\n";

fn csv_row(term: &str, unit: &str, usd: &str, lease: &str, os: &str) -> String {
    let class = if lease.is_empty() { "" } else { "standard" };
    let option = if lease.is_empty() { "" } else { "No Upfront" };
    [
        "SKU1",
        "T",
        "R",
        term,
        "a, \"quoted\" description",
        "2026-09-01",
        "0",
        "Inf",
        unit,
        usd,
        "USD",
        lease,
        option,
        class,
        "Compute Instance",
        "AmazonEC2",
        "US East (N. Virginia)",
        "AWS Region",
        "m7i.large",
        "2",
        "8 GiB",
        "EBS only",
        "Up to 12.5 Gigabit",
        "Shared",
        os,
        "No License required",
        "",
        "NA",
        "BoxUsage:m7i.large",
        "Used",
        "us-east-1",
    ]
    .map(|f| format!("\"{}\"", f.replace('"', "\"\"")))
    .join(",")
        + "\n"
}

#[test]
fn bulk_csv_is_read_the_same_way() {
    let rows = [
        csv_row("OnDemand", "Hrs", "0.1008000000", "", "Linux"),
        csv_row("OnDemand", "Hrs", "0.2008000000", "", "Windows"),
        csv_row("Reserved", "Hrs", "0.0667000000", "1yr", "Linux"),
        csv_row("Reserved", "Quantity", "0", "1yr", "Linux"),
    ];
    let file = format!("{CSV_HEAD}{}", rows.join(""));
    let length = Some(file.len() as u64);
    let feed = feeds::bulk_csv(file.as_bytes(), length, &KNOWN).unwrap();
    assert_eq!(
        offers(&feed),
        [
            "aws:ec2:us-east-1:m7i.large on-demand 0.1008 2026-09-24",
            "aws:ec2:us-east-1:m7i.large 1-year 0.0667 2026-09-24"
        ]
    );
    assert_eq!(feed.report.seen, 4);
    // Cut within a row, and between two rows where only the announced length tells.
    let cut = feeds::bulk_csv(&file.as_bytes()[..file.len() - 30], None, &KNOWN).unwrap_err();
    assert!(matches!(cut, FeedError::CutShort { .. }), "{cut}");
    let whole_rows = &file.as_bytes()[..file.len() - rows[3].len()];
    assert_eq!(feeds::bulk_csv(whole_rows, None, &KNOWN).unwrap().report.seen, 3);
    let cut = feeds::bulk_csv(whole_rows, length, &KNOWN).unwrap_err();
    assert_eq!(cut.to_string(), "it is cut short: it ends after 3 rows, in the middle");
    let other = feeds::bulk_csv(&b"a,b\n1,2\n"[..], None, &KNOWN).unwrap_err();
    assert!(matches!(other, FeedError::NotThisShape { .. }), "{other}");
}

#[test]
fn get_products_pages() {
    let text = |price: &str| {
        let p = product("A", "Compute Instance", &LINUX);
        let inner = p.split_once(':').unwrap().1;
        let t = term("A", "Hrs", "USD", price, "");
        format!(
            r#"{{"product":{inner},"serviceCode":"AmazonEC2","terms":{{"OnDemand":{}}},"version":"1","publicationDate":"2026-11-19T00:00:00Z"}}"#,
            t.split_once(':').unwrap().1
        )
    };
    let feed = feeds::get_products([text("1.006")], &KNOWN).unwrap();
    assert_eq!(offers(&feed), ["aws:ec2:us-east-1:g5.xlarge on-demand 1.006 2026-11-19"]);
    let odd = feeds::get_products([text("soon")], &KNOWN).unwrap();
    assert_eq!(
        notes(&odd),
        [
            "g5.xlarge, us-east-1: has the price “soon”, which is not a number; kept out (AWS Price List AmazonEC2, published 2026-11-19)"
        ]
    );
    assert!(feeds::get_products([&text("1")[..40]], &KNOWN).is_err());
}

#[test]
fn spot_history() {
    let row = |zone: &str, price: &str, at: &str, os: &str| {
        format!(
            r#"{{"AvailabilityZone":"{zone}","InstanceType":"g5.xlarge","ProductDescription":"{os}","SpotPrice":"{price}","Timestamp":"{at}"}}"#
        )
    };
    let rows = [
        row("us-east-1b", "0.410000", "2026-11-20T10:00:00Z", "Linux/UNIX"),
        row("us-east-1a", "0.402100", "2026-11-20T10:00:00Z", "Linux/UNIX"),
        row("us-east-1a", "0.500000", "2026-11-20T06:00:00Z", "Linux/UNIX"),
        row("us-east-1a", "0.900000", "2026-11-20T11:00:00Z", "Windows"),
        // What moto answers.
        row("us-east-1c", "0.00001", "2006-01-02T15:04:05Z", "Linux/UNIX"),
        row("us-east-1d", "0.00001", "2026-11-20T10:00:00Z", "Linux/UNIX"),
    ];
    let page = format!(r#"{{"SpotPriceHistory":[{}],"NextToken":""}}"#, rows.join(","));
    let now = "2026-11-20T12:00:00Z".parse().unwrap();
    let feed = feeds::spot_prices(feeds::spot_page(&page).unwrap(), "us-east-1", now);
    let zones: Vec<String> =
        feed.catalog.rows().map(|r| format!("{} {}", r.zone.unwrap(), r.usd_per_hour.unwrap())).collect();
    assert_eq!(zones, ["us-east-1a 0.4021", "us-east-1b 0.41"]);
    assert_eq!(
        notes(&feed),
        [
            "g5.xlarge, us-east-1c, spot: its last spot price is of 2006-01-02, too old to be true now; kept out",
            "g5.xlarge, us-east-1, spot: has an absurd price (0.00001 USD an hour); kept out (EC2 DescribeSpotPriceHistory)",
        ]
    );
    // Laid over the snapshot, the zones take the place of the region.
    let mut builder = curfew_catalog::Builder::from_catalog(&KNOWN);
    builder.add_catalog(&feed.catalog);
    let all = builder.build();
    let spot = all.find(&"aws:ec2:us-east-1:g5.xlarge:spot".parse().unwrap());
    assert_eq!(spot.len(), 2);
    assert!(spot.iter().all(|o| o.slot.zone.is_some() && o.spec.vcpus == Some(4)));
}

#[test]
fn instance_types() {
    let page = r#"{"InstanceTypes":[
      {"InstanceType":"g5.xlarge","VCpuInfo":{"DefaultVCpus":4,"DefaultCores":2},"MemoryInfo":{"SizeInMiB":16384},"ProcessorInfo":{"SupportedArchitectures":["x86_64"]},"GpuInfo":{"Gpus":[{"Name":"A10G","Manufacturer":"NVIDIA","Count":1,"MemoryInfo":{"SizeInMiB":22888}}]},"NetworkInfo":{"NetworkPerformance":"Up to 10 Gigabit"},"InstanceStorageSupported":true,"InstanceStorageInfo":{"TotalSizeInGB":250}},
      {"InstanceType":"m7g.large","VCpuInfo":{"DefaultVCpus":2},"MemoryInfo":{"SizeInMiB":8192},"ProcessorInfo":{"SupportedArchitectures":["arm64"]},"InstanceStorageSupported":false}]}"#;
    let rows: Vec<InstanceType> = feeds::instance_types_page(page).unwrap();
    let feed = feeds::instance_types(rows, &KNOWN);
    let mut builder = curfew_catalog::Builder::from_catalog(&KNOWN);
    builder.add_catalog(&feed.catalog);
    let all = builder.build();
    assert_eq!(all.len(), KNOWN.len());
    let spec = all.find(&"aws:ec2:us-east-1:g5.xlarge".parse().unwrap())[0].spec;
    assert_eq!((spec.local_disk_gb, spec.network.as_deref()), (Some(250), Some("Up to 10 Gigabit")));
    let accelerator = spec.accelerator.as_ref().unwrap();
    assert_eq!((&*accelerator.kind, accelerator.memory_gib.unwrap().to_string().as_str()), ("A10G", "22.35"));
}

fn sku(description: &str, usage: &str, unit: &str, nanos: i64, regions: &str) -> String {
    format!(
        r#"{{"name":"services/6F81-5844-456A/skus/X","skuId":"X","description":"{description}","category":{{"serviceDisplayName":"Compute Engine","resourceFamily":"Compute","resourceGroup":"","usageType":"{usage}"}},"serviceRegions":[{regions}],"pricingInfo":[{{"summary":"","pricingExpression":{{"usageUnit":"{unit}","displayQuantity":1,"tieredRates":[{{"startUsageAmount":0,"unitPrice":{{"currencyCode":"USD","units":"{}","nanos":{}}}}}]}},"currencyConversionRate":1,"effectiveTime":"2026-11-19T21:00:00.000Z"}}],"serviceProviderName":"Google"}}"#,
        nanos / 1_000_000_000,
        nanos % 1_000_000_000
    )
}

/// Rates of the catalogue put the known prices of whole machines together again, exactly.
#[test]
fn google_machines_are_sums() {
    let us = "\"us-central1\"";
    let first = [
        sku("N1 Predefined Instance Core running in Americas", "OnDemand", "h", 31_611_000, us),
        sku("N1 Predefined Instance Ram running in Americas", "OnDemand", "GiBy.h", 4_237_000, us),
        sku("A2 Instance Core running in Americas", "OnDemand", "h", 31_611_000, us),
        sku("A2 Instance Ram running in Americas", "OnDemand", "GiBy.h", 4_237_000, us),
        sku("Nvidia Tesla A100 GPU running in Americas", "OnDemand", "h", 2_933_908_000, us),
        sku("N1 Predefined Instance Core running in Americas", "Commit1Yr", "h", 19_915_000, us),
        sku("N2 Custom Instance Core running in Americas", "OnDemand", "h", 33_174_000, us),
        sku("Network Internet Egress from Americas", "OnDemand", "GiBy", 120_000_000, us),
    ];
    let second = [
        sku("Nvidia Tesla T4 GPU running in Americas", "OnDemand", "h", 350_000_000, us),
        sku("Spot Preemptible N1 Predefined Instance Core running in Americas", "Preemptible", "h", 6_655_000, us),
        sku("E2 Instance Core running in Americas", "OnDemand", "GiBy.h", 21_811_590, us),
        sku("E2 Instance Ram running in Americas", "OnDemand", "GiBy.h", 0, us),
    ];
    let page = |skus: &[String], next: &str| format!(r#"{{"skus":[{}],"nextPageToken":"{next}"}}"#, skus.join(","));
    let mut skus = Skus::new();
    let read = skus.page(page(&first, "more").as_bytes()).unwrap();
    assert_eq!((read.seen, read.next_page_token.as_str()), (8, "more"));
    assert_eq!(skus.page(page(&second, "").as_bytes()).unwrap().next_page_token, "");
    let cut = page(&first, "more");
    assert!(matches!(skus.page(&cut.as_bytes()[..cut.len() / 2]), Err(FeedError::CutShort { .. })));
    let feed = skus.price(&KNOWN);
    let rate = |key: &str| feed.catalog.find(&key.parse().unwrap()).first().and_then(|o| o.rate).map(|r| r.to_string());
    assert_eq!(rate("gcp:gce:us-central1:n1-standard-8").as_deref(), Some("0.379998"));
    assert_eq!(rate("gcp:gce:us-central1:a2-highgpu-1g").as_deref(), Some("3.673385"));
    // Host and accelerator are one machine.
    assert_eq!(rate("gcp:gce:us-central1:n1-standard-8+nvidia-tesla-t4x2").as_deref(), Some("1.079998"));
    // Spot memory is not known, so no spot machine is; E2's unit is not an hour, so no E2 machine is.
    assert_eq!(rate("gcp:gce:us-central1:n1-standard-8:spot"), None);
    assert_eq!(rate("gcp:gce:us-central1:e2-standard-2"), None);
    assert!(notes(&feed).iter().any(|n| n.contains("is priced per “GiBy.h”, not per h; kept out")));
    assert!(notes(&feed).iter().any(|n| n.contains("has a price of 0 or less")));
}

/// Nextest runs each test in a process of its own, so the peak is this test's.
#[test]
fn a_large_file_takes_little_memory() {
    let before = bulk::peak_mb();
    let products = 12_000;
    let mut file = bulk::BulkJson::new(products, 80);
    let mut text = Vec::new();
    bulk::BulkJson::new(10, 80).read_to_end(&mut text).unwrap();
    assert!(serde_json::from_slice::<serde_json::Value>(&text).is_ok(), "the file is JSON");
    let feed = feeds::bulk_json(&mut file, &KNOWN).unwrap();
    assert_eq!((feed.report.seen, feed.report.offers), (products, 300));
    if let (Some(before), Some(after)) = (before, bulk::peak_mb()) {
        assert!(after - before < 16, "{before} MB before, {after} MB after 26 MB were read");
    }
}
