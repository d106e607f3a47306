//! What a second of a serverless endpoint costs, as the account's price list tells it beside its machines.
//!
//! A product of the family "ML Serverless" whose usage type ends in `ServerlessInf:Mem-4GB` is a second of an endpoint of
//! that memory; the same with `ProvisionedConcurrency` in it is another thing. The first seconds may have a price of their
//! own (0, in a new account's first two months), so that the price is the last step's.

use super::products::{on_demand, usd};
use curfew_core::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Dollars a second, by memory in MB.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seconds {
    /// When AWS published it.
    pub at: Timestamp,
    pub usd: BTreeMap<u32, Decimal>,
}

impl Seconds {
    pub(crate) fn of(&self, memory: u32) -> Option<(Decimal, Timestamp)> {
        self.usd.get(&memory).map(|usd| (*usd, self.at))
    }
}

/// What is among the products of a region; `None`: nothing is.
pub(super) fn seconds(products: &[String], now: Timestamp) -> Option<Seconds> {
    let mut found = Seconds { at: now, usd: BTreeMap::new() };
    for text in products {
        let Ok(product) = serde_json::from_str::<Value>(text) else { continue };
        let Some((memory, usd)) = second(&product) else { continue };
        found.usd.insert(memory, usd);
        let published = product["publicationDate"].as_str().and_then(|text| text.parse().ok());
        found.at = published.unwrap_or(found.at);
    }
    (!found.usd.is_empty()).then_some(found)
}

fn second(product: &Value) -> Option<(u32, Decimal)> {
    if product["product"]["productFamily"] != "ML Serverless" {
        return None;
    }
    let usage = product["product"]["attributes"]["usagetype"].as_str()?;
    let (place, memory) = usage.rsplit_once("ServerlessInf:Mem-")?;
    if !(place.is_empty() || place.ends_with('-')) {
        return None;
    }
    let gb: u32 = memory.strip_suffix("GB")?.parse().ok()?;
    let mut last = on_demand(product).filter(|step| step["endRange"] == "Inf");
    let step = last.next()?;
    let unit = step["unit"].as_str()?.to_lowercase();
    if last.next().is_some() || !["second", "seconds"].contains(&unit.as_str()) {
        return None;
    }
    Some((gb.checked_mul(1024)?, usd(step)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn seconds_among_products() {
        let step = |from: &str, to: &str, unit: &str, usd: &str| json!({ "unit": unit, "beginRange": from, "endRange": to, "pricePerUnit": { "USD": usd } });
        let product = |family: &str, usage: &str, steps: Value| {
            json!({ "publicationDate": "2026-11-20T00:00:00Z",
                "product": { "productFamily": family, "attributes": { "usagetype": usage } },
                "terms": { "OnDemand": { "S.T": { "priceDimensions": steps } } } })
            .to_string()
        };
        let check = |family: &str, usage: &str, steps: Value, expect: &[(u32, &str)]| {
            let found = seconds(&[product(family, usage, steps), "not json".into()], Timestamp::UNIX_EPOCH);
            let got = found.as_ref().map(|f| f.usd.iter().map(|(m, usd)| (*m, usd.to_string())).collect::<Vec<_>>());
            let expect: Vec<_> = expect.iter().map(|(m, usd)| (*m, (*usd).to_owned())).collect();
            assert_eq!(got.unwrap_or_default(), expect, "{usage}");
            assert!(found.is_none_or(|f| f.at.to_string() == "2026-11-20T00:00:00Z"));
        };
        let one = json!({ "a": step("0", "Inf", "Seconds", "0.0000800000") });
        check("ML Serverless", "EU-ServerlessInf:Mem-4GB", one.clone(), &[(4096, "0.0000800000")]);
        check("ML Serverless", "ServerlessInf:Mem-1GB", one.clone(), &[(1024, "0.0000800000")]);
        let free =
            json!({ "a": step("0", "150000", "Seconds", "0"), "b": step("150000", "Inf", "Seconds", "0.00004") });
        check("ML Serverless", "USE1-ServerlessInf:Mem-2GB", free, &[(2048, "0.00004")]);
        // Not a second of answering, or not known to be one.
        check("ML Serverless", "USE1-ServerlessInf:ProvisionedConcurrency:Mem-2GB", one.clone(), &[]);
        check("ML Serverless", "USE1-XServerlessInf:Mem-2GB", one.clone(), &[]);
        check("ML Instance", "USE1-ServerlessInf:Mem-2GB", one, &[]);
        check("ML Serverless", "ServerlessInf:Mem-2GB", json!({ "a": step("0", "Inf", "Hrs", "0.1") }), &[]);
        check("ML Serverless", "ServerlessInf:Mem-2GB", json!({ "a": step("0", "Inf", "Seconds", "0") }), &[]);
    }
}
