//! A bulk offer file of the AWS Price List as JSON ("Reading the service price list file for an AWS service", AWS
//! Billing user guide): products by SKU, then terms by kind, SKU and term.
//!
//! The file is read once, front to back. Of each product only what makes it a machine of ours is kept; everything else
//! is skipped where it stands, so a file of any size takes the memory of the few thousand machines in it.

use super::product::{Machine, Price, Product, add, commitment, plain};
use super::{Feed, FeedError, date_of, feed};
use crate::builder::Builder;
use crate::offers::Catalog;
use crate::spec::Buy;
use jiff::civil::Date;
use rustc_hash::FxHashMap;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;
use std::io::{BufReader, Read};

const EXPECTED: &str = "price list file";

/// Reads a bulk offer file. `known` tells what kinds of accelerators machines have.
pub fn bulk_json(from: impl Read, known: &Catalog) -> Result<Feed, FeedError> {
    let mut json = serde_json::Deserializer::from_reader(BufReader::with_capacity(1 << 16, from));
    let mut state = State::new(known);
    let read = Root(&mut state).deserialize(&mut json).and_then(|()| json.end());
    let State { builder, seen, service, published, found_terms, .. } = state;
    read.map_err(|e| FeedError::json(&e, EXPECTED, seen, "products"))?;
    if service.is_empty() || !found_terms {
        let says = "it names no service or has no terms".to_owned();
        return Err(FeedError::NotThisShape { expected: EXPECTED, says });
    }
    Ok(feed(builder, &service, published, seen))
}

struct State<'a> {
    known: &'a Catalog,
    builder: Builder,
    machines: FxHashMap<Box<str>, Machine>,
    product: Product,
    name: String,
    seen: usize,
    service: String,
    published: Option<Date>,
    source: String,
    found_terms: bool,
}

impl<'a> State<'a> {
    fn new(known: &'a Catalog) -> Self {
        Self {
            known,
            builder: Builder::new(),
            machines: FxHashMap::default(),
            product: Product::default(),
            name: String::new(),
            seen: 0,
            service: String::new(),
            published: None,
            source: String::new(),
            found_terms: false,
        }
    }
}

/// A text copied into a buffer that is used again; what is no text leaves the buffer blank.
struct Into<'b>(&'b mut String);
impl<'de> DeserializeSeed<'de> for Into<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        self.0.clear();
        d.deserialize_any(self)
    }
}
impl<'de> Visitor<'de> for Into<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }
    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.0.push_str(text);
        Ok(())
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<(), A::Error> {
        IgnoredAny.visit_seq(list).map(|_| ())
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        IgnoredAny.visit_map(map).map(|_| ())
    }
}

fn skip<'de, A: MapAccess<'de>>(map: &mut A) -> Result<(), A::Error> {
    map.next_value::<IgnoredAny>().map(|_| ())
}

macro_rules! map_visitor {
    ($(#[$doc:meta])* $name:ident, $says:literal, |$self_:ident, $map:ident| $body:block) => {
        $(#[$doc])*
        struct $name<'s, 'k>(&'s mut State<'k>);
        impl<'de> DeserializeSeed<'de> for $name<'_, '_> {
            type Value = ();
            fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
                d.deserialize_map(self)
            }
        }
        impl<'de> Visitor<'de> for $name<'_, '_> {
            type Value = ();
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($says)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut $map: A) -> Result<(), A::Error> {
                let $self_ = self.0;
                $body
                Ok(())
            }
        }
    };
}

map_visitor!(
    /// The whole file.
    Root, "an object with products and terms", |state, map| {
        let mut key = String::new();
        while map.next_key_seed(Into(&mut key))?.is_some() {
            match key.as_str() {
                "offerCode" => map.next_value_seed(Into(&mut state.service))?,
                "publicationDate" => {
                    map.next_value_seed(Into(&mut key))?;
                    state.published = date_of(&key);
                }
                "products" => map.next_value_seed(Products(state))?,
                "terms" => {
                    state.found_terms = true;
                    let of = state.published.map_or_else(String::new, |d| format!(", published {d}"));
                    state.source = format!("AWS Price List {}{of}", state.service);
                    map.next_value_seed(Terms(state))?;
                }
                _ => skip(&mut map)?,
            }
        }
    }
);

