//! This computer as a provider: runs and endpoints, each under a supervisor of its own.
//!
//! Stateless above the disk: what is true is what lies under the CURFEW_HOME and in the process table, so the panel,
//! `curfew serve` and a command in a terminal see the same things, and all of them may be killed.
//!
//! - [`Local`] is the provider.
//! - [`supervise::main`] is what `curfew supervise FOLDER` runs. Both binaries dispatch to it before anything else.
//! - [`assets`] are the runners and labs that the binary carries.
//!
//! Linux only: processes are read from /proc.

pub mod assets;
mod care;
mod copy;
mod disk;
mod environment;
mod figures;
mod files;
mod folder;
mod http;
mod kinds;
mod local;
mod machine;
mod model;
mod offers;
mod orders;
mod orphans;
mod pack;
mod power;
mod process;
mod pyjson;
mod python;
mod rules;
mod series;
mod serving;
mod settings;
mod start;
pub mod supervise;
mod training;
mod unpack;
mod venv;

pub use curfew_core::machine::Power;
pub use local::Local;
pub use settings::{Launcher, Settings};
