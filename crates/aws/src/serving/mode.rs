//! The ways in which SageMaker serves: what each asks for, what it costs, and how it stands in an endpoint's configuration.

use super::Places;
use crate::machines;
use crate::store::Store;
use aws_sdk_sagemaker::types::{
    AsyncInferenceConfig, AsyncInferenceOutputConfig, ProductionVariant, ProductionVariantInstanceType,
    ProductionVariantServerlessConfig,
};
use curfew_core::endpoint::EndpointSpec;
use curfew_core::mode::{Mode, ModeField, REAL_TIME, ServingMode};
use curfew_core::money::{Cost, HourlyRate, Money};
use curfew_core::provider::UsePrice;
use curfew_core::{Error, MachineRef, RegionName, Result, Timestamp};
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

const PRICES: &str = include_str!("../../../../assets/aws/serverless.csv");

/// What a serverless endpoint's machine is called, since it has none.
const NO_MACHINE: &str = "serverless";

pub(crate) const SERVERLESS: ServingMode = ServingMode {
    id: "serverless",
    title: "Serverless",
    says: "Costs nothing while nobody asks; each request is billed by its time and the memory. The first answer after a \
           rest takes longer. No GPU.",
    machine: false,
    later: false,
    fields: &[
        // ProductionVariantServerlessConfig in SageMaker's API.
        ModeField {
            name: "memory",
            title: "Memory",
            unit: "MB",
            hint: "1024 to 6144 in steps of 1024; more memory is also more CPU",
            usual: 2048,
            from: 1024,
            to: 6144,
            step: 1024,
        },
        ModeField {
            name: "concurrency",
            title: "At once",
            unit: "",
            hint: "How many requests are answered at the same time, 1 to 200",
            usual: 5,
            from: 1,
            to: 200,
            step: 1,
        },
    ],
};

pub(crate) const ASYNCHRONOUS: ServingMode = ServingMode {
    id: "async",
    title: "Asynchronous",
    says: "Questions wait in line and answers are fetched later: for large inputs and models that think for minutes. Its \
           machine costs the same every hour, asked or not.",
    machine: true,
    later: true,
    fields: &[],
};

pub(crate) static MODES: [ServingMode; 3] = [REAL_TIME, SERVERLESS, ASYNCHRONOUS];

pub(crate) fn is_serverless(mode: &Mode) -> bool {
    mode.id == SERVERLESS.id
}
pub(crate) fn is_async(mode: &Mode) -> bool {
    mode.id == ASYNCHRONOUS.id
}

fn setting(mode: &Mode, field: &ModeField) -> u32 {
    mode.settings.get(field.name).copied().unwrap_or(field.usual)
}
/// In MB.
pub(crate) fn memory(mode: &Mode) -> u32 {
    setting(mode, &SERVERLESS.fields[0])
}
/// How many requests at once.
pub(crate) fn concurrency(mode: &Mode) -> u32 {
    setting(mode, &SERVERLESS.fields[1])
}

/// The machine that a mode runs on.
pub(crate) fn place(machine: &MachineRef, mode: &Mode) -> Result<MachineRef> {
    if !is_serverless(mode) {
        return Ok(machine.clone());
    }
    if let Some(name) = machine.machine.as_deref().filter(|name| machines::has_gpu(name)) {
        return Err(Error::input("mode", format!("a serverless endpoint has no GPU, and {name} was asked for"))
            .next("Choose real-time or asynchronous, or a machine without a GPU"));
    }
    Ok(MachineRef { service: None, machine: Some(NO_MACHINE.into()), ..machine.clone() })
}

/// The machine's type of an endpoint that has one; `None`: serverless.
pub(crate) fn machine(spec: &EndpointSpec) -> Result<Option<&str>> {
    if is_serverless(&spec.mode) {
        return Ok(None);
    }
    let name = spec.machine.machine.as_deref().unwrap_or_default();
    if spec.machine.service.as_deref().is_some_and(|s| s != "sagemaker") || !name.starts_with("ml.") {
        return Err(Error::input("machine", format!("SageMaker has no machine {}", spec.machine))
            .next("Its machines begin with ml., such as aws:ml.t2.medium"));
    }
    Ok(Some(name))
}

