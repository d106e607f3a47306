//! Loss series: recognise them in a log, keep them, view them. No runtime.
//!
//! Invariant: nothing here starts a thread, reads a clock or opens a socket; times are arguments.
//!
//! - [`recognise`]: bytes of a log become [`Point`]s, whatever library printed them.
//! - [`definitions`]: what the user says of a run's metrics: other expressions, names to change, hide and merge.
//! - [`tail`]: a log as it grows, and a log read again.
//! - [`keep`]: a run's output on its way into its series.
//! - [`store`]: points are kept whole, in compressed chunks that another process can read as they grow.
//! - [`export`], [`tbevents`]: series as CSV, JSON, Parquet and TensorBoard events, and events that a script wrote itself.
//! - [`order`]: which metrics come first.
//! - [`smooth`], [`trend`], [`pace`], [`rules`]: curves made smooth, which way they go, when a run will be done, when it
//!   should stop by itself.

pub mod definitions;
mod error;
pub mod export;
pub mod keep;
pub mod names;
pub mod order;
pub mod pace;
mod point;
pub mod recognise;
pub mod rules;
pub mod smooth;
pub mod store;
pub mod tail;
pub mod tbevents;
pub mod trend;

pub use definitions::Definitions;
pub use error::{Error, Result};
pub use keep::{Keeper, Standing};
pub use point::{Axis, Point, Progress};
pub use recognise::Recogniser;
