//! The one list of providers.
//!
//! A feature per provider, so that tests of pages build with `local` alone.

use curfew_core::provider::Provider;
use curfew_core::{Home, Result};
use std::path::PathBuf;
use std::sync::Arc;

/// Every provider of this home, and what comes with them.
pub struct Setup {
    /// One for each account.
    pub providers: Vec<Arc<dyn Provider>>,
    /// The folder with the guided labs, one folder each.
    pub labs: PathBuf,
}

/// Puts the list together. Writes the runners and labs out for Python, if that has not been done.
///
/// Supervisors are started from the running program, which has to answer to `supervise` (see [`supervise`]).
pub fn all(home: &Home) -> Result<Setup> {
    let settings = curfew_local::Settings::default();
    let launcher = curfew_local::Launcher::this_program()?;
    let local = curfew_local::Local::new(home.clone(), launcher, settings)?;
    let assets = curfew_local::assets::ensure(home)?;
    Ok(Setup { providers: vec![Arc::new(local)], labs: assets.join("labs") })
}

/// What a program does when its first argument is `supervise`; `args` are those behind it.
pub fn supervise(args: impl IntoIterator<Item = std::ffi::OsString>) -> std::process::ExitCode {
    curfew_local::supervise::main(args)
}