map_visitor!(
    /// Products by SKU.
    Products, "products by SKU", |state, map| {
        let mut sku = String::new();
        while map.next_key_seed(Into(&mut sku))?.is_some() {
            state.product.clear();
            map.next_value_seed(OneProduct(state))?;
            state.seen += 1;
            if let Some(machine) = state.product.machine(state.known) {
                state.machines.insert(sku.as_str().into(), machine);
            }
        }
    }
);

map_visitor!(
    /// One product.
    OneProduct, "a product", |state, map| {
        let mut key = String::new();
        while map.next_key_seed(Into(&mut key))?.is_some() {
            match key.as_str() {
                "productFamily" => {
                    if let Some(family) = state.product.field("productfamily") {
                        map.next_value_seed(Into(family))?;
                    }
                }
                "attributes" => map.next_value_seed(Attributes(state))?,
                _ => skip(&mut map)?,
            }
        }
    }
);

map_visitor!(
    /// Its attributes.
    Attributes, "attributes", |state, map| {
        let mut key = String::new();
        while map.next_key_seed(Into(&mut key))?.is_some() {
            plain(&key, &mut state.name);
            match state.product.field(&state.name) {
                Some(field) => map.next_value_seed(Into(field))?,
                None => skip(&mut map)?,
            }
        }
    }
);

map_visitor!(
    /// Terms by kind: OnDemand, Reserved.
    Terms, "terms by kind", |state, map| {
        let mut kind = String::new();
        while map.next_key_seed(Into(&mut kind))?.is_some() {
            match kind.as_str() {
                "OnDemand" | "Reserved" => map.next_value_seed(BySku(state))?,
                _ => skip(&mut map)?,
            }
        }
    }
);

map_visitor!(
    /// Terms of one kind by SKU.
    BySku, "terms by SKU", |state, map| {
        let mut sku = String::new();
        while map.next_key_seed(Into(&mut sku))?.is_some() {
            let Some(machine) = state.machines.get(sku.as_str()) else {
                skip(&mut map)?;
                continue;
            };
            // One machine's terms are a few kilobytes.
            let terms: FxHashMap<String, Term> = map.next_value()?;
            for term in sorted(&terms) {
                term.add(&mut state.builder, machine, state.published, &state.source);
            }
        }
    }
);

/// By key, so that the same file always reads the same way.
fn sorted<T>(map: &FxHashMap<String, T>) -> Vec<&T> {
    let mut pairs: Vec<(&String, &T)> = map.iter().collect();
    pairs.sort_by_key(|(key, _)| *key);
    pairs.into_iter().map(|(_, value)| value).collect()
}

/// A term of a product, in files and in GetProducts alike.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Term {
    price_dimensions: FxHashMap<String, Dimension>,
    term_attributes: TermAttributes,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Dimension {
    unit: String,
    price_per_unit: FxHashMap<String, String>,
    begin_range: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct TermAttributes {
    lease_contract_length: String,
    purchase_option: String,
    offering_class: String,
}

impl Term {
    /// Adds its hourly prices.
    pub(super) fn add(&self, builder: &mut Builder, machine: &Machine, as_of: Option<Date>, source: &str) {
        let t = &self.term_attributes;
        let buy = if t.lease_contract_length.is_empty() {
            Buy::OnDemand
        } else {
            match commitment(&t.lease_contract_length, &t.purchase_option, &t.offering_class) {
                Some(buy) => buy,
                None => return,
            }
        };
        for dimension in sorted(&self.price_dimensions) {
            // Upper tiers of a tiered price are not what the first hour costs.
            if !matches!(dimension.begin_range.as_str(), "" | "0") {
                continue;
            }
            let usd = dimension.price_per_unit.get_key_value("USD");
            let Some((currency, amount)) = usd.or_else(|| dimension.price_per_unit.iter().next()) else { continue };
            add(builder, machine, &Price { unit: &dimension.unit, currency, amount, buy }, as_of, source);
        }
    }
}
