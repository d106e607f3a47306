//! The ways in which SageMaker serves: what each asks for, what it costs, and how it stands in an endpoint's configuration.

use super::Places;
use crate::machines;
use crate::market::Seconds;
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
            usual: Some(2048),
            from: 1024,
            to: 6144,
            step: 1024,
        },
        ModeField {
            name: "concurrency",
            title: "At once",
            unit: "",
            hint: "How many requests are answered at the same time, 1 to 200",
            usual: Some(5),
            from: 1,
            to: 200,
            step: 1,
        },
        ModeField {
            name: "requests",
            title: "Requests a day",
            unit: "",
            hint: "As you expect them; its price is estimated from this and the next, and from nothing else",
            usual: None,
            from: 1,
            to: 1_000_000_000,
            step: 1,
        },
        // "Invocations … must complete within 60 seconds" (SageMaker's guide to serverless endpoints).
        ModeField {
            name: "millis",
            title: "Each takes",
            unit: "ms",
            hint: "How long an answer takes, 1 to 60000; the endpoint's page shows it once it is in use",
            usual: None,
            from: 1,
            to: 60_000,
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
    mode.settings.get(field.name).copied().or(field.usual).unwrap_or(field.from)
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

/// What its use costs: a second of it, and what is expected of it where that was said.
pub(crate) fn by_use(spec: &EndpointSpec, region: &RegionName, told: Option<&Seconds>) -> Vec<UsePrice> {
    if !is_serverless(&spec.mode) {
        return Vec::new();
    }
    let memory = memory(&spec.mode);
    let second = match told.and_then(|told| told.of(memory)).or_else(|| listed(PRICES, region.as_str(), memory)) {
        Some((usd, as_of)) => {
            Cost::Estimated { amount: Money::usd(usd), as_of, basis: format!("list price of {memory} MB in {region}") }
        }
        None => {
            Cost::Unknown { why: format!("the price list here has no serverless price of {memory} MB in {region}") }
        }
    };
    let said = |name: &str| spec.mode.settings.get(name).copied();
    expected(&second, said("requests"), said("millis"))
}

/// Its seconds are paid, and its data: the estimate says that it leaves them out.
fn expected(second: &Cost<Money>, requests: Option<u32>, millis: Option<u32>) -> Vec<UsePrice> {
    let mut prices = vec![UsePrice { of: "a second of answering".into(), cost: second.clone() }];
    let (Some(requests), Some(millis)) = (requests, millis) else {
        let why = "say how many requests a day you expect, and how long each takes".to_owned();
        prices.push(UsePrice { of: "a day".into(), cost: Cost::Unknown { why } });
        return prices;
    };
    let seconds = Decimal::from(requests) * Decimal::from(millis) / Decimal::from(1000);
    for (of, days) in [("a day", Decimal::ONE), ("a month", Decimal::new(730, 0) / Decimal::from(24))] {
        let mut cost = second.clone().map(|money| money.times(seconds * days));
        if let Cost::Estimated { basis, .. } = &mut cost {
            *basis = format!("{requests} requests a day of {millis} ms; data in and out not counted");
        }
        prices.push(UsePrice { of: of.into(), cost });
    }
    prices
}

/// Of a price list of dollars a second: region, memory in MB, dollars, day, source.
fn listed(prices: &str, region: &str, memory: u32) -> Option<(Decimal, Timestamp)> {
    prices.lines().skip(1).find_map(|line| {
        let f: Vec<&str> = line.split(',').collect();
        let here = *f.first()? == region && f.get(1)?.parse() == Ok(memory);
        let day: jiff::civil::Date = f.get(3)?.parse().ok()?;
        let as_of = day.to_zoned(TimeZone::UTC).ok()?.timestamp();
        here.then(|| Some((f.get(2)?.parse().ok()?, as_of)))?
    })
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
    fn a_second_and_what_is_expected() {
        let east = "us-east-1".parse().unwrap();
        let shown = |region: &RegionName, told: Option<&Seconds>, settings: &[(&str, u32)]| -> Vec<String> {
            let settings = settings.iter().map(|(k, v)| ((*k).to_owned(), *v)).collect();
            let mode = Mode { id: "serverless".into(), settings };
            let spec = EndpointSpec {
                id: "iris".parse().unwrap(),
                model: curfew_core::endpoint::ModelSource::Archive { path: "/m.tar.gz".into() },
                script: None,
                machine: "aws:serverless".parse().unwrap(),
                mode,
                curfew: Timestamp::UNIX_EPOCH,
                confirmed: Vec::new(),
                intent: "i-1".parse().unwrap(),
                owner: "ada".into(),
                project: None,
            };
            let price = |u: UsePrice| match u.cost {
                Cost::Estimated { amount, as_of, basis } => {
                    format!("{}: {amount} ({basis}, {})", u.of, as_of.strftime("%F"))
                }
                Cost::Unknown { why } => format!("{}: unknown: {why}", u.of),
                other => format!("{other:?}"),
            };
            by_use(&spec, region, told).into_iter().map(price).collect()
        };
        assert_eq!(
            shown(&east, None, &[("memory", 2048), ("requests", 500), ("millis", 400)]),
            [
                "a second of answering: $0.000040 (list price of 2048 MB in us-east-1, 2026-05-08)",
                "a day: $0.0080 (500 requests a day of 400 ms; data in and out not counted, 2026-05-08)",
                "a month: $0.24 (500 requests a day of 400 ms; data in and out not counted, 2026-05-08)",
            ]
        );
        let unknown =
            "a second of answering: unknown: the price list here has no serverless price of 4096 MB in us-east-1";
        let day = "a day: unknown: say how many requests a day you expect, and how long each takes";
        assert_eq!(
            shown(&east, None, &[("memory", 4096), ("requests", 9)]),
            [unknown, day],
            "never zero, never a guess"
        );
        assert!(shown(&"eu-west-3".parse().unwrap(), None, &[])[0].contains("unknown"));
        // What the account's own price list has told holds before what is built in.
        let told = Seconds { at: "2026-11-20T00:00:00Z".parse().unwrap(), usd: [(2048, Decimal::new(5, 5))].into() };
        assert_eq!(
            shown(&east, Some(&told), &[])[0],
            "a second of answering: $0.000050 (list price of 2048 MB in us-east-1, 2026-11-20)"
        );
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
