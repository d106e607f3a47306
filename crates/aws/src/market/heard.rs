//! SageMaker's list prices as AWS has told them to an account of this home. They are the same for every account, so that one
//! list serves all; what is kept of it lies with the account's other notes.

use crate::aws::Inner;
use crate::machines;
use crate::market::products::{on_demand, usd};
use curfew_core::{Cx, RegionName, Timestamp};
use jiff::SignedDuration;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::{LazyLock, RwLock};

/// So long a price list is taken as it was told.
const GOOD_FOR: SignedDuration = SignedDuration::from_hours(24);
/// Who was refused is asked again after this.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(10);
/// No machine of SageMaker's costs so much an hour: what does is no price of a machine's hour.
const ABSURD_USD: u32 = 2_000;

/// What is known of one machine in one region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told {
    /// When AWS told it.
    pub at: Timestamp,
    /// Dollars an hour by component (`Training`, `Hosting`); nothing: the list has no such machine there.
    pub usd: BTreeMap<String, Decimal>,
}

#[derive(Default)]
struct Heard {
    told: HashMap<(String, String), Told>,
    refused: HashMap<(String, String), Timestamp>,
}

static HEARD: LazyLock<RwLock<Heard>> = LazyLock::new(RwLock::default);

/// The price of a component, and when it was told.
pub(crate) fn price(region: &str, name: &str, component: &str) -> Option<(Decimal, Timestamp)> {
    let heard = HEARD.read().expect("nothing panics while it is held");
    let told = heard.told.get(&(region.to_owned(), name.to_owned()))?;
    Some((*told.usd.get(component)?, told.at))
}

impl Inner {
    /// Asks the price list for a machine whose price of this component is not known, or was written down long ago. Where it
    /// may not be asked, what is known stays as it is.
    pub(crate) async fn learn_price(&self, cx: &Cx, region: &RegionName, name: &str, component: &str) {
        let now = cx.now();
        if machines::is_recent(region.as_str(), name, component, now) || self.has_heard(region, name, now) {
            return;
        }
        let key = (region.to_string(), name.to_owned());
        let wanted = [("regionCode", region.as_str()), ("instanceName", name)];
        match self.get_products(cx, "AmazonSageMaker", &wanted).await {
            Ok(texts) => {
                let usd = texts.iter().filter_map(|text| hour(text)).filter(|h| h.name == name);
                let usd = usd.map(|h| (h.component, h.usd)).collect();
                self.heard(BTreeMap::from([(key, Told { at: now, usd })]));
            }
            Err(_) => {
                HEARD.write().expect("nothing panics while it is held").refused.insert(key, now);
            }
        }
    }

    /// Takes the prices of a whole list of SageMaker's products.
    pub(super) fn hear_products(&self, texts: &[String], now: Timestamp) {
        let mut all = BTreeMap::new();
        for hour in texts.iter().filter_map(|text| hour(text)) {
            let told = all.entry((hour.region, hour.name)).or_insert(Told { at: now, usd: BTreeMap::new() });
            told.usd.insert(hour.component, hour.usd);
        }
        self.heard(all);
    }

    fn heard(&self, all: BTreeMap<(String, String), Told>) {
        if all.is_empty() {
            return;
        }
        // Without the file it is known as long as this process lives.
        let _ = self.kept.change(|notes| {
            for ((region, name), told) in &all {
                notes.prices.insert(format!("{region} {name}"), told.clone());
            }
        });
        HEARD.write().expect("nothing panics while it is held").told.extend(all);
    }

    /// Is there an answer, or a refusal, that is young enough?
    fn has_heard(&self, region: &RegionName, name: &str, now: Timestamp) -> bool {
        let key = (region.to_string(), name.to_owned());
        let young = |at: Timestamp, limit| now.duration_since(at) < limit;
        {
            let heard = HEARD.read().expect("nothing panics while it is held");
            if let Some(told) = heard.told.get(&key) {
                return young(told.at, GOOD_FOR);
            }
            if heard.refused.get(&key).is_some_and(|at| young(*at, AGAIN_AFTER)) {
                return true;
            }
        }
        let Some(told) = self.kept.notes().prices.get(&format!("{region} {name}")).cloned() else { return false };
        let answer = young(told.at, GOOD_FOR);
        HEARD.write().expect("nothing panics while it is held").told.insert(key, told);
        answer
    }
}

/// An hour of a machine, as a product of the price list names it.
#[derive(Debug, PartialEq)]
struct Hour {
    region: String,
    name: String,
    component: String,
    usd: Decimal,
}

/// The hour that a product is, where it is one of a SageMaker machine on demand with a price in dollars that can be true.
fn hour(text: &str) -> Option<Hour> {
    let whole: serde_json::Value = serde_json::from_str(text).ok()?;
    let product = &whole["product"];
    if product["productFamily"] != "ML Instance" {
        return None;
    }
    let attribute = |name: &str| product["attributes"][name].as_str().map(str::to_owned);
    let hours = on_demand(&whole).filter(|step| matches!(step["unit"].as_str(), Some("Hrs" | "Hours" | "hours")));
    let usd = hours.filter_map(usd).find(|usd| *usd < Decimal::from(ABSURD_USD))?.normalize();
    Some(Hour {
        region: attribute("regionCode")?,
        name: attribute("instanceName")?,
        component: attribute("component")?,
        usd,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn product(unit: &str, usd: &str) -> String {
        json!({
            "product": {"productFamily": "ML Instance", "attributes": {
                "regionCode": "us-east-1", "instanceName": "ml.m5.xlarge", "component": "Hosting"}},
            "terms": {"OnDemand": {"o": {"priceDimensions": {"d": {"unit": unit, "pricePerUnit": {"USD": usd}}}}}},
        })
        .to_string()
    }

    #[test]
    fn a_product_is_an_hour_with_a_price_or_nothing() {
        let seen = hour(&product("Hrs", "0.2300000000")).unwrap();
        assert_eq!((seen.component.as_str(), seen.usd.to_string().as_str()), ("Hosting", "0.23"));
        for (unit, usd) in [("Hrs", "0"), ("Hrs", "-1"), ("Hrs", "90000"), ("Hrs", "free"), ("GB", "0.23")] {
            assert_eq!(hour(&product(unit, usd)), None, "{unit} {usd}");
        }
        assert_eq!(hour("{"), None);
    }
}
