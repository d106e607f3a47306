//! The one list of providers.
//!
//! A feature per provider, so that tests of pages build with `local` alone.

use curfew_core::provider::Provider;
use curfew_core::{Home, Result};
use std::path::PathBuf;
use std::process::ExitCode;
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
#[cfg(feature = "local")]
pub fn all(home: &Home) -> Result<Setup> {
    let launcher = curfew_local::Launcher::this_program()?;
    let local = curfew_local::Local::new(home.clone(), launcher, curfew_local::Settings::default())?;
    let assets = curfew_local::assets::ensure(home)?;
    Ok(Setup { providers: vec![Arc::new(local)], labs: assets.join("labs") })
}

/// Puts the list together; without this computer there are no labs on disk.
#[cfg(not(feature = "local"))]
pub fn all(home: &Home) -> Result<Setup> {
    Ok(Setup { providers: Vec::<Arc<dyn Provider>>::new(), labs: home.assets() })
}

/// What a program does when its first argument is `supervise`; `args` are those behind it.
#[cfg(feature = "local")]
pub fn supervise(args: impl IntoIterator<Item = std::ffi::OsString>) -> ExitCode {
    curfew_local::supervise::main(args)
}

/// Without this computer as a provider there is nothing to supervise.
#[cfg(not(feature = "local"))]
pub fn supervise(_args: impl IntoIterator<Item = std::ffi::OsString>) -> ExitCode {
    ExitCode::from(2)
}
