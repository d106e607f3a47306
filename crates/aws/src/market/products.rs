//! The price list as its query API tells it, for accounts that may ask it.

use super::serverless;
use crate::aws::Inner;
use crate::retry::call;
use aws_sdk_pricing::types::{Filter, FilterType};
use curfew_core::{Cx, Error, ErrorKind, RegionName, Result};
use rust_decimal::Decimal;
use serde_json::Value;

/// The API answers in few regions; each has the prices of all.
const ASKED_IN: &str = "us-east-1";

/// Of EC2's products, those that are an hour of a shared Linux machine with nothing installed: one for each type.
const EC2: [(&str, &str); 4] =
    [("operatingSystem", "Linux"), ("tenancy", "Shared"), ("preInstalledSw", "NA"), ("capacitystatus", "Used")];

impl Inner {
    /// Every product of EC2 and SageMaker in the region, a JSON text each.
    pub(super) async fn products_of(&self, cx: &Cx, region: &RegionName) -> Result<Vec<String>> {
        let mut texts = Vec::new();
        for (service, more) in [("AmazonEC2", &EC2[..]), ("AmazonSageMaker", &[])] {
            let wanted = [&[("regionCode", region.as_str())], more].concat();
            texts.extend(self.get_products(cx, service, &wanted).await?);
        }
        self.hear_products(&texts, cx.now());
        // The catalog takes the machines; what a serverless endpoint costs is kept for its price before the button.
        if let Some(told) = serverless::seconds(&texts, cx.now())
            && self.kept.notes().serverless.get(region) != Some(&told)
        {
            self.kept.change(|notes| drop(notes.serverless.insert(region.clone(), told)))?;
        }
        Ok(texts)
    }

    /// The products of a service that have these values in these fields, a JSON text each.
    pub(super) async fn get_products(&self, cx: &Cx, service: &str, wanted: &[(&str, &str)]) -> Result<Vec<String>> {
        let filters = wanted.iter().map(|(field, value)| filter(field, value)).collect::<Result<Vec<_>>>()?;
        let config = self.config.to_builder().region(aws_config::Region::new(ASKED_IN)).build();
        let config = aws_sdk_pricing::config::Builder::from(&config).interceptor(self.tried.clone()).build();
        let client = aws_sdk_pricing::Client::from_conf(config);
        let (mut texts, mut token) = (Vec::new(), None::<String>);
        loop {
            let page = call(cx, "read the price list", || {
                let ask = client.get_products().service_code(service).format_version("aws_v1").max_results(100);
                ask.set_filters(Some(filters.clone())).set_next_token(token.clone()).send()
            })
            .await?;
            texts.extend(page.price_list.unwrap_or_default());
            token = page.next_token;
            if token.is_none() {
                return Ok(texts);
            }
        }
    }
}

/// The steps of a product's price on demand: a unit, a range and dollars each.
/// <https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-price-list-query-api.html>
pub(super) fn on_demand(product: &Value) -> impl Iterator<Item = &Value> {
    let terms = product["terms"]["OnDemand"].as_object().into_iter().flat_map(|terms| terms.values());
    terms.filter_map(|term| term["priceDimensions"].as_object()).flat_map(|steps| steps.values())
}

/// What a step costs, in dollars a unit; `None`: nothing, or another currency.
pub(super) fn usd(step: &Value) -> Option<Decimal> {
    let usd: Decimal = step["pricePerUnit"]["USD"].as_str()?.parse().ok()?;
    (usd > Decimal::ZERO).then_some(usd)
}

fn filter(field: &str, value: &str) -> Result<Filter> {
    let filter = Filter::builder().r#type(FilterType::TermMatch).field(field).value(value).build();
    filter.map_err(|e| Error::new(ErrorKind::Unknown, "read the price list", "a filter lacks a part").caused_by(e))
}
