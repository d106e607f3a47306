//! Pages of GetProducts (AWS Price List Query API): `PriceList` is a list of texts, each a JSON object of one product
//! with its terms.

use super::bulk_json::Term;
use super::product::{Product, plain};
use super::{Feed, FeedError, date_of, feed};
use crate::builder::Builder;
use crate::offers::Catalog;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    product: ItemProduct,
    #[serde(default)]
    service_code: String,
    #[serde(default)]
    terms: BTreeMap<String, BTreeMap<String, Term>>,
    #[serde(default)]
    publication_date: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ItemProduct {
    #[serde(default)]
    product_family: String,
    attributes: BTreeMap<String, String>,
}

/// Reads the texts of `PriceList` of one or more pages. A text that is not a product is an error: what it would have
/// said is not known.
pub fn get_products<S: AsRef<str>>(texts: impl IntoIterator<Item = S>, known: &Catalog) -> Result<Feed, FeedError> {
    let mut builder = Builder::new();
    let (mut seen, mut service, mut published) = (0, String::new(), None);
    let mut name = String::new();
    for text in texts {
        let item: Item = serde_json::from_str(text.as_ref())
            .map_err(|e| FeedError::json(&e, "product of the price list", seen, "products"))?;
        seen += 1;
        let mut product = Product::default();
        let family = ("productFamily".to_owned(), item.product.product_family);
        for (key, value) in item.product.attributes.iter().chain([(&family.0, &family.1)]) {
            plain(key, &mut name);
            if let Some(field) = product.field(&name) {
                field.clone_from(value);
            }
        }
        service = item.service_code;
        let date = date_of(&item.publication_date);
        published = published.max(date);
        let Some(machine) = product.machine(known) else { continue };
        let of = date.map_or_else(String::new, |d| format!(", published {d}"));
        let source = format!("AWS Price List {service}{of}");
        for kind in ["OnDemand", "Reserved"] {
            for term in item.terms.get(kind).into_iter().flat_map(BTreeMap::values) {
                term.add(&mut builder, &machine, date, &source);
            }
        }
    }
    Ok(feed(builder, &service, published, seen))
}
