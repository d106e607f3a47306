//! Offers and prices: load, filter, rank. No runtime.
//!
//! Invariant: nothing here touches the network, starts a thread or reads a clock. Feeds are read from what the caller
//! hands in, files are read and written only where a path is given.

pub mod amount;
pub mod builder;
pub mod facts;
pub mod offers;
pub mod pack;
pub mod rows;
pub mod snapshot;
pub mod spec;

pub use amount::{Rate, Usd};
pub use builder::{Builder, NewOffer};
pub use offers::{Catalog, Note, Offer, OfferId};
pub use rows::OfferRow;
pub use spec::{Accelerator, Arch, Buy, Class, Slot, Spec};