/// What an hour costs, asked or not.
pub(crate) fn rate(spec: &EndpointSpec, region: &RegionName) -> Result<Cost<HourlyRate>> {
    Ok(match machine(spec)? {
        Some(name) => machines::rate(region.as_str(), name, "Hosting", 1),
        None => nothing_asked(),
    })
}

pub(crate) fn nothing_asked() -> Cost<HourlyRate> {
    Cost::NotBilled { note: "it costs nothing while nobody asks".into() }
}

/// What its use costs besides.
pub(crate) fn by_use(spec: &EndpointSpec, region: &RegionName) -> Option<UsePrice> {
    is_serverless(&spec.mode).then(|| thousand(PRICES, region.as_str(), memory(&spec.mode)))
}

/// A thousand requests of 100 ms, by a price list of dollars a second.
fn thousand(prices: &str, region: &str, memory: u32) -> UsePrice {
    let of = "1,000 requests of 100 ms each".to_owned();
    let row = prices.lines().skip(1).find_map(|line| {
        let f: Vec<&str> = line.split(',').collect();
        let here = *f.first()? == region && f.get(1)?.parse() == Ok(memory);
        here.then(|| Some((f.get(2)?.parse::<Decimal>().ok()?, f.get(3)?.parse::<jiff::civil::Date>().ok()?)))?
    });
    let cost = match row {
        None => {
            Cost::Unknown { why: format!("the price list here has no serverless price of {memory} MB in {region}") }
        }
        Some((a_second, day)) => Cost::Estimated {
            amount: Money::usd(a_second * Decimal::from(100)),
            as_of: day.to_zoned(TimeZone::UTC).map_or(Timestamp::UNIX_EPOCH, |z| z.timestamp()),
            basis: format!("list price of {memory} MB in {region}, data in and out not counted"),
        },
    };
    UsePrice { of, cost }
}

/// The variant of the configuration.
pub(crate) fn variant(spec: &EndpointSpec) -> Result<ProductionVariant> {
    let variant = ProductionVariant::builder().variant_name(super::VARIANT).model_name(spec.id.as_str());
    let variant = variant.initial_variant_weight(1.0);
    let number = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    let variant = match machine(spec)? {
        Some(name) => variant.instance_type(ProductionVariantInstanceType::from(name)).initial_instance_count(1),
        None => variant.serverless_config(
            ProductionVariantServerlessConfig::builder()
                .memory_size_in_mb(number(memory(&spec.mode)))
                .max_concurrency(number(concurrency(&spec.mode)))
                .build(),
        ),
    };
    Ok(variant.build())
}

/// Where answers go that come later.
pub(crate) fn answers(spec: &EndpointSpec, store: &Store) -> Option<AsyncInferenceConfig> {
    let places = Places::of(&spec.id);
    let output = AsyncInferenceOutputConfig::builder()
        .s3_output_path(store.uri(places.answers.trim_end_matches('/')))
        .s3_failure_path(store.uri(places.failures.trim_end_matches('/')));
    is_async(&spec.mode).then(|| AsyncInferenceConfig::builder().output_config(output.build()).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_requests() {
        let list = "region,memory_mb,usd_per_second,as_of\nus-east-1,2048,0.00004,2026-01-01\n";
        let known = thousand(list, "us-east-1", 2048);
        assert_eq!(known.cost.amount().map(ToString::to_string).as_deref(), Some("$0.0040"));
        for (region, memory) in [("us-east-1", 4096), ("eu-west-3", 2048)] {
            assert!(thousand(list, region, memory).cost.is_unknown(), "what is not in the list is unknown, never zero");
        }
    }

    #[test]
    fn no_gpu_by_request() {
        let serverless = Mode { id: "serverless".into(), ..Mode::default() };
        let on = |machine: &str, mode: &Mode| place(&machine.parse().unwrap(), mode).map(|m| m.to_string());
        assert_eq!(on("aws:us-east-1:ml.t2.medium", &serverless).unwrap(), "aws:us-east-1:serverless");
        assert_eq!(on("aws:serverless", &serverless).unwrap(), "aws:serverless");
        assert_eq!(on("aws:ml.g5.xlarge", &Mode::default()).unwrap(), "aws:ml.g5.xlarge");
        let error = on("aws:ml.g5.xlarge", &serverless).unwrap_err();
        assert!(error.field() == Some("mode") && error.message().contains("no GPU"), "{error}");
    }
}
