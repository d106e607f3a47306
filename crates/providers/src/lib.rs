//! The one list of providers.
//!
//! A feature per provider, so that tests of pages build with `local` alone.

use curfew_core::provider::Provider;
use curfew_core::{Error, Home, Result};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// Every provider of this home, and what comes with them.
pub struct Setup {
    /// One for each account.
    pub providers: Vec<Arc<dyn Provider>>,
    /// The folder with the guided labs, one folder each.
    pub labs: PathBuf,
    /// Accounts that were found and could not be connected, and why.
    pub problems: Vec<Error>,
}

/// Puts the list together. Writes the runners and labs out for Python, if that has not been done.
///
/// Supervisors are started from the running program, which has to answer to `supervise` (see [`supervise`]).
#[cfg(feature = "local")]
pub fn all(home: &Home) -> Result<Setup> {
    let launcher = curfew_local::Launcher::this_program()?;
    let local = curfew_local::Local::new(home.clone(), launcher, curfew_local::Settings::default())?;
    let assets = curfew_local::assets::ensure(home)?;
    let mut setup = clouds(home);
    setup.providers.insert(0, Arc::new(local));
    setup.labs = assets.join("labs");
    Ok(setup)
}

/// Puts the list together; without this computer there are no labs on disk.
#[cfg(not(feature = "local"))]
pub fn all(home: &Home) -> Result<Setup> {
    Ok(clouds(home))
}

/// The accounts at clouds that need no set-up.
fn clouds(home: &Home) -> Setup {
    #[cfg_attr(not(feature = "aws"), expect(unused_mut, reason = "nothing is added without a cloud"))]
    let mut setup = Setup { providers: Vec::new(), labs: home.assets(), problems: Vec::new() };
    #[cfg(feature = "aws")]
    {
        let found = curfew_aws::accounts::connect_all(&home.root().join("aws-accounts.json"));
        setup.providers.extend(found.accounts.into_iter().map(|a| Arc::new(a) as Arc<dyn Provider>));
        setup.problems.extend(found.problems);
    }
    setup
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
