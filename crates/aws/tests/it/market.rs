//! What an account tells of prices and limits, and asking it for more.

use crate::bench::Bench;
use curfew_core::market::QuotaWish;
use curfew_core::provider::Provider;
use curfew_core::{Cost, ErrorKind, RegionName};
use serde_json::{Value, json};

fn product(service: &str, family: &str, attributes: &Value, usd: &str) -> Value {
    json!({
        "serviceCode": service,
        "version": "20261101000000",
        "publicationDate": "2026-11-01T00:00:00Z",
        "product": { "productFamily": family, "sku": "S", "attributes": attributes },
        "terms": { "OnDemand": { "S.T": { "offerTermCode": "T", "sku": "S", "priceDimensions": { "S.T.R": {
            "unit": "Hrs", "pricePerUnit": { "USD": usd }, "beginRange": "0", "endRange": "Inf" } } } } },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_tells_prices_and_limits_and_is_asked_for_more() {
    let bench = Bench::new().await;
    let (cx, market) = (&bench.cx, bench.aws.market().unwrap());
    let east = RegionName::new("us-east-1").unwrap();
    let quota = |service: &str, code: &str, name: &str, value: u32| json!({ "QuotaName": name, "Value": value, "QuotaCode": code, "ServiceCode": service });
    let ec2 = json!({ "regionCode": "us-east-1", "operatingSystem": "Linux", "tenancy": "Shared",
        "preInstalledSw": "NA", "capacitystatus": "Used", "instanceType": "g5.xlarge" });
    let windows = json!({ "regionCode": "us-east-1", "operatingSystem": "Windows", "instanceType": "g5.xlarge" });
    // As the bulk price list has it: seconds, the first 150,000 at a price of their own.
    let attributes = json!({ "regionCode": "us-east-1", "usagetype": "USE1-ServerlessInf:Mem-4GB" });
    let mut serverless = product("AmazonSageMaker", "ML Serverless", &attributes, "0");
    let step = |from: &str, to: &str, usd: &str| json!({ "unit": "Seconds", "beginRange": from, "endRange": to, "pricePerUnit": { "USD": usd } });
    let steps = json!({ "S.T.A": step("0", "150000", "0"), "S.T.B": step("150000", "Inf", "0.0000900000") });
    serverless["terms"]["OnDemand"]["S.T"]["priceDimensions"] = steps;
    let ml = json!({ "regionCode": "us-east-1", "instanceName": "ml.g5.xlarge", "component": "Training" });
    bench.control(
        "data",
        Some(&json!({
            "pricing.get_products": [
                product("AmazonEC2", "Compute Instance", &ec2, "1.25"),
                product("AmazonEC2", "Compute Instance", &windows, "9.99"),
                product("AmazonSageMaker", "ML Instance", &ml, "1.75"),
                serverless,
            ],
            "quotas": {
                "sagemaker": [quota("sagemaker", "L-1", "ml.g5.xlarge for training job usage", 0)],
                "ec2": [
                    quota("ec2", "L-DB2E81BA", "Running On-Demand G and VT instances", 8),
                    quota("ec2", "L-1216C47A", "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", 64),
                    quota("ec2", "L-0263D0A3", "EC2-VPC Elastic IPs", 5),
                ],
            },
            "ec2.placement": { "g5.xlarge": { "us-east-1": 7 } },
        })),
    );

    let texts = market.products(cx, &east).await.unwrap();
    let rates: Vec<bool> = ["1.25", "1.75", "9.99"].map(|usd| texts.iter().any(|t| t.contains(usd))).to_vec();
    assert_eq!((texts.len(), rates), (3, vec![true, true, false]), "Linux only, and SageMaker");
    // The price of what is served by request is kept, for every process of the home.
    let path = bench.scripts(&[("model.joblib", "x")]).join("model.joblib");
    let mut spec = bench.endpoint(curfew_core::endpoint::ModelSource::File { path });
    spec.machine = crate::bench::machine("aws:serverless");
    let settings = [("memory", 4096), ("requests", 1000), ("millis", 200)].map(|(k, v)| (k.to_owned(), v));
    spec.mode = curfew_core::Mode { id: "serverless".into(), settings: settings.into() };
    let again = bench.again().await;
    let quote = again.serving().unwrap().quote(cx, &spec).await.unwrap();
    let said: Vec<_> = quote.by_use.iter().map(|u| format!("{} {}", u.of, u.cost.amount().unwrap())).collect();
    assert_eq!(said, ["a second of answering $0.000090", "a day $0.02", "a month $0.55"]);

    let found = market.machine_types(cx, &east).await.unwrap();
    let g5 = found.types.iter().find(|t| t.name == "g5.xlarge").expect("the region has it");
    assert_eq!((found.service.as_str(), g5.vcpus, g5.memory_mib), ("ec2", Some(4), Some(16_384)));
    assert_eq!(g5.accelerators.iter().map(|(kind, n, _)| (kind.as_str(), *n)).collect::<Vec<_>>(), [("A10G", 1)]);

    let spot = market.spot_prices(cx, &east).await.unwrap();
    assert!(spot.iter().all(|s| s.product.starts_with("Linux/UNIX") && s.zone.starts_with("us-east-1")), "{spot:?}");

    let quotas = market.quotas(cx).await.unwrap();
    assert!(quotas.gaps.is_empty(), "{:?}", quotas.gaps);
    let of = |name: &str| {
        quotas.items.iter().find(|q| q.name.starts_with(name)).map(|q| (q.code.clone().unwrap(), q.value, q.used))
    };
    assert_eq!(of("Running On-Demand G "), Some(("L-DB2E81BA".into(), Some(8.into()), Some(0.into()))));
    assert_eq!(of("EC2-VPC"), None, "it counts no machines");

    assert_eq!(market.placement(cx, "g5.xlarge", std::slice::from_ref(&east)).await.unwrap(), [(east.clone(), 7)]);
    assert_eq!(market.placement(cx, "p4d.24xlarge", std::slice::from_ref(&east)).await.unwrap(), []);

    let wish = QuotaWish {
        service: "sagemaker".into(),
        region: east.clone(),
        code: None,
        name: "ml.g5.xlarge for training job usage".into(),
        value: 1.into(),
    };
    // The answer to the first request is lost: asked again, it is found, and there are not two.
    bench.fault(&json!({ "op": "RequestServiceQuotaIncrease", "count": 3, "kind": "error500", "after": true }));
    let _ = market.ask_for_quota(cx, &wish).await;
    bench.fault(&json!([]));
    let asked = market.ask_for_quota(cx, &wish).await.unwrap();
    assert_eq!((asked.state.as_str(), asked.value, asked.before), ("pending", 1.into(), true));
    let unknown = QuotaWish { name: "ml.x.large for training job usage".into(), ..wish };
    assert_eq!(market.ask_for_quota(cx, &unknown).await.unwrap_err().kind(), ErrorKind::NotFound);
    bench.no_bad_request();
}

/// A machine of which no other test asks: what AWS tells is known to the whole process.
#[tokio::test(flavor = "multi_thread")]
async fn a_price_that_is_not_known_is_asked_for_once() {
    let bench = Bench::new().await;
    let ml = json!({ "regionCode": "us-east-1", "instanceName": "ml.c5.18xlarge", "component": "Training" });
    let hosts = json!({ "regionCode": "us-east-1", "instanceName": "ml.c5.18xlarge", "component": "Hosting" });
    let list = [
        product("AmazonSageMaker", "ML Instance", &ml, "3.675"),
        product("AmazonSageMaker", "ML Instance", &hosts, "3.6720"),
    ];
    bench.control("data", Some(&json!({ "pricing.get_products": list })));
    let mut spec = bench.run("print('loss=1')");
    spec.machine = "aws:sagemaker:us-east-1:ml.c5.18xlarge".parse().unwrap();
    // Refused: unknown, and not asked again at once.
    bench.fault(
        &json!({ "op": "GetProducts", "code": "AccessDeniedException", "status": 400, "message": "no", "count": 9 }),
    );
    for _ in 0..2 {
        let quote = bench.training().quote(&bench.cx, &spec).await.unwrap();
        assert!(quote.rate.is_unknown(), "{:?}", quote.rate);
    }
    assert_eq!(bench.calls("GetProducts"), 1);
    bench.fault(&json!([]));
    // The whole list of the region, as a refresh reads it, tells it too.
    bench.aws.market().unwrap().products(&bench.cx, &RegionName::new("us-east-1").unwrap()).await.unwrap();
    let calls = bench.calls("GetProducts");
    for _ in 0..2 {
        let quote = bench.training().quote(&bench.cx, &spec).await.unwrap();
        let Cost::Estimated { amount, basis, .. } = &quote.rate else { panic!("{:?}", quote.rate) };
        assert_eq!(amount.0.amount().to_string(), "3.675", "the component's own");
        assert!(basis.contains("AWS's price") && basis.contains("Training"), "{basis}");
    }
    // Another machine is asked for by itself.
    spec.machine = "aws:sagemaker:us-east-1:ml.c5.9xlarge".parse().unwrap();
    let unknown = bench.training().quote(&bench.cx, &spec).await.unwrap();
    assert!(unknown.rate.is_unknown(), "the list has no such machine: {:?}", unknown.rate);
    bench.training().quote(&bench.cx, &spec).await.unwrap();
    assert_eq!(bench.calls("GetProducts"), calls + 1);
    bench.no_bad_request();
}
