//! Points on disk: append-only, crash-safe, readable while written, whole.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts within a chunk are a few thousand, widths at most 64; the doors check what comes from a file"
)]

mod bits;
mod chunk;
mod epochs;
mod files;
mod floats;
mod reader;
mod readers;
mod ruler;
mod series;
mod spots;
mod view;
mod writer;

pub use reader::{Points, Reader, Stored};
pub use readers::Readers;
pub use spots::Spot;
pub use view::{Bucket, View, Window};
pub use writer::Writer;

use serde::{Deserialize, Serialize};

/// A metric within one store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MetricId(pub u32);

/// What is known of one metric without reading its points. Values are of finite points, unless said otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// Where to find its points.
    pub id: MetricId,
    /// The name it is kept under.
    pub name: String,
    /// The process of a distributed run that printed it.
    pub rank: Option<u32>,
    /// How many points there are, NaN and infinities included.
    pub count: u64,
    /// How many points are NaN.
    pub nan: u64,
    /// How many points are infinite.
    pub infinite: u64,
    /// The first value, whatever it is.
    pub first: f64,
    /// The last value, whatever it is.
    pub last: f64,
    /// The least finite value; NaN where there is none.
    pub min: f64,
    /// The greatest finite value; NaN where there is none.
    pub max: f64,
    /// The best finite value, where the name tells which way is better.
    pub best: Option<f64>,
    /// The last step, where steps are printed.
    pub last_step: Option<u64>,
    /// The last epoch, where epochs are printed.
    pub last_epoch: Option<f64>,
    /// When the first point arrived, in milliseconds since 1970 (UTC).
    pub first_time_ms: i64,
    /// When the last point arrived, in milliseconds since 1970 (UTC).
    pub last_time_ms: i64,
    /// How often the run went back to an earlier step and went on from there: 0 for a run without restarts.
    pub restarts: u32,
}

impl Metric {
    /// Its name, and its rank where a run is distributed: "loss", "loss [1]".
    pub fn key(&self) -> String {
        match self.rank {
            Some(rank) => format!("{} [{rank}]", self.name),
            None => self.name.clone(),
        }
    }
}
