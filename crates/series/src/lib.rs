//! Loss series: recognise them in a log, keep them, view them. No runtime.
//!
//! Invariant: nothing here starts a thread, reads a clock or opens a socket; times are arguments.
//!
//! - [`recognise`]: bytes of a log become [`Point`]s, whatever library printed them.
//! - [`store`]: points are kept whole, in compressed chunks that another process can read as they grow.

pub mod definitions;
mod error;
pub mod names;
mod point;
pub mod recognise;
pub mod store;

pub use definitions::Definitions;
pub use error::{Error, Result};
pub use point::{Axis, Point, Progress};
pub use recognise::Recogniser;
