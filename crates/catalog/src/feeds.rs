//! Price feeds, read as streams: the AWS Price List's bulk offer files (JSON and CSV) and GetProducts pages,
//! DescribeSpotPriceHistory, DescribeInstanceTypes, and Google's Cloud Billing Catalog.
//!
//! Invariant: memory does not grow with a file, only with the offers found in it. A feed is taken whole or not at all:
//! a file cut short is an error, and what was read before stays in use.

mod aws_types;
mod bulk_csv;
mod bulk_json;
mod chunks;
mod google;
mod pages;
mod product;
mod spot;

pub use aws_types::{InstanceType, instance_types, instance_types_page};
pub use bulk_csv::bulk_csv;
pub use bulk_json::bulk_json;
pub use chunks::{ChunkReader, ChunkSender, chunks};
pub use google::{Skus, SkusPage};
pub use pages::get_products;
pub use spot::{SpotPrice, spot_page, spot_prices};

use crate::builder::Builder;
use crate::offers::Catalog;
use jiff::civil::Date;
use serde::Serialize;
use std::io::{self, Read};

/// What a feed gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Feed {
    /// Its offers and machine types; its notes say what was kept out.
    pub catalog: Catalog,
    /// Counts and dates.
    pub report: Report,
}

/// Counts and dates of a feed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    /// The service, as the feed calls it: `AmazonEC2`, `Compute Engine`.
    pub service: String,
    /// The date that its prices are of, where it says.
    pub published: Option<Date>,
    /// Products, SKUs or rows seen.
    pub seen: usize,
    /// Offers found in them.
    pub offers: usize,
}

/// Why a feed could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// It ends too early.
    #[error("it is cut short: it ends after {seen} {of}, in the middle")]
    CutShort {
        /// How many things were read whole.
        seen: usize,
        /// `products`, `rows`, `SKUs`.
        of: &'static str,
    },
    /// It is something else than expected.
    #[error("it is not a {expected}: {says}")]
    NotThisShape {
        /// `price list file`, `page of SKUs` …
        expected: &'static str,
        /// What was found instead.
        says: String,
    },
    /// It could not be read at all.
    #[error("it cannot be read: {0}")]
    Read(#[from] io::Error),
}

impl FeedError {
    fn json(e: &serde_json::Error, expected: &'static str, seen: usize, of: &'static str) -> Self {
        match e.classify() {
            serde_json::error::Category::Eof => Self::CutShort { seen, of },
            serde_json::error::Category::Io => {
                Self::Read(io::Error::new(e.io_error_kind().unwrap_or(io::ErrorKind::Other), e.to_string()))
            }
            serde_json::error::Category::Syntax | serde_json::error::Category::Data => {
                let says = format!("line {}, column {}: {e}", e.line(), e.column());
                Self::NotThisShape { expected, says }
            }
        }
    }
}

/// Makes a feed of what was collected.
fn feed(builder: Builder, service: &str, published: Option<Date>, seen: usize) -> Feed {
    let offers = builder.len();
    let catalog = builder.build();
    Feed { catalog, report: Report { service: service.to_owned(), published, seen, offers } }
}

/// Counts bytes, so that a download that ended too early is seen even where its last line happens to be whole.
struct Counted<R> {
    inner: R,
    read: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(into)?;
        self.read += n as u64;
        Ok(n)
    }
}

/// The date at the start of "2026-09-24T18:03:11Z".
fn date_of(text: &str) -> Option<Date> {
    text.get(..10)?.parse().ok()
}
