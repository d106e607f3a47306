//! Nouns and rules of Curfew: money, curfews, runs, endpoints, resources, verdicts, plans, policy, and the provider trait.
//!
//! Invariant: nothing here does I/O, reads a clock, draws a random number, starts a task or names an SDK. What a rule
//! needs to know is an argument, so that every rule can be tested at any hour of any day.

pub mod access;
pub mod connect;
pub mod curfew;
pub mod cx;
pub mod endpoint;
pub mod error;
pub mod home;
pub mod ids;
pub mod intent;
pub mod lab;
pub mod labsheet;
pub mod machine;
pub mod market;
pub mod mode;
pub mod money;
pub mod notice;
pub mod plan;
pub mod policy;
pub mod project;
pub mod provider;
pub mod resource;
pub mod run;
pub mod say;
pub mod sweep;
pub mod verdict;

pub use curfew::{Curfew, CurfewSpec, Enforcer};
pub use cx::{Clock, Cx, Progress};
pub use error::{Error, ErrorKind, Result, Retry};
pub use home::Home;
pub use ids::{AccountId, CloudId, EndpointId, IntentId, LabId, PlanId, RegionName, RunId};
pub use machine::MachineRef;
pub use mode::{Mode, ModeField, ServingMode};
pub use money::{Cost, Currency, HourlyRate, Money};
pub use notice::Notice;
pub use project::Project;
pub use sweep::{Gap, Sweep};

pub use jiff::Timestamp;
