//! A bulk offer file of the AWS Price List as CSV: five rows of metadata, a row of column names, then a row for each
//! price of each product.

use super::product::{Price, Product, add, commitment, plain};
use super::{Counted, Feed, FeedError, date_of, feed};
use crate::builder::Builder;
use crate::offers::Catalog;
use crate::spec::Buy;
use std::io::{BufReader, Read};

const EXPECTED: &str = "price list file as CSV";

/// Columns of the price itself, by plain name.
#[derive(Default)]
struct Columns {
    term_type: Option<usize>,
    unit: Option<usize>,
    price: Option<usize>,
    currency: Option<usize>,
    starting: Option<usize>,
    length: Option<usize>,
    option: Option<usize>,
    class: Option<usize>,
    /// Attributes of the product, with their plain names.
    attributes: Vec<(usize, String)>,
    count: usize,
}

/// Reads a bulk offer file. A CSV does not say where it ends, so give the announced length if there is one: a file that
/// is shorter was cut.
pub fn bulk_csv(from: impl Read, expected_bytes: Option<u64>, known: &Catalog) -> Result<Feed, FeedError> {
    let mut counted = Counted { inner: from, read: 0 };
    let mut builder = Builder::new();
    let (mut service, mut published, mut columns) = (String::new(), None, None);
    let mut seen = 0;
    {
        let mut csv = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(BufReader::with_capacity(1 << 16, &mut counted));
        let mut row = csv::StringRecord::new();
        let mut product = Product::default();
        let mut source = String::new();
        while csv.read_record(&mut row).map_err(|e| wrong(e, seen))? {
            let Some(known_columns) = &columns else {
                match row.get(0) {
                    Some("OfferCode") => row.get(1).unwrap_or("").clone_into(&mut service),
                    Some("Publication Date") => published = row.get(1).and_then(date_of),
                    Some("SKU") => {
                        columns = Some(Columns::read(&row)?);
                        let of = published.map_or_else(String::new, |d| format!(", published {d}"));
                        source = format!("AWS Price List {service}{of}");
                    }
                    _ if csv.position().line() > 12 => break,
                    _ => {}
                }
                continue;
            };
            if row.len() != known_columns.count {
                return Err(FeedError::CutShort { seen, of: "rows" });
            }
            seen += 1;
            known_columns.add(&row, &mut product, known, &mut builder, published, &source);
        }
    }
    if columns.is_none() || service.is_empty() {
        let says = "it has no row of column names that begins with SKU, or no OfferCode".to_owned();
        return Err(FeedError::NotThisShape { expected: EXPECTED, says });
    }
    if expected_bytes.is_some_and(|expected| counted.read < expected) {
        return Err(FeedError::CutShort { seen, of: "rows" });
    }
    Ok(feed(builder, &service, published, seen))
}

fn wrong(e: csv::Error, seen: usize) -> FeedError {
    match e.into_kind() {
        csv::ErrorKind::Io(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
            FeedError::CutShort { seen, of: "rows" }
        }
        csv::ErrorKind::Io(e) => FeedError::Read(e),
        other => FeedError::NotThisShape { expected: EXPECTED, says: format!("after {seen} rows: {other:?}") },
    }
}

impl Columns {
    fn read(row: &csv::StringRecord) -> Result<Self, FeedError> {
        let mut columns = Self { count: row.len(), ..Self::default() };
        let (mut name, mut probe) = (String::new(), Product::default());
        for (i, title) in row.iter().enumerate() {
            plain(title, &mut name);
            let field = match name.as_str() {
                "termtype" => &mut columns.term_type,
                "unit" => &mut columns.unit,
                "priceperunit" => &mut columns.price,
                "currency" => &mut columns.currency,
                "startingrange" => &mut columns.starting,
                "leasecontractlength" => &mut columns.length,
                "purchaseoption" => &mut columns.option,
                "offeringclass" => &mut columns.class,
                _ => {
                    if probe.field(&name).is_some() {
                        columns.attributes.push((i, name.clone()));
                    }
                    continue;
                }
            };
            *field = Some(i);
        }
        let needed = [("TermType", columns.term_type), ("Unit", columns.unit), ("PricePerUnit", columns.price)];
        match needed.into_iter().find(|(_, at)| at.is_none()) {
            None => Ok(columns),
            Some((name, _)) => {
                Err(FeedError::NotThisShape { expected: EXPECTED, says: format!("it has no column {name}") })
            }
        }
    }
    fn add(
        &self,
        row: &csv::StringRecord,
        product: &mut Product,
        known: &Catalog,
        builder: &mut Builder,
        published: Option<jiff::civil::Date>,
        source: &str,
    ) {
        let get = |at: Option<usize>| at.and_then(|i| row.get(i)).unwrap_or("");
        let buy = match get(self.term_type) {
            "OnDemand" => Buy::OnDemand,
            "Reserved" => match commitment(get(self.length), get(self.option), get(self.class)) {
                Some(buy) => buy,
                None => return,
            },
            _ => return,
        };
        if !matches!(get(self.starting), "" | "0") {
            return;
        }
        product.clear();
        for (i, name) in &self.attributes {
            if let Some(field) = product.field(name) {
                field.push_str(row.get(*i).unwrap_or(""));
            }
        }
        let Some(machine) = product.machine(known) else { return };
        let currency = match get(self.currency) {
            "" => "USD",
            other => other,
        };
        let price = Price { unit: get(self.unit), currency, amount: get(self.price), buy };
        // A reserved "Quantity" row is its money up front, which no-upfront terms do not have.
        if buy.is_commitment() && price.unit == "Quantity" {
            return;
        }
        add(builder, &machine, &price, published, source);
    }
}
