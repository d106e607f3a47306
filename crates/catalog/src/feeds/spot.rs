//! Rows of EC2's DescribeSpotPriceHistory.

use super::{Feed, FeedError, feed};
use crate::builder::{Builder, NewOffer};
use crate::spec::{Buy, Slot};
use crate::{Rate, Usd};
use curfew_core::Timestamp;
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use serde::Deserialize;

/// A spot price that is older than this says nothing about now.
const TOO_OLD: SignedDuration = SignedDuration::from_hours(90 * 24);

/// One row, in the API's words.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SpotPrice {
    /// `us-east-1a`.
    pub availability_zone: String,
    /// `g5.xlarge`.
    pub instance_type: String,
    /// `Linux/UNIX`, `Windows` …
    pub product_description: String,
    /// `0.402100`.
    pub spot_price: String,
    /// When this price began.
    pub timestamp: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    spot_price_history: Vec<SpotPrice>,
}

/// The rows of one page as JSON, as the AWS command line prints it.
pub fn spot_page(text: &str) -> Result<Vec<SpotPrice>, FeedError> {
    let page: Page = serde_json::from_str(text).map_err(|e| FeedError::json(&e, "page of spot prices", 0, "rows"))?;
    Ok(page.spot_price_history)
}

/// Spot prices of one region: of each machine and zone the newest for Linux counts.
pub fn spot_prices(rows: impl IntoIterator<Item = SpotPrice>, region: &str, now: Timestamp) -> Feed {
    let mut builder = Builder::new();
    let mut rows: Vec<SpotPrice> = rows.into_iter().collect();
    let seen = rows.len();
    rows.retain(|r| r.product_description.starts_with("Linux/UNIX"));
    // Of equal rows the last added wins, so the newest comes last.
    rows.sort_by_key(|r| r.timestamp);
    for row in &rows {
        let about = format!("{}, {}, spot", row.instance_type, row.availability_zone);
        if now.duration_since(row.timestamp) > TOO_OLD {
            let date = row.timestamp.to_zoned(TimeZone::UTC).date();
            builder.note(&about, &format!("its last spot price is of {date}, too old to be true now; kept out"));
            continue;
        }
        let Some(rate) = Usd::parse(row.spot_price.trim()).and_then(Rate::from_usd) else {
            let price = curfew_core::say::clean(&row.spot_price, 40);
            builder.note(&about, &format!("has the price “{price}”, which is not a number; kept out"));
            continue;
        };
        let slot = Slot {
            cloud: "aws".into(),
            service: "ec2".into(),
            component: None,
            region: region.into(),
            zone: Some(row.availability_zone.as_str().into()),
            buy: Buy::Spot,
        };
        builder.offer(&NewOffer {
            slot,
            machine: &row.instance_type,
            rate: Some(rate),
            as_of: Some(row.timestamp.to_zoned(TimeZone::UTC).date()),
            source: "EC2 DescribeSpotPriceHistory",
        });
    }
    let published = rows.last().map(|r| r.timestamp.to_zoned(TimeZone::UTC).date());
    feed(builder, "EC2 spot", published, seen)
}
