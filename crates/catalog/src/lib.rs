//! Offers and prices: load, filter, rank. No runtime.
//!
//! Invariant: nothing here touches the network, starts a thread or reads a clock. Feeds are read from what the caller
//! hands in, files are read and written only where a path is given.

pub mod amount;
pub mod builder;
pub mod cache;
pub mod counts;
pub mod facts;
pub mod feeds;
pub mod finish;
pub mod limits;
pub mod near;
pub mod need;
pub mod offers;
pub mod pack;
mod past;
pub mod pick;
pub mod plan;
pub mod rates;
pub mod rows;
pub mod snapshot;
pub mod spec;
pub mod trial;
pub mod why;
pub mod work;

pub use amount::{Rate, Usd};
pub use builder::{Builder, NewOffer};
pub use counts::By;
pub use finish::{Charge, Costs, Row, Term};
pub use limits::{Limits, QuotaAsk, QuotaLevel, QuotaOrigin, Rules};
pub use near::Near;
pub use need::Vocabulary;
pub use need::{AcceleratorNeed, Accelerators, Data, DataAt, Need};
pub use offers::{Catalog, Note, Offer, OfferId};
pub use past::{Interruptions, Saving, SpotSeen};
pub use pick::Picked;
pub use plan::{Assumptions, Barred, BudgetLeft, Order, Question, StartUp, Times};
pub use rates::Rates;
pub use rows::{OfferRow, PickedRow};
pub use spec::{Accelerator, Arch, Buy, Class, Slot, Spec, cloud_title};
pub use why::{Explained, Reason, WayOut};
pub use work::{Band, MeasuredRun, Seen, Trial, Work};
