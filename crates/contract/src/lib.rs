//! The contract suite every provider passes, and a scripted provider with faults. Tests only.

pub mod scripted;
pub mod suite;
